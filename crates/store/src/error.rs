use std::path::{Path, PathBuf};

use ::postgres::error::SqlState;
use rollcall_domain::{Suggestion, Unapproved};
use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::pg_url::PgUrl;
use crate::tls;

/// Why the database could not do what was asked: a sentence that says what to do where there is something to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The location is not one.
    #[error("{0}")]
    Location(String),
    /// There is no such file.
    #[error("there is no database {0}: create it, or name another one")]
    Missing(PathBuf),
    /// The file is something else.
    #[error("{0} is not a Rollcall database: name another file")]
    Foreign(PathBuf),
    /// The schema is of a later version.
    #[error(
        "{path} was made by a newer Rollcall (its schema is version {found}, this Rollcall knows {known}): use that \
         one"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema's version.
        found: i64,
        /// The version that this program knows.
        known: i64,
    },
    /// The schema is of an earlier version.
    #[error(
        "{path} was made by an older Rollcall (its schema is version {found}, this one needs {known}): make a copy, \
         then bring it up to date"
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its schema's version.
        found: i64,
        /// The version that this program needs.
        known: i64,
    },
    /// The file or its folder cannot be written.
    #[error(
        "cannot write {path} ({why}): SQLite needs to write the file and its folder; change their owner or mode, or \
         name another place"
    )]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The disk is full.
    #[error("the disk is full: what was being written has been taken back; make room and try again")]
    Full,
    /// Somebody else holds the lock for too long.
    #[error(
        "the database is busy: another process has been writing for a long time; try again when it is done"
    )]
    Busy,
    /// A name that must be unique is taken.
    #[error("{0} is already taken")]
    Taken(String),
    /// There is no such thing.
    #[error("there is no {0}")]
    NoSuch(String),
    /// What was to be removed is still needed.
    #[error("{0}")]
    InUse(String),
    /// Somebody else wrote meanwhile.
    #[error("{0} was changed by somebody else meanwhile: look again and repeat")]
    Stale(String),
    /// A run is no longer this process's to write.
    #[error("run {0} has been ended or taken over by another process")]
    RunLost(i64),
    /// A preview serves only once.
    #[error("preview {preview} has been applied already, by run {by}: preview again to apply again")]
    AlreadyApplied {
        /// The preview.
        preview: i64,
        /// The run that has applied it.
        by: i64,
    },
    /// The key of a request was used for another one.
    #[error(
        "the key of this request was used for another one, which made run {0}: make up a new key for each request"
    )]
    KeyReused(i64),
    /// A run may not write without a second administrator.
    #[error(transparent)]
    Unapproved(#[from] Unapproved),
    /// What a run did is no longer known.
    #[error(
        "the outcomes of run {0} were pruned: it can no longer be undone, applied, retried or chosen from"
    )]
    Pruned(i64),
    /// What is stored cannot be understood.
    #[error("the database holds something that Rollcall did not write: {0}")]
    Corrupt(String),
    /// The database has no schema.
    #[error("{0} is empty: create Rollcall's tables in it")]
    Empty(String),
    /// The server cannot be used.
    #[error("cannot use {location}: {why}")]
    Unreachable {
        /// The database, without its password.
        location: String,
        /// What the server or the system said, and what to do.
        why: String,
    },
    /// The server is too old.
    #[error("the server is PostgreSQL {found}; Rollcall needs {oldest} or newer")]
    OldServer {
        /// Its major version.
        found: i32,
        /// The oldest that does.
        oldest: i32,
    },
    /// A statement took longer than the server lets it.
    #[error(
        "the server ended a statement ({0}): if its time was up, give it more with \
         '?options=-c%20statement_timeout%3D10min' in the database's URL"
    )]
    Ended(String),
    /// The user of the database may not do that.
    #[error("{what}: {remedy}")]
    Forbidden {
        /// What the server said.
        what: String,
        /// Who can change that, and how.
        remedy: &'static str,
    },
    /// The server takes no writes.
    #[error(
        "the server only reads ({0}): if it is a standby, name its primary, or all of them with \
         '?target_session_attrs=read-write' in the database's URL"
    )]
    ReadOnly(String),
    /// What was prepared on a connection is not there, or is somebody else's.
    #[error(
        "the server does not know what was prepared on this connection ({0}): if PgBouncer is between, it needs \
         pool_mode = session for this database"
    )]
    Pooled(String),
    /// The database is half a copy of another one.
    #[error(
        "this database is only half a copy of {from}: migrate {from} to it again, which continues the copy"
    )]
    HalfCopied {
        /// What it is copied from, without a password.
        from: String,
    },
    /// A database that is to be filled has something in it.
    #[error(
        "{location} is not empty, there are rows in its table {table}: only an empty database can be migrated \
         to; name another one"
    )]
    Occupied {
        /// The database, without its password.
        location: String,
        /// One table that has something.
        table: &'static str,
    },
    /// A database is to be copied into itself.
    #[error("{0} is the database that is to be copied: name another one")]
    SameDatabase(String),
    /// PostgreSQL has no room for this character.
    #[error(
        "the row {key} of the table {table} has a NUL character in its column {column}, which PostgreSQL cannot keep: \
         change or remove it, then migrate again; pruning removes old outcomes"
    )]
    Nul {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        key: String,
    },
    /// Anything else.
    #[error("the database failed: {0}")]
    Failed(rusqlite::Error),
    /// Anything else, on PostgreSQL.
    #[error("the database failed: {}", explain(.0))]
    Server(::postgres::Error),
}

/// What a user needs who works with Rollcall's tables.
const USE_TABLES: &str = "the user of the URL needs what their owner can give: GRANT SELECT, INSERT, UPDATE, DELETE ON \
    ALL TABLES IN SCHEMA public TO …; GRANT SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO …";

/// What a user needs who makes them.
const MAKE_TABLES: &str = "the user of the URL needs what the owner of the database can give: GRANT USAGE, CREATE ON \
    SCHEMA public TO …; tables that are there already are brought up to date by their owner";

/// What the server says, with its details and its hint.
fn explain(error: &::postgres::Error) -> String {
    let Some(db) = error.as_db_error() else {
        let cause = std::error::Error::source(error).map_or_else(String::new, |cause| format!(": {cause}"));
        return format!("{error}{cause}");
    };
    let more = |text: Option<&str>| text.map_or_else(String::new, |text| format!(" ({text})"));
    format!("{}{}{}", db.message(), more(db.detail()), more(db.hint()))
}

impl From<::postgres::Error> for StoreError {
    fn from(error: ::postgres::Error) -> Self {
        match error.code() {
            Some(&SqlState::DISK_FULL) => Self::Full,
            Some(
                &SqlState::LOCK_NOT_AVAILABLE
                | &SqlState::T_R_SERIALIZATION_FAILURE
                | &SqlState::T_R_DEADLOCK_DETECTED,
            ) => Self::Busy,
            Some(&SqlState::QUERY_CANCELED) => Self::Ended(explain(&error)),
            Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => Self::ReadOnly(explain(&error)),
            Some(&SqlState::DUPLICATE_PSTATEMENT | &SqlState::INVALID_SQL_STATEMENT_NAME) => {
                Self::Pooled(explain(&error))
            }
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                Self::Forbidden { what: explain(&error), remedy: USE_TABLES }
            }
            _ => Self::Server(error),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            // The index beside the log could not grow, which even reading may need.
            Some(_) if extended_code(&error) == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE) => Self::Full,
            _ => Self::Failed(error),
        }
    }
}

impl StoreError {
    /// The actions that an administrator can take about it.
    #[must_use]
    pub fn suggestions(&self) -> Vec<Suggestion> {
        match self {
            Self::Missing(_) => vec![Suggestion::CreateDatabase, Suggestion::ChooseDatabase],
            Self::Foreign(_) | Self::Unwritable { .. } => vec![Suggestion::ChooseDatabase],
            Self::Empty(_) => vec![Suggestion::CreateDatabase],
            Self::Older { .. } => vec![Suggestion::UpgradeDatabase],
            Self::Unapproved(unapproved) => unapproved.suggestions(),
            Self::HalfCopied { from } => vec![Suggestion::ResumeMigration { from: from.clone() }],
            Self::Occupied { .. } | Self::SameDatabase(_) => vec![Suggestion::ChooseMigrationTarget],
            Self::Nul { .. } => vec![Suggestion::PruneOutcomes],
            _ => Vec::new(),
        }
    }

    /// Whether a statement failed because a unique value was already there.
    pub(crate) fn is_taken(&self) -> bool {
        match self {
            Self::Failed(rusqlite::Error::SqliteFailure(failure, _)) => [
                ffi::SQLITE_CONSTRAINT_UNIQUE,
                ffi::SQLITE_CONSTRAINT_PRIMARYKEY,
                ffi::SQLITE_CONSTRAINT_ROWID,
            ]
            .contains(&failure.extended_code),
            Self::Server(error) => error.code() == Some(&SqlState::UNIQUE_VIOLATION),
            _ => false,
        }
    }

    /// Whether a user's name was given to somebody else in the same moment.
    pub(crate) fn is_taken_name(&self) -> bool {
        self.constraint() == Some("users_username_key")
    }

    /// Whether somebody else has committed an outcome of the same target in the same moment.
    pub(crate) fn is_known_outcome(&self) -> bool {
        self.constraint() == Some("outcomes_pkey")
    }

    fn constraint(&self) -> Option<&str> {
        let Self::Server(error) = self else { return None };
        error.as_db_error().and_then(|error| error.constraint())
    }

    /// Whether the server could not be talked to, so that the same may succeed a moment later.
    #[must_use]
    pub fn is_disconnection(&self) -> bool {
        let Self::Server(error) = self else { return matches!(self, Self::Unreachable { .. }) };
        let gone = [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::CONNECTION_EXCEPTION,
            SqlState::CONNECTION_FAILURE,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ];
        match error.code() {
            Some(code) => gone.contains(code),
            // Nothing that the server said.
            None => {
                error.is_closed()
                    || std::error::Error::source(error)
                        .is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
            }
        }
    }

    /// Whether a statement failed because of a reference.
    pub(crate) fn is_referenced(&self) -> bool {
        match self {
            Self::Failed(rusqlite::Error::SqliteFailure(failure, _)) => {
                failure.extended_code == ffi::SQLITE_CONSTRAINT_FOREIGNKEY
            }
            Self::Server(error) => error.code() == Some(&SqlState::FOREIGN_KEY_VIOLATION),
            _ => false,
        }
    }

    /// The same where tables were to be made.
    pub(crate) fn making_tables(self) -> Self {
        match self {
            Self::Forbidden { what, .. } => Self::Forbidden { what, remedy: MAKE_TABLES },
            // What it says where no schema of the search path may be used.
            Self::Server(error) if error.code() == Some(&SqlState::INVALID_SCHEMA_NAME) => {
                Self::Forbidden { what: explain(&error), remedy: MAKE_TABLES }
            }
            other => other,
        }
    }

    /// A connection to a server could not be made.
    pub(crate) fn connecting(url: &PgUrl, error: &::postgres::Error) -> Self {
        let location = url.to_string();
        if let Some(trouble) = tls::trouble(error) {
            return Self::Unreachable { location, why: tls::explain(trouble, &url.trust) };
        }
        let why = explain(error);
        let hint = match error.code() {
            Some(&SqlState::INVALID_PASSWORD) => {
                "; check the user and the password of the URL, or of PGPASSWORD"
            }
            // What the URL and pg_hba.conf do not agree on is not said by everybody.
            Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
                "; check the user of the URL, and what the server's pg_hba.conf asks for (encryption is sslmode)"
            }
            Some(&SqlState::INVALID_CATALOG_NAME) => "; create it on the server, or name another",
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => "; its owner has to grant the right to connect",
            Some(&SqlState::TOO_MANY_CONNECTIONS) => {
                "; try again, or let the server take more (max_connections)"
            }
            None if why.ends_with("server does not support TLS") => {
                "; switch it on there (ssl = on), or do without encryption: sslmode=disable"
            }
            None if why.ends_with("password missing") => "; give it in PGPASSWORD, or in the URL",
            _ => "",
        };
        Self::Unreachable { location, why: format!("{why}{hint}") }
    }

    /// The same for a file that is being opened: permissions are then the likely trouble.
    pub(crate) fn opening(path: &Path, error: rusqlite::Error) -> Self {
        let unwritable = |why: String| Self::Unwritable { path: path.to_owned(), why };
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Foreign(path.to_owned()),
            Some(ErrorCode::ReadOnly) => unwritable("it is read-only".to_owned()),
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                // SQLite does not say why; the system does.
                let why = match std::fs::OpenOptions::new().append(true).open(path) {
                    Err(error) => error.to_string(),
                    Ok(_) => "its folder cannot be written".to_owned(),
                };
                unwritable(why)
            }
            _ => error.into(),
        }
    }
}

fn extended_code(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|failure| failure.extended_code)
}
