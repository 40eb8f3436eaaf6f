//! What this process has done since it began.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rollcall_domain::{Outcome, Tally};

/// Commits are counted up to each of these times, in microseconds.
pub(crate) const BOUNDS: [u64; 12] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000,
];

/// Counters of one process, increased where it happens.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) outcomes: [AtomicU64; Outcome::ALL.len()],
    /// Commits by how long they took; the last took longer than any bound.
    pub(crate) commits: [AtomicU64; BOUNDS.len() + 1],
    pub(crate) commit_micros: AtomicU64,
}

impl Counters {
    /// Counts a commit, its outcomes and its duration.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_counted_under_the_first_bound_that_it_keeps() {
        let counts = Counters::default();
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
