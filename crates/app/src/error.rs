use rollcall_domain::filter::ParseError;
use rollcall_domain::{Rejection, Right, Role, Suggestion};
use rollcall_sandbox::{Broken, SyntaxFault, Unavailable};
use rollcall_store::StoreError;

use crate::scripts::place::{Fault, point_at};
use crate::sign_in::denied::Denied;
use crate::table::error::TableError;

/// Why something could not be done. Every message is a sentence for the administrator.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A rule of the domain.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// How something stands, which is not what is asked for.
    #[error("{0}")]
    Conflict(Rejection),
    /// Who asks is not let in.
    #[error(transparent)]
    NotLetIn(#[from] Denied),
    /// The system has too little of something.
    #[error("the system has no {0} left for this: try again")]
    Starved(&'static str),
    /// As much of something is under way as this process does at the same time.
    #[error("{most} {what} are under way, the most that this server does at the same time: try again")]
    Limit {
        /// What, in the plural.
        what: &'static str,
        /// The maximum at the same time.
        most: usize,
    },
    /// The filter's text.
    #[error(transparent)]
    Filter(#[from] ParseError),
    /// It is not as whoever asked has seen it.
    #[error("{what} is at version {found}, not {expected}: it was changed meanwhile; look again and repeat")]
    Outdated {
        /// What was to be changed.
        what: String,
        /// The version that they have seen.
        expected: String,
        /// The version that is there.
        found: String,
    },
    /// No role of the administrator allows it.
    #[error("{}", show_denied(*.right, *.elsewhere))]
    Denied {
        /// What it takes.
        right: Right,
        /// A role allows it, but not where it was asked for.
        elsewhere: bool,
    },
    /// A role of the administrator allows it, and the token that was shown does not.
    #[error(
        "This token has the scopes {}; this needs {}. Create a token with that scope.",
        names(.scopes), .right.name()
    )]
    OutsideScopes {
        /// The scopes of the token.
        scopes: Vec<Right>,
        /// The right that the request needs.
        right: Right,
    },
    /// Nobody grants, or takes, what they lack.
    #[error(
        "{who} cannot grant or take the role {role} there: nobody can grant what they may not do themselves"
    )]
    Ungrantable {
        /// Who asked.
        who: String,
        /// What they wanted to grant.
        role: Role,
    },
    /// Whoever administers some organizations only cannot add an administrator of none.
    #[error("give the new administrator a role within an organization of yours")]
    Ungranted,
    /// The script was archived: it is not on the list, and its versions can be restored.
    #[error("the script {name:?} was archived: restore it")]
    ArchivedScript {
        /// The name of the script.
        name: String,
        /// Its latest version.
        version: i64,
    },
    /// No filter is saved under the name that was given for one.
    #[error("{0}")]
    NoSuchFilter(String),
    /// Scripts cannot be run on this machine.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Workers die for no fault of the script.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// A thread of a run panicked, or ended before its work was done: a defect of Rollcall.
    #[error("internal error in the {thread} thread: {message}; please report it")]
    Panicked {
        /// The thread's task.
        thread: &'static str,
        /// The message of the panic.
        message: String,
    },
    /// The script is not Python.
    #[error("{}", show_syntax(.name, .fault))]
    Syntax {
        /// What the script is called.
        name: String,
        /// What is wrong with it.
        fault: SyntaxFault,
    },
    /// The script's text is wrong.
    #[error("{}", show_faults(.name, .faults))]
    BadScript {
        /// What the script is called.
        name: String,
        /// Everything that is wrong with it.
        faults: Vec<Fault>,
    },
    /// The script's parameters.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Params(Vec<Rejection>),
    /// The column that names the users.
    #[error("{0}")]
    Key(Rejection),
    /// A file of rows cannot be read.
    #[error("{file}: {error}")]
    Table {
        /// What the file is called.
        file: String,
        /// What is wrong with it.
        error: TableError,
    },
    /// A file could not be read or written.
    #[error("{what}: {error}")]
    File {
        /// Which, and what was tried.
        what: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file's rows are wrong; each was reported by itself.
    #[error("nothing was imported: {faults} in {rows}, listed above")]
    BadRows {
        /// How many faults.
        faults: String,
        /// How many rows were looked at.
        rows: String,
    },
}

/// What an error means for whoever asked, whichever door they came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is not known who they are.
    NotLetIn,
    /// The same, and they have to wait for so many seconds before they try again.
    Wait(u64),
    /// They may not.
    Forbidden,
    /// What they name is not there, for them at least.
    Missing,
    /// It does not go with what is there.
    Conflict,
    /// What is there is not the version that they have seen.
    Outdated,
    /// The key of their request was used for another request.
    Reused,
    /// What they say cannot be meant.
    Invalid,
    /// Not now.
    Busy,
    /// Something is wrong here: who looks after this installation has to see to it.
    Internal,
}

impl AppError {
    /// The actions that an administrator can take about it, in the order in which they are to be followed.
    #[must_use]
    pub fn suggestions(&self) -> Vec<Suggestion> {
        match self {
            Self::Rejected(rejection) | Self::Conflict(rejection) | Self::Key(rejection) => {
                rejection.suggestions().to_vec()
            }
            Self::Params(rejections) => rejections.iter().flat_map(Rejection::suggestions).cloned().collect(),
            Self::Ungranted => vec![Suggestion::GrantRole],
            Self::ArchivedScript { name, version } => {
                vec![Suggestion::RestoreScript { name: name.clone(), version: *version }]
            }
            Self::Store(error) => error.suggestions(),
            Self::Table { error, .. } => error.suggestion().into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// What it means for whoever asked.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::NotLetIn(Denied::Wait(seconds)) => Kind::Wait(*seconds),
            Self::NotLetIn(Denied::SignIn | Denied::Session | Denied::Token) => Kind::NotLetIn,
            Self::NotLetIn(Denied::Link)
            | Self::Denied { .. }
            | Self::OutsideScopes { .. }
            | Self::Ungrantable { .. } => Kind::Forbidden,
            Self::Store(error) => match error {
                StoreError::NoSuch(_) => Kind::Missing,
                StoreError::Taken(_)
                | StoreError::InUse(_)
                | StoreError::Stale(_)
                | StoreError::RunLost(_)
                | StoreError::AlreadyApplied { .. }
                | StoreError::Unapproved(_)
                | StoreError::Pruned(_) => Kind::Conflict,
                StoreError::KeyReused(_) => Kind::Reused,
                StoreError::Busy | StoreError::Unreachable { .. } | StoreError::Full => Kind::Busy,
                _ => Kind::Internal,
            },
            Self::ArchivedScript { .. } => Kind::Missing,
            Self::Conflict(_) => Kind::Conflict,
            Self::Starved(_) | Self::Limit { .. } => Kind::Busy,
            Self::Outdated { .. } => Kind::Outdated,
            Self::NotLetIn(Denied::Code)
            | Self::Rejected(_)
            | Self::Filter(_)
            | Self::NoSuchFilter(_)
            | Self::Ungranted
            | Self::Syntax { .. }
            | Self::BadScript { .. }
            | Self::Params(_)
            | Self::Key(_)
            | Self::Table { .. }
            | Self::BadRows { .. } => Kind::Invalid,
            Self::Unavailable(_) | Self::Broken(_) | Self::Panicked { .. } | Self::File { .. } => {
                Kind::Internal
            }
        }
    }

    /// The error that `what` does not exist.
    #[must_use]
    pub fn missing(what: String) -> Self {
        StoreError::NoSuch(what).into()
    }

    /// Of an error of [`Kind::Busy`]: the sentence for a client, which names no database, and the seconds after which the
    /// request may be repeated.
    #[must_use]
    pub fn when_to_repeat(&self) -> (String, u32) {
        match self {
            Self::Store(StoreError::Busy) => ("the database is busy: try again".to_owned(), 1),
            Self::Store(StoreError::Full) => {
                let detail =
                    "the disk of the database is full: nothing can be saved until there is room; try again";
                (detail.to_owned(), 60)
            }
            Self::Store(_) => ("the database cannot be reached: try again".to_owned(), 5),
            other => (other.to_string(), 2),
        }
    }
}

/// The error of a thread that ended before its work was done, without saying why.
pub(crate) fn ended_early(thread: &'static str) -> AppError {
    AppError::Panicked { thread, message: "it ended early".to_owned() }
}

/// Refuses what does not go with how something stands.
pub(crate) fn conflict<T>(why: impl Into<String>) -> Result<T, AppError> {
    Err(AppError::Conflict(Rejection::new(why)))
}

fn names(scopes: &[Right]) -> String {
    scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(", ")
}

fn show_denied(right: Right, elsewhere: bool) -> String {
    let what = if right == Right::Administer { "do this" } else { right.what() };
    let roles = right.roles().map(Role::name).collect::<Vec<_>>().join(" or ");
    if elsewhere {
        return format!(
            "You need the {roles} role for all organizations that this concerns to {what}; you have it for some."
        );
    }
    format!("You need the {roles} role to {what}.")
}

fn show_faults(name: &str, faults: &[Fault]) -> String {
    faults.iter().map(|fault| fault.show(name)).collect::<Vec<_>>().join("\n")
}

/// `script.py, line 2, column 10: …`, then the line with a caret under the place.
fn show_syntax(name: &str, fault: &SyntaxFault) -> String {
    let mut shown = name.to_owned();
    if let Some(line) = fault.line {
        shown.push_str(&format!(", line {line}"));
    }
    if let Some(column) = fault.column {
        shown.push_str(&format!(", column {column}"));
    }
    let message = if fault.message.is_empty() { "the script is too large or nested" } else { &fault.message };
    shown.push_str(&format!(": {}: {message}. No run was started.", fault.kind));
    if let (Some(text), Some(column)) = (&fault.text, fault.column)
        && !text.trim().is_empty()
    {
        shown.push_str(&point_at(text, column));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_databases_have_their_own_words_and_times() {
        let away = StoreError::Unreachable { location: "postgres://db".to_owned(), why: "secret".to_owned() };
        for (error, detail, seconds) in [
            (StoreError::Busy, "the database is busy: try again", 1),
            (away, "the database cannot be reached: try again", 5),
            (
                StoreError::Full,
                "the disk of the database is full: nothing can be saved until there is room; try again",
                60,
            ),
        ] {
            let error = AppError::from(error);
            assert_eq!(error.kind(), Kind::Busy);
            assert_eq!(error.when_to_repeat(), (detail.to_owned(), seconds));
        }
    }
}
