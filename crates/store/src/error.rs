use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why the database could not do what was asked: a sentence that says what to do where there is something to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The location is not one.
    #[error("{0}")]
    Location(String),
    /// There is no such file.
    #[error("there is no database {0}: make it with 'rollcall init', or name another with --database")]
    Missing(PathBuf),
    /// The file is something else.
    #[error("{0} is not a Rollcall database: name another file with --database")]
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
         then bring it up to date with 'rollcall init'"
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
         name another place with --database"
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
    /// What a run did is no longer known.
    #[error(
        "the outcomes of run {0} were pruned: it can no longer be undone, applied, retried or chosen from"
    )]
    Pruned(i64),
    /// What is stored cannot be understood.
    #[error("the database holds something that Rollcall did not write: {0}")]
    Corrupt(String),
    /// Anything else.
    #[error("the database failed: {0}")]
    Failed(rusqlite::Error),
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

/// Whether a statement failed because a unique value was already there.
pub(crate) fn is_taken(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::SqliteFailure(failure, _)
            if failure.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE
                || failure.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                || failure.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_ROWID
    )
}

/// Whether a statement failed because of a reference.
pub(crate) fn is_referenced(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::SqliteFailure(failure, _)
            if failure.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY
    )
}
