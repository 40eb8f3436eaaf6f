//! What this process has done since it began, and what there is to do: for whoever watches an installation.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rollcall_domain::{Outcome, Right, Run, RunState, Tally};
use rollcall_store::RunStates;

use crate::runs::as_it_stands;
use crate::{App, AppError};

/// Commits are counted up to each of these times, in microseconds.
const BOUNDS: [u64; 12] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000,
];

/// What is counted where it happens.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    outcomes: [AtomicU64; Outcome::ALL.len()],
    /// Commits by how long they took; the last took longer than any bound.
    commits: [AtomicU64; BOUNDS.len() + 1],
    commit_micros: AtomicU64,
}

impl Counts {
    /// A commit of so many outcomes took so long.
    pub(crate) fn committed(&self, tally: &Tally, time: Duration) {
        for outcome in Outcome::ALL {
            self.outcomes[outcome as usize].fetch_add(tally.get(outcome), Ordering::Relaxed);
        }
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let slot = BOUNDS.partition_point(|bound| *bound < micros);
        self.commits[slot].fetch_add(1, Ordering::Relaxed);
        self.commit_micros.fetch_add(micros, Ordering::Relaxed);
    }
}

/// How an installation stands, and what this process has done for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// Runs in each state.
    pub runs: Vec<(RunState, u64)>,
    /// Targets without an outcome, of runs that have begun and not ended.
    pub targets_left: u64,
    /// Targets that this process has committed, by outcome.
    pub outcomes: Vec<(Outcome, u64)>,
    /// Commits of this process by their time: up to so many seconds, so many that took longer than the bound before.
    pub commits: Vec<(f64, u64)>,
    /// How long all of them took, in seconds.
    pub commit_seconds: f64,
    /// Sandboxed processes that this process has started, and those that died under a script.
    pub sandboxes: rollcall_sandbox::Processes,
}

impl App {
    /// How everything stands, whoever's it is.
    pub fn statistics(&self) -> Result<Statistics, AppError> {
        let permit = self.may_everywhere(Right::Look)?;
        let now = self.clock.now();
        let RunStates { ended, begun } = permit.run_states()?;
        let begun: Vec<_> = begun.into_iter().map(|run| as_it_stands(run, now)).collect();
        let count = |state: RunState| {
            let is = |found: &&(RunState, u64)| found.0 == state;
            let ended = ended.iter().find(is).map_or(0, |(_, count)| *count);
            ended + begun.iter().filter(|run| run.state == state).count() as u64
        };
        let counts = &self.counts;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_counted_under_the_first_bound_that_it_keeps() {
        let counts = Counts::default();
        let mut tally = Tally::default();
        tally.add(Outcome::Changed, 3);
        tally.add(Outcome::Failed, 1);
        for micros in [1, 1_000, 1_001, 9_999_999, 10_000_001] {
            counts.committed(&tally, Duration::from_micros(micros));
        }
        let commits: Vec<_> = counts.commits.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        assert_eq!(commits, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(counts.outcomes[Outcome::Changed as usize].load(Ordering::Relaxed), 15);
        assert_eq!(counts.commit_micros.load(Ordering::Relaxed), 20_002_002);
    }
}
