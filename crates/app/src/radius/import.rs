//! Users, groups, items and passwords of a FreeRADIUS that has a database of its own: they become users, profiles,
//! attributes and passwords here. Whatever cannot be carried over is told, and the rest is.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_domain::{
    Assignment, Dictionary, Field, Item, ItemKind, ItemRow, Organization, PasswordScheme, Profile, Rejection,
    Right, Scope, Timestamp, User, UserPassword,
};
use rollcall_store::{
    Added, Decision, Foreign, ForeignItem, ForeignUser, Import, Location, Newcomer, StoreError,
};

use crate::app::App;
use crate::error::AppError;
use crate::operations::RadiusOperations;

/// Users are read and added so many at a time.
const PAGE: u32 = 1_000;
/// The group with which daloRADIUS keeps users out.
const DISABLED: &str = "daloRADIUS-Disabled-Users";
/// Of `userinfo` there is room for these. The others are counted.
const OF_INFO: [(&str, Field); 4] = [
    ("firstname", Field::FirstName),
    ("lastname", Field::LastName),
    ("email", Field::Email),
    ("notes", Field::Description),
];
/// What `userinfo` has for itself.
const NOT_OF_USERS: [&str; 9] = [
    "id",
    "username",
    "creationdate",
    "creationby",
    "updatedate",
    "updateby",
    "changeuserinfo",
    "enableportallogin",
    "portalloginpassword",
];

/// What is to be taken over.
#[derive(Debug, Clone, Copy)]
pub struct RadiusImport<'a> {
    /// The database of FreeRADIUS.
    pub from: &'a Location,
    /// The organization that the users are to belong to; it is made if there is none.
    pub organization: &'a str,
    /// Only tell what would be done.
    pub rehearse: bool,
}

/// What was taken over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RadiusImported {
    /// How many users.
    pub users: u64,
    /// How many users of those that there were could not be.
    pub left_out: u64,
    /// How many profiles are new.
    pub profiles: u64,
    /// How many passwords there are.
    pub passwords: u64,
    /// Columns of `userinfo` that have no place here, with the number of users who have something there.
    pub without_place: BTreeMap<String, u64>,
}

impl<'a> RadiusOperations<'a> {
    /// Imports users and groups from the database of a FreeRADIUS. `report` gets each item that cannot be imported, and
    /// why.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if the other database cannot be read.
    pub fn import_database(
        self,
        wanted: RadiusImport<'_>,
        report: &mut dyn FnMut(&str, &str),
    ) -> Result<RadiusImported, AppError> {
        let permit = self.app.require_permission_everywhere(Right::Administer)?;
        if self.app.require_permission(Right::EditUsers)?.scope != Scope::Everywhere {
            return Err(self.app.permission_denied(Right::EditUsers, true));
        }
        Organization::check_name(wanted.organization)?;
        let foreign = Foreign::open(wanted.from)?;
        let (dictionary, strict) = (self.known_attributes()?, self.refuses_unknown_attributes()?);
        let done = permit.users().import::<_, StoreError>(|import| {
            let organization = import.organization(wanted.organization)?;
            let mut way = Way {
                app: self.app,
                import,
                dictionary: &dictionary,
                strict,
                organization,
                now: self.app.now(),
                report: &mut *report,
                line: 0,
                done: RadiusImported::default(),
            };
            way.profiles(&foreign)?;
            let mut after = String::new();
            loop {
                let page = foreign.users_after(&after, PAGE)?;
                let Some(last) = page.last() else { break };
                after.clone_from(&last.username);
                way.users(page)?;
            }
            let done = way.done;
            import.record(&self.app.act(), done.users)?;
            Ok(if wanted.rehearse { Decision::RollBack(done) } else { Decision::Commit(done) })
        })?;
        Ok(done)
    }
}

/// What is on its way from one database into the other.
struct Way<'a, 'b> {
    app: &'a App,
    import: &'a mut Import<'b>,
    dictionary: &'a Dictionary,
    strict: bool,
    organization: i64,
    now: Timestamp,
    report: &'a mut dyn FnMut(&str, &str),
    /// The number of the user.
    line: u64,
    done: RadiusImported,
}

impl Way<'_, '_> {
    fn tell(&mut self, what: &str, why: impl std::fmt::Display) {
        (self.report)(what, &why.to_string());
    }

    /// Makes profiles of all groups. One that is here already is taken as it is.
    fn profiles(&mut self, foreign: &Foreign) -> Result<(), StoreError> {
        for group in foreign.groups()?.into_iter().filter(|group| group.name != DISABLED) {
            let what = format!("group {}", group.name);
            if let Err(why) = Profile::check_name(&group.name) {
                self.tell(&what, why);
                continue;
            }
            if self.import.catalogue().id(&group.name).is_some() {
                self.tell(&what, "there is a profile of this name already, which stays as it is");
                continue;
            }
            let check = self.items(&what, ItemKind::Check, &group.check);
            let reply = self.items(&what, ItemKind::Reply, &group.reply);
            self.import.add_profile(&group.name, [&reply, &check])?;
            self.done.profiles += 1;
        }
        Ok(())
    }

    fn items(&mut self, what: &str, kind: ItemKind, from: &[ForeignItem]) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        for foreign in from {
            let ForeignItem { attr, op, value } = foreign;
            if attr == "Fall-Through" {
                if !value.eq_ignore_ascii_case("yes") && value != "1" {
                    self.tell(
                        what,
                        format!("Fall-Through {op} {value}: here every profile of a user counts"),
                    );
                }
                continue;
            }
            let read = Item::new(kind, attr, op, bare(value));
            let known = read.and_then(|item| match self.dictionary.warn_of(&item) {
                Err(why) if self.strict => Err(why),
                Err(why) => {
                    self.tell(what, format!("{item} is kept, but {why}"));
                    Ok(item)
                }
                Ok(()) => Ok(item),
            });
            match known {
                Ok(item) if items.contains(&item) => {}
                Ok(item) => items.push(item),
                Err(why) => self.tell(what, format!("{attr} {op} {value}: {why}")),
            }
        }
        items
    }

    fn users(&mut self, page: Vec<ForeignUser>) -> Result<(), StoreError> {
        let mut ready = Vec::with_capacity(page.len());
        for foreign in page {
            self.line += 1;
            let name = foreign.username.clone();
            match self.user(foreign) {
                Ok((user, password)) => ready.push((self.line, user, password)),
                Err(why) => {
                    self.done.left_out += 1;
                    self.tell(&format!("user {name:?}"), why);
                }
            }
        }
        let newcomers: Vec<_> = ready
            .iter()
            .map(|(line, user, password)| Newcomer::User {
                line: *line,
                id: None,
                user,
                password: password.as_ref(),
            })
            .collect();
        let added = self.import.add_all(&newcomers)?;
        for ((_, user, password), added) in ready.iter().zip(added) {
            if let Some(Added::As(_)) = added {
                self.done.users += 1;
                self.done.passwords += u64::from(password.is_some());
            } else {
                self.done.left_out += 1;
                self.tell(&format!("user {}", user.username), "there is a user of this name already");
            }
        }
        Ok(())
    }

    fn user(&mut self, foreign: ForeignUser) -> Result<(User, Option<UserPassword>), Rejection> {
        let ForeignUser { username, check, reply, groups, info } = foreign;
        let what = format!("user {username}");
        let mut user = User::new(0, "", self.organization, self.now);
        user.put(Field::Username, rollcall_domain::Value::Text(username))?;
        user.username_length = User::new(0, &user.username, 0, self.now).username_length;
        let mut password = None;
        let mut others = Vec::new();
        for item in check {
            match item.attr.to_ascii_lowercase().as_str() {
                "auth-type" if item.value.eq_ignore_ascii_case("reject") => user.is_active = false,
                "expiration" => match self.moment(&item.value) {
                    Some(moment) => user.expiration = Some(moment),
                    None => others.push(item),
                },
                name if !is_password(name) => others.push(item),
                _ => match read_password(&item) {
                    Ok(_) if password.is_some() => {
                        self.tell(
                            &what,
                            format!("{}: a user has one password, and the first is kept", item.attr),
                        );
                    }
                    Ok(read) => password = Some(read),
                    // Not the password itself.
                    Err(why) => self.tell(&what, format!("{}: {why}", item.attr)),
                },
            }
        }
        let rows = |items: Vec<Item>| (1..).zip(items).map(|(at, item)| ItemRow::new(item, at)).collect();
        user.check_attributes = rows(self.items(&what, ItemKind::Check, &others));
        user.attributes = rows(self.items(&what, ItemKind::Reply, &reply));
        for group in groups {
            if group == DISABLED {
                user.is_active = false;
                continue;
            }
            let Some(id) = self.import.catalogue().id(&group) else {
                self.tell(&what, format!("group {group}: it could not become a profile"));
                continue;
            };
            if let Err(why) = self.import.catalogue().offer(id, user.organization_id) {
                self.tell(&what, why);
                continue;
            }
            if user.profiles.iter().all(|assigned| assigned.id != id) {
                let priority = user.profiles.len() as i64 + 1;
                user.profiles.push(Assignment { id, short_name: group, priority });
            }
        }
        self.info(&what, &mut user, info);
        Ok((user, password))
    }

    fn info(&mut self, what: &str, user: &mut User, info: Vec<(String, String)>) {
        let mut without_place = BTreeSet::new();
        for (column, text) in info {
            if let Some((_, field)) = OF_INFO.iter().find(|(known, _)| *known == column) {
                if let Err(why) = user.put(*field, rollcall_domain::Value::Text(text)) {
                    self.tell(what, format!("userinfo.{column}: {why}"));
                }
            } else if column == "creationdate" {
                let joined = Timestamp::parse(&text, self.app.zone()).ok();
                user.date_joined = joined.unwrap_or(user.date_joined);
            } else if !NOT_OF_USERS.contains(&column.as_str()) {
                without_place.insert(column);
            }
        }
        for column in without_place {
            *self.done.without_place.entry(column).or_default() += 1;
        }
    }

    /// A date as FreeRADIUS's `Expiration` has it: `31 Jan 2027`, `Jan 31 2027 12:00:00`, seconds since 1970.
    fn moment(&self, text: &str) -> Option<Timestamp> {
        let text = text.trim().trim_matches(['"', '\'']);
        if let Ok(seconds) = text.parse::<i64>() {
            return seconds.checked_mul(1_000_000).and_then(Timestamp::from_micros);
        }
        const MONTHS: [&str; 12] =
            ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
        let month = |word: &str| {
            let word = word.to_ascii_lowercase();
            (1..).zip(MONTHS).find(|(_, month)| word.starts_with(month)).map(|(number, _)| number)
        };
        let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
        let civil = match words.as_slice() {
            [first, second, year, rest @ ..] if rest.len() <= 2 => {
                let (month, day) = month(first)
                    .map(|month| (month, second))
                    .or_else(|| month(second).map(|month| (month, first)))?;
                let day: u8 = day.parse().ok()?;
                let year: u16 = year.parse().ok()?;
                let offset = match rest.get(1) {
                    None => "",
                    Some(&("UTC" | "GMT" | "Z")) => "Z",
                    Some(_) => return None,
                };
                format!("{year:04}-{month:02}-{day:02}T{}{offset}", rest.first().unwrap_or(&"00:00:00"))
            }
            _ => text.to_owned(),
        };
        Timestamp::parse(&civil, self.app.zone()).ok()
    }
}

/// A value without the quotes that FreeRADIUS takes off.
fn bare(value: &str) -> &str {
    let inside = |quote| value.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).unwrap_or(value)
}

/// Whether a check item with this name, in lower case, holds a password.
fn is_password(attr: &str) -> bool {
    // FreeRADIUS wrote `Password` before there were other schemes.
    matches!(attr, "password" | "password-with-header") || attr.ends_with("-password")
}

/// Reads the password of a check item that holds one.
///
/// # Errors
///
/// If the scheme is unknown, or the value is none of its scheme.
fn read_password(item: &ForeignItem) -> Result<UserPassword, Rejection> {
    let value = bare(&item.value);
    match item.attr.to_ascii_lowercase().as_str() {
        "user-password" | "password" => UserPassword::new(PasswordScheme::Cleartext, value),
        "password-with-header" => UserPassword::parse(value),
        _ => match item.attr.parse::<PasswordScheme>()? {
            // Those of PBKDF2 have a header of their own.
            PasswordScheme::Pbkdf2 => {
                UserPassword::new(PasswordScheme::Pbkdf2, value.trim_start_matches("{x-pbkdf2}"))
            }
            scheme => UserPassword::new(scheme, value),
        },
    }
}
