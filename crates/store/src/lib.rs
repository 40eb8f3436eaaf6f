//! Rollcall's databases. Everything that knows SQL is in here, and nothing here knows why it is asked.
//!
//! [`Store`] is a closed enum of the databases there are, not a trait: each method says in one `match` what every
//! database does, next to its SQL. So far there is SQLite.
//!
//! Writes that belong together are one call and one transaction: a chunk of a run ([`Store::commit_chunk`]), an
//! import, an edit by hand.

mod error;
mod filter;
mod history;
mod import;
mod installation;
mod json;
mod load;
mod organizations;
mod outcomes;
mod profiles;
mod prune;
mod runs;
mod saved_filters;
mod schema;
mod scripts;
mod sqlite;
mod staging;
#[cfg(test)]
mod tests;
mod users;
mod write;

use std::path::PathBuf;

pub use error::StoreError;
pub use history::{ByRun, Event};
pub use import::{Added, Import};
pub use load::{Loaded, Planned};
pub use outcomes::{ChunkOf, Commit, Settled};
pub use runs::{Hold, List, NewRun, RunEnd, Takeover};
pub use staging::{MOST_NAMED, Staging};
pub use write::{Edited, HandEdit};

use sqlite::Sqlite;

/// Names constant SQL, and lists it so that a test can prepare every statement against a migrated database.
macro_rules! sql {
    ($($(#[$attribute:meta])* $name:ident = $text:expr;)*) => {
        $($(#[$attribute])* const $name: &str = $text;)*
        #[cfg(test)]
        pub(crate) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}
pub(crate) use sql;

/// A place where tests end this process on the spot, or let the disk be full: `FAILPOINTS='name=3*off->return'`. It is
/// nothing in a release.
macro_rules! crash_point {
    ($name:expr) => {
        fail::fail_point!($name, |how: Option<String>| match how.as_deref() {
            Some("full") => Err($crate::StoreError::Full),
            _ => std::process::abort(),
        })
    };
}
pub(crate) use crash_point;

/// Which database: the value of `--database`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// `sqlite:PATH`
    Sqlite(PathBuf),
}

impl std::str::FromStr for Location {
    type Err = StoreError;

    fn from_str(url: &str) -> Result<Self, StoreError> {
        match url.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => {
                Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path).into()))
            }
            Some(("postgres" | "postgresql", _)) => Err(StoreError::Location(
                "PostgreSQL is not supported yet; use sqlite:PATH for now".to_owned(),
            )),
            _ => {
                let path = if url.is_empty() || url == "sqlite:" { "PATH" } else { url };
                Err(StoreError::Location(format!("{url:?} names no database: write sqlite:{path}")))
            }
        }
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self::Sqlite(path) = self;
        write!(f, "sqlite:{}", path.display())
    }
}

/// A database with Rollcall's schema.
#[derive(Debug)]
pub enum Store {
    /// A file, embedded.
    Sqlite(Sqlite),
}

impl Store {
    /// Opens a database that has the schema of this version.
    pub fn open(location: &Location) -> Result<Self, StoreError> {
        let Location::Sqlite(path) = location;
        Ok(Self::Sqlite(Sqlite::open(path)?))
    }

    /// Makes the database if there is none, and brings its schema to this version. Says whether it made one.
    pub fn create(location: &Location) -> Result<(Self, bool), StoreError> {
        let Location::Sqlite(path) = location;
        let (sqlite, made) = Sqlite::create(path)?;
        Ok((Self::Sqlite(sqlite), made))
    }
}
