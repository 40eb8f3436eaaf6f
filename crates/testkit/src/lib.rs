//! What the tests of several crates share: a clock that stands still, a database that goes away.

use std::sync::atomic::{AtomicI64, Ordering};

use rollcall_domain::{Clock, Timestamp, Zone};
use rollcall_store::{Location, Store};
use tempfile::TempDir;

/// A moment, from its RFC 3339 form.
#[must_use]
pub fn time(text: &str) -> Timestamp {
    Timestamp::parse(text, &Zone::utc()).expect("a test writes its times right")
}

/// A clock that shows what it was set to.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// A clock that shows `text`.
    #[must_use]
    pub fn at(text: &str) -> Self {
        Self(AtomicI64::new(time(text).as_micros()))
    }

    /// Sets it to `text`.
    pub fn set(&self, text: &str) {
        self.0.store(time(text).as_micros(), Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed)).expect("it was set to a timestamp")
    }
}

/// A new database in a folder that is removed with it.
#[derive(Debug)]
pub struct TestDatabase {
    folder: TempDir,
}

impl TestDatabase {
    /// An empty database, migrated.
    #[must_use]
    pub fn new() -> Self {
        let database = Self { folder: TempDir::new().expect("the temporary folder can be written") };
        Store::create(&database.location()).expect("a new database can be made");
        database
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> Location {
        Location::Sqlite(self.folder.path().join("rollcall.db"))
    }

    /// Its folder, for further files.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Opens it.
    #[must_use]
    pub fn open(&self) -> Store {
        Store::open(&self.location()).expect("it was just made")
    }
}

impl Default for TestDatabase {
    fn default() -> Self {
        Self::new()
    }
}
