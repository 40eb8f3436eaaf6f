//! Following a run and stopping it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rollcall_domain::{Run, Tally};

/// The progress of a run.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// All targets.
    pub targets: u64,
    /// The outcomes so far.
    pub tally: Tally,
}

/// Follows a run while it is executed.
pub trait Observer {
    /// Decides whether to execute a run whose targets are frozen. It is asked only if the run is not confirmed.
    fn confirm(&mut self, run: &Run) -> bool;

    /// The execution begins.
    fn begins(&mut self, _run: &Run) {}

    /// Called a few times a second.
    fn progress(&mut self, progress: Progress);
}

/// Confirms and follows nothing: for runs that are left to workers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Observer for Nobody {
    fn confirm(&mut self, _: &Run) -> bool {
        false
    }

    fn progress(&mut self, _: Progress) {}
}

/// Set to end a run early.
pub type Stop = Arc<AtomicBool>;
