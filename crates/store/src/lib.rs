//! Rollcall's databases. Everything that knows SQL is in here, and nothing here knows why it is asked.
//!
//! [`Store`] is a closed enum of the databases there are, not a trait: each method says in one `match` what every
//! database does, next to its SQL: SQLite, embedded, and PostgreSQL. Its methods are grouped by area: [`Store::users`],
//! [`Store::runs`] and the like give handles that have them (`store.runs().create(…)`).
//!
//! Writes that belong together are one call and one transaction: a chunk of a run ([`Chunks::commit`]), an
//! import, an edit by hand.

mod administrators;
mod approvals;
mod areas;
mod audit;
mod chunks;
mod columns;
mod copy;
mod counters;
mod course;
mod crash_point;
mod credentials;
mod db;
mod error;
mod filter;
mod foreign;
mod half_copy;
mod history;
mod import;
mod import_set;
mod installation;
mod json;
mod load;
mod location;
mod modes;
mod organizations;
mod outcomes;
mod pg_connection;
mod pg_url;
mod postgres;
mod profiles;
mod prune;
mod radius;
mod radius_past;
mod run_keys;
mod runs;
mod saved_filters;
mod schema;
mod scope;
mod scripts;
mod search;
mod seen;
mod sql;
mod sqlite;
mod staging;
mod tables;
#[cfg(test)]
mod tests;
mod tls;
mod transaction;
mod uploads;
mod users;
mod watch;
mod workers;
mod write;
mod write_set;

use std::path::Path;
use std::time::Duration;

pub use approvals::FOUR_EYES_ABOVE;
pub use areas::{
    Administrators, Approvals, Audit, Chunks, Credentials, Filters, History, Installation, Organizations,
    Outcomes, Profiles, Pruning, Radius, Runs, Scripts, Sessions, SetUpLink, Tokens, Uploads, Users, Workers,
};
pub use chunks::{Chunk, Glance, Hold, Lessee};
pub use copy::{Copied, CopyEvent, Phase, Snapshot};
pub use course::{CoursePart, Timeline};
pub use credentials::{Attempt, Authenticator, Factor, NewSession, NewToken, Proofs, SetUp, Tries};
pub use error::StoreError;
pub use foreign::{Foreign, ForeignGroup, ForeignItem, ForeignUser};
pub use import::{Added, Import, Newcomer};
pub use load::{Loaded, Planned};
pub use location::Location;
pub use outcomes::{Commit, Settled, Stretch, name_taken};
pub use pg_url::PgUrl;
pub use radius_past::PruningReason;
pub use runs::{Creation, List, NewRun, RunEnd, RunStates, Takeover};
pub use scripts::SavedScript;
pub use search::Look;
pub use seen::Seen;
pub use staging::{MOST_NAMED, Staged, StagedRow, Staging};
pub use tables::Sum;
pub use transaction::Decision;
pub use watch::Watch;
pub use workers::{Beat, WorkerRow};
pub use write::{Edited, HandEdit, PasswordEdit};

use db::Tx;
use postgres::Postgres;
use sqlite::Sqlite;

/// A database with Rollcall's schema.
#[derive(Debug)]
pub enum Store {
    /// A file, embedded.
    Sqlite(Sqlite),
    /// A server.
    Postgres(Postgres),
}

impl Store {
    /// Opens a database that has the schema of this version.
    pub fn open(location: &Location) -> Result<Self, StoreError> {
        match location {
            Location::Sqlite(path) => Ok(Self::Sqlite(Sqlite::open(path)?)),
            Location::Postgres(url) => Ok(Self::Postgres(Postgres::open(url)?)),
        }
    }

    /// Makes the database if there is none, and brings its schema to this version. Says whether it made one.
    pub fn create(location: &Location) -> Result<(Self, bool), StoreError> {
        let (store, made) = Self::create_for_copy(location)?;
        store.read(half_copy::refuse)?;
        Ok((store, made))
    }

    /// The same, even if it is half a copy of another one.
    fn create_for_copy(location: &Location) -> Result<(Self, bool), StoreError> {
        match location {
            Location::Sqlite(path) => Sqlite::create(path).map(|(sqlite, made)| (Self::Sqlite(sqlite), made)),
            Location::Postgres(url) => {
                Postgres::create(url).map(|(postgres, made)| (Self::Postgres(postgres), made))
            }
        }
    }

    /// Lets a group of the operating system, by its number, read and write the files of a SQLite database. Nothing
    /// happens to a database on a server.
    ///
    /// # Errors
    /// [`StoreError::Unwritable`] if this account may not do that: it is neither root nor owner of the files and member
    /// of the group.
    pub fn give_to_group(&self, group: u32) -> Result<(), StoreError> {
        let Self::Sqlite(sqlite) = self else { return Ok(()) };
        let path = sqlite.path();
        modes::give_to_group(path, group)
            .map_err(|error| StoreError::Unwritable { path: path.to_owned(), why: error.to_string() })
    }

    /// The file of a SQLite database that accounts can use which are neither its owner nor in its group.
    #[must_use]
    pub fn open_to_others(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(sqlite) => Some(sqlite.path()).filter(|path| modes::is_open_to_others(path)),
            Self::Postgres(_) => None,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> Location {
        match self {
            Self::Sqlite(sqlite) => Location::Sqlite(sqlite.path().to_owned()),
            Self::Postgres(postgres) => Location::Postgres(Box::new(postgres.url().clone())),
        }
    }

    /// Runs `work` on one unchanging state of the database.
    fn read<T>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.read(work),
            Self::Postgres(postgres) => postgres.read(work),
        }
    }

    /// Runs `work` in one write transaction, which is rolled back unless it succeeds.
    fn write<T>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.write_or_roll_back(sqlite::BUSY, |tx| work(tx).map(Decision::Commit))
    }

    /// Runs `work` in one write transaction, which is rolled back if it fails or decides so. `patience` is how long it
    /// waits for others who hold the lock.
    fn write_or_roll_back<T, E: From<StoreError>>(
        &self,
        patience: Duration,
        work: impl FnOnce(&Tx<'_>) -> Result<Decision<T>, E>,
    ) -> Result<T, E> {
        match self {
            Self::Sqlite(sqlite) => sqlite.write(patience, work),
            // Nobody holds up the whole database there.
            Self::Postgres(postgres) => postgres.write(work),
        }
    }
}
