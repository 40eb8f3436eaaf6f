//! Whether FreeRADIUS finds in the database what it needs.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rollcall_domain::{Dictionary, DictionarySource, Item, Operator, Profile, Right, Secret, Suggestion};
use rollcall_store::Location;

use crate::error::AppError;
use crate::operations::RadiusOperations;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether it is as it should be; none: it is worth knowing.
    pub good: Option<bool>,
    /// What it is, and where it is not good, what to do.
    pub what: String,
    /// The action that an administrator can take about it.
    pub suggestion: Option<Suggestion>,
}

impl Finding {
    fn new(good: bool, what: impl Into<String>) -> Self {
        Self { good: Some(good), what: what.into(), suggestion: None }
    }

    fn note(what: impl Into<String>) -> Self {
        Self { good: None, what: what.into(), suggestion: None }
    }

    fn suggest(self, suggestion: Suggestion) -> Self {
        Self { suggestion: Some(suggestion), ..self }
    }
}

impl RadiusOperations<'_> {
    /// Checks what FreeRADIUS needs. On PostgreSQL it connects as `role`; with a password that is tried.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn check_setup(self, role: &str, password: Option<&Secret>) -> Result<Vec<Finding>, AppError> {
        let permit = self.app.require_permission_everywhere(Right::Administer)?;
        let mut findings = match permit.location() {
            Location::Sqlite(path) => files(&std::path::absolute(&path).unwrap_or(path)),
            Location::Postgres(_) => {
                let mut findings = Vec::new();
                if permit.radius().has_role(role)? {
                    findings.extend(rights(role, &permit.radius().rights_of_role(role)?));
                } else {
                    findings.push(Finding::new(
                        false,
                        format!(
                            "there is no role {role}: execute role.sql of the written FreeRADIUS configuration"
                        ),
                    )
                    .suggest(Suggestion::WriteRadiusConfig));
                }
                if let Some(password) = password {
                    findings.push(match permit.radius().read_as(role, password) {
                        Ok(()) => Finding::new(
                            true,
                            format!("{role} connects with its password and reads the views"),
                        ),
                        Err(error) => Finding::new(false, format!("{role} does not come in: {error}")),
                    });
                }
                findings
            }
        };
        let dictionary = self.known_attributes()?;
        findings.push(known(&dictionary));
        findings.extend(unknown(&dictionary, permit.radius().attributes_in_use()?));
        for profile in permit.profiles().all()? {
            findings.extend(of_profile(&dictionary, &profile));
        }
        let without = permit.radius().users_without_password()?;
        if without > 0 {
            findings.push(Finding::note(format!(
                "{without} of the active users have no password: they come in only where a profile says Auth-Type := Accept"
            )));
        }
        Ok(findings)
    }
}

fn rights(role: &str, all: &[(String, bool, bool)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (what, has, needed) in all {
        match (has, needed) {
            (false, true) => findings.push(Finding::new(
                false,
                format!("{role} lacks a right: GRANT {what} TO {role}, or execute role.sql again"),
            )),
            (true, false) => findings.push(Finding::new(
                false,
                format!("{role} has a right that it does not need: REVOKE {what} FROM {role}"),
            )),
            _ => {}
        }
    }
    if findings.is_empty() {
        findings.push(Finding::new(true, format!("{role} has exactly the rights that it needs")));
    }
    findings
}

/// Whether somebody beside the owner, as FreeRADIUS's account is, can write the files.
fn files(path: &Path) -> Vec<Finding> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let beside = |suffix: &str| PathBuf::from(format!("{}{suffix}", path.display()));
    let places = [folder.to_owned(), path.to_owned(), beside("-wal"), beside("-shm")];
    let there = places.iter().filter_map(|place| Some((place, std::fs::metadata(place).ok()?)));
    let closed: Vec<_> = there
        .filter(|(_, facts)| facts.permissions().mode() & 0o020 == 0)
        .map(|(place, facts)| format!("{} (group {})", place.display(), facts.gid()))
        .collect();
    vec![if closed.is_empty() {
        Finding::new(
            true,
            format!("the group of {} can write it, as FreeRADIUS's account has to", path.display()),
        )
    } else {
        Finding::new(
            false,
            format!(
                "only the owner can write {}: unless FreeRADIUS has the same account, give both accounts a group, and let it \
                 write with chgrp and chmod g+w, as README.md of the written FreeRADIUS configuration says",
                closed.join(", ")
            ),
        )
        .suggest(Suggestion::WriteRadiusConfig)
    }]
}

fn known(dictionary: &Dictionary) -> Finding {
    let count = dictionary.entries().len();
    match dictionary.source() {
        DictionarySource::BuiltIn => Finding::note(format!(
            "attributes are looked up in the {count} that come with Rollcall: load dictionaries for \
             those of vendors"
        ))
        .suggest(Suggestion::LoadDictionaries),
        DictionarySource::Machine => Finding::new(
            true,
            format!("attributes are looked up in the {count} of this machine's FreeRADIUS"),
        ),
        DictionarySource::Loaded => {
            Finding::new(true, format!("attributes are looked up in the {count} that were loaded"))
        }
    }
}

/// Names that FreeRADIUS does not know. Values of users are looked at when they are written.
fn unknown(
    dictionary: &Dictionary,
    used: Vec<(rollcall_domain::ItemKind, String, u64)>,
) -> impl Iterator<Item = Finding> {
    used.into_iter().filter_map(|(kind, attr, rows)| {
        let item = Item { attr, operation: Operator::Present, value: String::new() };
        let why = dictionary.warn_of(&item).err()?;
        let s = if rows == 1 { "" } else { "s" };
        Some(Finding::new(false, format!("{rows} {}{s} of users: {why}", kind.noun())))
    })
}

fn of_profile(dictionary: &Dictionary, profile: &Profile) -> impl Iterator<Item = Finding> {
    let all = profile.reply.iter().chain(&profile.check);
    let whys: Vec<_> = all.filter_map(|item| dictionary.warn_of(item).err()).collect();
    let name = profile.short_name.clone();
    whys.into_iter().map(move |why| Finding::new(false, format!("profile {name}: {why}")))
}
