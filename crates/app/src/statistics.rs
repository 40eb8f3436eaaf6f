//! The statistics of an installation, for its monitoring.

use std::sync::atomic::{AtomicU64, Ordering};

use rollcall_domain::{Outcome, Right, Run, RunState};
use rollcall_store::RunStates;

use crate::counters::BOUNDS;
use crate::error::AppError;
use crate::operations::MaintenanceOperations;
use crate::runs::standing::as_it_stands;

/// The runs of an installation by state, and the counters of this process.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// Runs in each state.
    pub runs: Vec<(RunState, u64)>,
    /// Targets without an outcome, of runs that have begun and not ended.
    pub targets_left: u64,
    /// Targets that this process has committed, by outcome.
    pub outcomes: Vec<(Outcome, u64)>,
    /// Commits of this process by their duration: an upper bound in seconds, and the number of commits above the bound
    /// before it.
    pub commits: Vec<(f64, u64)>,
    /// The duration of all commits, in seconds.
    pub commit_seconds: f64,
    /// Sandboxed processes that this process has started, and those that died under a script.
    pub sandboxes: rollcall_sandbox::Processes,
}

impl MaintenanceOperations<'_> {
    /// Collects the number of runs by state, and the counters of this process.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn collect_statistics(self) -> Result<Statistics, AppError> {
        let permit = self.app.require_permission_everywhere(Right::Look)?;
        let now = self.app.now();
        let RunStates { ended, begun } = permit.runs().states()?;
        let begun: Vec<_> = begun.into_iter().map(|run| as_it_stands(run, now)).collect();
        let count = |state: RunState| {
            let is = |found: &&(RunState, u64)| found.0 == state;
            let ended = ended.iter().find(is).map_or(0, |(_, count)| *count);
            ended + begun.iter().filter(|run| run.state == state).count() as u64
        };
        let counts = &self.app.shared.counters;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let bounds = BOUNDS.iter().map(|micros| *micros as f64 / 1e6).chain([f64::INFINITY]);
        Ok(Statistics {
            runs: RunState::ALL.map(|state| (state, count(state))).into(),
            targets_left: begun.iter().map(Run::left).sum(),
            outcomes: Outcome::ALL.map(|outcome| (outcome, read(&counts.outcomes[outcome as usize]))).into(),
            commits: bounds.zip(counts.commits.iter().map(read)).collect(),
            commit_seconds: read(&counts.commit_micros) as f64 / 1e6,
            sandboxes: rollcall_sandbox::processes(),
        })
    }
}
