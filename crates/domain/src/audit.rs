//! The audit log: who has done what, in rows that are only ever added. Each row's hash covers all its columns and the hash
//! of the row before it, so none can be altered, removed or moved without all that follow showing it. A log that was
//! rewritten as a whole is found by its head, the last row's number and hash, if that was kept elsewhere.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::columns::ColumnHash;
use crate::{AdministratorId, OrganizationId, Rejection, Suggestion, Timestamp, did_you_mean};

/// A longer text is cut in the log: who it was done by and to may be whatever somebody has typed.
const LONGEST: usize = 500;
/// Whose number and content belong together is looked for among so many numbers on either side.
const NEAR: i64 = 1_000;

macro_rules! actions {
    ($($action:ident $name:literal $what:literal;)*) => {
        /// What can be done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $(#[doc = $what] $action,)*
        }

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$action),*];

            /// As it is written.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$action => $name),* }
            }
        }
    };
}

actions! {
    SignIn "sign-in" "Somebody has signed in.";
    SignInFailed "sign-in-failed" "Somebody has tried to.";
    SignOut "sign-out" "Somebody has signed out.";
    UserAdd "user-add" "A user was added.";
    UserEdit "user-edit" "A user was edited by hand.";
    UserPassword "user-password" "A user's password was set, or removed.";
    UserRemove "user-remove" "A user was removed.";
    Import "import" "Users were imported.";
    Export "export" "Users were exported.";
    Download "download" "Something else was taken away, such as the outcomes of a run.";
    ScriptSave "script-save" "A version of a script was saved.";
    ScriptRemove "script-remove" "A script was removed.";
    FilterSave "filter-save" "A filter was saved.";
    FilterRemove "filter-remove" "A filter was removed.";
    RunStart "run-start" "A script was run, as a preview or for good.";
    RunApply "run-apply" "A preview was applied.";
    RunUndo "run-undo" "A run was undone.";
    RunRetry "run-retry" "A run was repeated for those that had failed.";
    RunBegin "run-begin" "A run that was held was let begin.";
    RunResume "run-resume" "A run was told to go on.";
    RunCancel "run-cancel" "A run was cancelled.";
    RunApprove "run-approve" "Somebody has said yes to the plan of a preview.";
    UploadAdd "upload-add" "A file was sent, to be used later.";
    UploadRemove "upload-remove" "A file that was sent was removed before its time.";
    ProfileAdd "profile-add" "A profile was added.";
    ProfileEdit "profile-edit" "A profile got other items.";
    ProfileRemove "profile-remove" "A profile was removed.";
    OrganizationAdd "organization-add" "An organization was added.";
    OrganizationRename "organization-rename" "An organization got another name.";
    OrganizationRemove "organization-remove" "An organization was removed.";
    AdministratorAdd "administrator-add" "An administrator was added.";
    AdministratorRemove "administrator-remove" "An administrator was removed.";
    Grant "grant" "A role was granted.";
    Revoke "revoke" "A role was taken.";
    PasswordSet "password-set" "An administrator's password was set.";
    AuthenticatorSet "authenticator-set" "An administrator is asked for codes from now on.";
    AuthenticatorRemove "authenticator-remove" "An administrator is asked for codes no more.";
    TokenAdd "token-add" "A token was made.";
    TokenRevoke "token-revoke" "A token was revoked.";
    SessionRevoke "session-revoke" "A session was ended by somebody else.";
    DictionaryLoad "dictionary-load" "A dictionary of RADIUS attributes was loaded, or forgotten.";
    SettingSet "setting-set" "A setting was set, or unset.";
    Prune "prune" "What old runs did was removed.";
    Migrate "migrate" "Everything was copied from another database.";
    AuditExport "audit-export" "The audit log was exported.";
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Action {
    type Err = Rejection;

    fn from_str(name: &str) -> Result<Self, Rejection> {
        Self::ALL.iter().copied().find(|action| action.name() == name).ok_or_else(|| {
            let names = || Self::ALL.iter().map(|action| action.name());
            let hint = match did_you_mean(name, names()) {
                Some(close) => format!("did you mean {close}?"),
                None => format!("the actions are {}", names().collect::<Vec<_>>().join(", ")),
            };
            Rejection::new(format!("there is no action {name:?}; {hint}"))
        })
    }
}

/// Who does something, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act<'a> {
    /// When.
    pub at: Timestamp,
    /// An account of the operating system, such as `cli:maria`, or the name of an administrator.
    pub who: &'a str,
    /// The administrator's number, if it is one.
    pub administrator_id: Option<AdministratorId>,
    /// Where it came from: an address of a network, or the account that acts in an administrator's name.
    pub address: Option<&'a str>,
}

/// What is done. No secret goes in here: the log is shown and exported.
#[derive(Debug, Clone, PartialEq)]
pub struct Deed {
    action: Action,
    subject: String,
    organization_id: Option<OrganizationId>,
    detail: BTreeMap<&'static str, serde_json::Value>,
}

impl Deed {
    /// An action, and what it is done to, such as `run 7` or `user ana.berg`.
    #[must_use]
    pub fn new(action: Action, subject: impl Into<String>) -> Self {
        Self { action, subject: subject.into(), organization_id: None, detail: BTreeMap::new() }
    }

    /// The same, which concerns one organization.
    #[must_use]
    pub fn within(self, organization_id: Option<OrganizationId>) -> Self {
        Self { organization_id, ..self }
    }

    /// The same, with something more that is worth knowing.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<serde_json::Value>) -> Self {
        self.detail.insert(name, value.into());
        self
    }
}

/// A row of the log. In JSON it has all that its hash is made of; `detail` is a text there, since every character counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// From 1, without gaps.
    pub number: i64,
    /// When it was done.
    pub at: Timestamp,
    /// The account or administrator who did it: see [`Act::who`].
    #[serde(rename = "actor")]
    pub who: String,
    /// The number of the administrator who did it.
    pub administrator_id: Option<AdministratorId>,
    /// The organization that it concerns.
    pub organization_id: Option<OrganizationId>,
    /// The name of an [`Action`], or whatever somebody has put there.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// What more is worth knowing: the text of a JSON object.
    pub detail: String,
    /// Where it came from.
    pub address: Option<String>,
    /// The hash of the row before it.
    pub previous: String,
    /// SHA-256 over all of this, in hexadecimal digits.
    pub hash: String,
}

impl AuditEntry {
    /// The row that comes after `head`.
    #[must_use]
    pub fn after(head: Head, act: &Act<'_>, deed: &Deed) -> Self {
        let mut entry = Self {
            number: head.number + 1,
            at: act.at,
            who: storable(act.who),
            administrator_id: act.administrator_id,
            organization_id: deed.organization_id,
            action: deed.action.name().to_owned(),
            subject: storable(&deed.subject),
            detail: serde_json::json!(deed.detail).to_string(),
            address: act.address.map(storable),
            previous: head.hash,
            hash: String::new(),
        };
        entry.hash = entry.hash_at(entry.number);
        entry
    }

    /// The hash that it has if it is the row of this number.
    fn hash_at(&self, number: i64) -> String {
        let Self { number: _, at, who, administrator_id, organization_id, action, subject, .. } = self;
        let Self { detail, address, previous, hash: _, .. } = self;
        let mut hash = ColumnHash::default();
        hash.number(Some(number));
        hash.number(Some(at.as_micros()));
        hash.text(Some(who));
        hash.number(*administrator_id);
        hash.number(*organization_id);
        hash.text(Some(action));
        hash.text(Some(subject));
        hash.text(Some(detail));
        hash.text(address.as_deref());
        hash.text(Some(previous));
        hash.finish()
    }

    /// The head of a log that ends with it.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { number: self.number, hash: self.hash.clone() }
    }
}

/// PostgreSQL has no room for a NUL.
fn storable(text: &str) -> String {
    text.chars().take(LONGEST).map(|c| if c == '\0' { '␀' } else { c }).collect()
}

/// Which rows of the log are wanted: those that satisfy everything that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// By whom.
    pub who: Option<String>,
    /// What was done.
    pub action: Option<Action>,
    /// Not before this moment.
    pub since: Option<Timestamp>,
}

/// The number and the hash of the last row. Kept elsewhere, it shows later that all rows up to there are what they were.
/// As a text: `17:ab12…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The row's number; 0 of an empty log.
    pub number: i64,
    /// The row's hash, 64 hexadecimal digits; all 0 of an empty log.
    pub hash: String,
}

impl Head {
    /// That of an empty log.
    #[must_use]
    pub fn start() -> Self {
        Self { number: 0, hash: "0".repeat(64) }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.hash)
    }
}

impl FromStr for Head {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<Self, Rejection> {
        let read = || {
            let (number, hash) = text.trim().split_once(':')?;
            let number = number.parse().ok().filter(|number| *number >= 0)?;
            let head = Self { number, hash: hash.to_ascii_lowercase() };
            let is_hash = head.hash.len() == 64 && head.hash.bytes().all(|digit| digit.is_ascii_hexdigit());
            (is_hash && (number > 0 || head == Self::start())).then_some(head)
        };
        read().ok_or_else(|| {
            Rejection::new(format!(
                "{text:?} is not the head of an audit log: write a number, a colon and 64 hexadecimal digits"
            ))
            .suggest(Suggestion::ShowAuditHead)
        })
    }
}

/// The first thing that is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// A row is not what it was.
    #[error("row {0} was altered: what it says does not have its hash")]
    Altered(i64),
    /// A row stands at another place.
    #[error("row {number} was renumbered: it was row {was}")]
    Renumbered {
        /// Where it is.
        number: i64,
        /// Where it was.
        was: i64,
    },
    /// Rows are not there.
    #[error("{} missing, before row {}", rows(*.first, *.last), .last + 1)]
    Missing {
        /// The first of them.
        first: i64,
        /// The last of them.
        last: i64,
    },
    /// A row has a number that none can have.
    #[error("row {0} does not belong to the log, which begins with row 1")]
    Stray(i64),
    /// A row does not name the hash of the one before it.
    #[error("row {0} does not continue the row before it: one of the two was put in the place of another")]
    Unlinked(i64),
    /// A head that was kept elsewhere names another row.
    #[error("row {0} has another hash than the head that you have kept: the log was rewritten")]
    Rewritten(i64),
    /// A head that was kept elsewhere names a row that is not there.
    #[error("the log ends at {end}, but the head that you have kept is of {head}: its end was cut off")]
    Cut {
        /// The last row.
        end: i64,
        /// The head's row.
        head: i64,
    },
    /// The log's own head names a row that is not there.
    #[error("the log ends at {end}, but its own head is of {head}: its end was cut off")]
    Short {
        /// The last row.
        end: i64,
        /// The head's row.
        head: i64,
    },
    /// There are rows beyond the log's own head.
    #[error("the log ends at {end}, beyond its own head, which is of {head}: Rollcall has added no such row")]
    Long {
        /// The last row.
        end: i64,
        /// The head's row.
        head: i64,
    },
    /// The log's own head has another hash than the last row.
    #[error("row {0}, the last one, has another hash than the log's own head: one of the two was altered")]
    OtherHead(i64),
}

fn rows(first: i64, last: i64) -> String {
    if first == last { format!("row {first} is") } else { format!("rows {first} to {last} are") }
}

impl Flaw {
    /// The first row that is wrong.
    #[must_use]
    pub fn number(&self) -> i64 {
        match *self {
            Self::Altered(number) | Self::Renumbered { number, .. } | Self::Missing { first: number, .. } => {
                number
            }
            Self::Stray(number) | Self::Unlinked(number) | Self::Rewritten(number) => number,
            Self::Cut { end, .. } | Self::Short { end, .. } => end + 1,
            Self::Long { head, .. } => head + 1,
            Self::OtherHead(number) => number,
        }
    }
}

/// What a look at the whole log has come to: its head, or what is wrong.
pub type Verdict = Result<Head, Flaw>;

/// Follows a log from its first row on.
#[derive(Debug)]
pub struct Chain<'a> {
    kept: Option<&'a Head>,
    last: Head,
}

impl<'a> Chain<'a> {
    /// The log of which this head was kept elsewhere.
    #[must_use]
    pub fn new(kept: Option<&'a Head>) -> Self {
        Self { kept, last: Head::start() }
    }

    /// Checks the next row against the rows before it.
    ///
    /// # Errors
    ///
    /// The first row that is missing, altered, moved or not linked to the one before it.
    pub fn add(&mut self, entry: &AuditEntry) -> Result<(), Flaw> {
        let (number, next) = (entry.number, self.last.number + 1);
        if number > next {
            return Err(Flaw::Missing { first: next, last: number - 1 });
        }
        if number < next {
            return Err(Flaw::Stray(number));
        }
        if entry.hash_at(number) != entry.hash {
            let near = number.saturating_sub(NEAR)..=number.saturating_add(NEAR);
            let was = near.into_iter().find(|was| entry.hash_at(*was) == entry.hash);
            return Err(was.map_or(Flaw::Altered(number), |was| Flaw::Renumbered { number, was }));
        }
        if entry.previous != self.last.hash {
            return Err(Flaw::Unlinked(number));
        }
        self.last = entry.head();
        match self.kept {
            Some(kept) if kept.number == number && *kept != self.last => Err(Flaw::Rewritten(number)),
            _ => Ok(()),
        }
    }

    /// There are no more rows; `own` is the head that the log itself knows.
    pub fn end(self, own: &Head) -> Verdict {
        let end = self.last.number;
        if let Some(kept) = self.kept.filter(|kept| kept.number > end) {
            return Err(Flaw::Cut { end, head: kept.number });
        }
        let head = own.number;
        match head.cmp(&end) {
            std::cmp::Ordering::Greater => Err(Flaw::Short { end, head }),
            std::cmp::Ordering::Less => Err(Flaw::Long { end, head }),
            std::cmp::Ordering::Equal if *own != self.last => Err(Flaw::OtherHead(end)),
            std::cmp::Ordering::Equal => Ok(self.last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Zone;

    fn log(rows: i64) -> Vec<AuditEntry> {
        let mut head = Head::start();
        let entry = |n: i64| {
            let at = Timestamp::from_micros(n).unwrap();
            let act = Act { at, who: "ana", administrator_id: Some(n), address: Some("::1") };
            let deed =
                Deed::new(Action::Grant, format!("user {n}")).within(Some(2)).with("b", 1).with("a", "é");
            let entry = AuditEntry::after(head.clone(), &act, &deed);
            head = entry.head();
            entry
        };
        (1..=rows).map(entry).collect()
    }

    fn verdict(log: &[AuditEntry], own: &Head, kept: Option<&Head>) -> Verdict {
        let mut chain = Chain::new(kept);
        log.iter().try_for_each(|entry| chain.add(entry))?;
        chain.end(own)
    }

    /// Gives every row the hash that it would have if it had always been so.
    fn rehash(log: &mut [AuditEntry]) {
        let mut head = Head::start();
        for entry in log {
            entry.previous = head.hash;
            entry.hash = entry.hash_at(entry.number);
            head = entry.head();
        }
    }

    #[test]
    fn what_is_hashed_is_as_the_reference_says() {
        let entry = &log(1)[0];
        assert_eq!(entry.detail, r#"{"a":"é","b":1}"#);
        assert_eq!(entry.previous, "0".repeat(64));
        assert_eq!(entry.hash, "eae59a13be0c2e9d280ba6b37ed6789bf37a4ec9ba0ff6af23c97a2dcb249c9a");
    }

    #[test]
    fn whatever_is_altered_is_found() {
        let whole = log(3);
        let head = whole[2].head();
        assert_eq!(verdict(&whole, &head, Some(&whole[1].head())), Ok(head.clone()));
        let alter: [fn(&mut AuditEntry); 12] = [
            |entry| entry.at = Timestamp::MIN,
            |entry| entry.who.push(' '),
            |entry| entry.administrator_id = None,
            |entry| entry.organization_id = Some(3),
            |entry| entry.action = "revoke".into(),
            |entry| entry.subject.clear(),
            |entry| entry.detail.push('\n'),
            |entry| entry.address = None,
            |entry| entry.address = Some(String::new()),
            |entry| entry.previous = "1".repeat(64),
            |entry| entry.hash.make_ascii_uppercase(),
            // What one column loses another gains.
            |entry| (entry.action, entry.subject) = ("grantu".into(), entry.subject[1..].into()),
        ];
        for (row, alter) in (0..3).flat_map(|row| alter.map(|alter| (row, alter))) {
            let mut log = whole.clone();
            alter(&mut log[row]);
            assert_eq!(verdict(&log, &head, None), Err(Flaw::Altered(whole[row].number)), "{:?}", log[row]);
        }
    }

    #[test]
    fn what_is_missing_moved_or_new_is_found() {
        let whole = log(9);
        let head = whole[8].head();
        let found = |log: &[AuditEntry]| verdict(log, &head, None).unwrap_err();
        for gone in 0..8 {
            let mut log = whole.clone();
            log.remove(gone);
            let number = whole[gone].number;
            assert_eq!(found(&log), Flaw::Missing { first: number, last: number });
            (1..).zip(&mut log).for_each(|(number, entry)| entry.number = number);
            assert_eq!(found(&log), Flaw::Renumbered { number, was: number + 1 });
        }
        let mut log = whole.clone();
        (log[3].number, log[6].number) = (7, 4);
        log.swap(3, 6);
        assert_eq!(found(&log), Flaw::Renumbered { number: 4, was: 7 });
        assert_eq!(
            found(&whole[..6]).to_string(),
            "the log ends at 6, but its own head is of 9: its end was cut off"
        );
        let gap = found(&[&whole[..2], &whole[4..]].concat());
        assert_eq!(gap.to_string(), "rows 3 to 4 are missing, before row 5");
        let mut log = whole.clone();
        log[4].who = "ben".into();
        log[4].hash = log[4].hash_at(5);
        assert_eq!(found(&log), Flaw::Unlinked(6));
        assert_eq!(verdict(&log[..5], &whole[4].head(), None), Err(Flaw::OtherHead(5)));
        assert_eq!(verdict(&whole, &whole[4].head(), None), Err(Flaw::Long { end: 9, head: 5 }));
        assert_eq!(verdict(&whole, &Head::start(), None).unwrap_err().number(), 1);
        let mut stray = whole[0].clone();
        stray.number = 0;
        assert_eq!(found(&[&[stray], &whole[..]].concat()), Flaw::Stray(0));
    }

    #[test]
    fn a_head_that_was_kept_shows_what_the_log_alone_cannot() {
        let whole = log(9);
        let kept = whole[6].head();
        let mut rewritten = whole.clone();
        rewritten[2].who = "ben".into();
        rehash(&mut rewritten);
        let head = rewritten[8].head();
        assert_eq!(verdict(&rewritten, &head, None), Ok(head.clone()));
        assert_eq!(verdict(&rewritten, &head, Some(&kept)), Err(Flaw::Rewritten(7)));
        assert_eq!(
            verdict(&whole[..4], &whole[3].head(), Some(&kept)).unwrap_err().to_string(),
            "the log ends at 4, but the head that you have kept is of 7: its end was cut off"
        );
        assert_eq!(verdict(&[], &Head::start(), None), Ok(Head::start()));
        assert_eq!(verdict(&[], &Head::start(), Some(&kept)), Err(Flaw::Cut { end: 0, head: 7 }));
    }

    #[test]
    fn heads_and_actions_are_read_as_they_are_written() {
        for head in [Head::start(), log(4)[3].head()] {
            assert_eq!(head.to_string().parse::<Head>().unwrap(), head);
            assert_eq!(format!(" {}\n", head.to_string().to_uppercase()).parse::<Head>().unwrap(), head);
        }
        let hash = "a".repeat(64);
        for text in
            ["", "7", "7:", "7:ab", &format!("-7:{hash}"), &format!("0:{hash}"), &format!("7:{hash}a")]
        {
            assert!(text.parse::<Head>().is_err(), "{text}");
        }
        for action in Action::ALL {
            assert_eq!(action.name().parse::<Action>().unwrap(), *action);
        }
        assert!("sign-on".parse::<Action>().unwrap_err().to_string().contains("did you mean sign-in?"));
    }

    #[test]
    fn whatever_somebody_typed_can_be_kept() {
        let at = Timestamp::parse("2026-11-23T12:00:00.000001Z", &Zone::utc()).unwrap();
        let who = "\0".repeat(9_000);
        let act = Act { at, who: &who, administrator_id: None, address: None };
        let entry =
            AuditEntry::after(Head::start(), &act, &Deed::new(Action::SignInFailed, "a\0").with("b", "\0"));
        assert_eq!((entry.who, entry.subject.as_str()), ("␀".repeat(LONGEST), "a␀"));
        assert_eq!(entry.detail, r#"{"b":"\u0000"}"#);
    }
}
