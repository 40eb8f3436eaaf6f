//! Counts of worker processes, for monitoring.

use std::sync::atomic::{AtomicU64, Ordering};

static STARTED: AtomicU64 = AtomicU64::new(0);
static DIED: AtomicU64 = AtomicU64::new(0);

/// Sandboxed processes of this one, since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Processes {
    /// Those that were started.
    pub started: u64,
    /// Those that ended under a script, by themselves or because it took too long or lied.
    pub died: u64,
}

/// How many there were.
#[must_use]
pub fn processes() -> Processes {
    Processes { started: STARTED.load(Ordering::Relaxed), died: DIED.load(Ordering::Relaxed) }
}

pub(crate) fn count_start() {
    STARTED.fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn count_death() {
    DIED.fetch_add(1, Ordering::Relaxed);
}
