//! Helpers that the tests of several crates share: a clock that stands still, databases that are removed with their test,
//! a process of its own for a test that needs one, pages without the white space of their templates.

mod database;
mod html;
mod process;
mod template;

use std::sync::atomic::{AtomicI64, Ordering};

use rollcall_domain::{Clock, Timestamp, Zone};

pub use database::{PgDatabase, TestDatabase, migrated_file};
pub use process::in_own_process;

pub use html::compact_html;

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

    /// Moves it on.
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed)).expect("it was set to a timestamp")
    }
}
