//! The counters of a run: how many of its targets have each outcome.

use rollcall_domain::{Outcome, Tally};

use crate::StoreError;
use crate::db::Row;

/// The columns of the counters, as [`read_counters`] reads them.
pub(crate) const COUNTERS: &str = "changed, unchanged, skipped, failed, timed_out, conflict";

/// The outcomes that have counters, in the order of their columns.
pub(crate) const COUNTED: [Outcome; 6] = [
    Outcome::Changed,
    Outcome::Unchanged,
    Outcome::Skipped,
    Outcome::Failed,
    Outcome::TimedOut,
    Outcome::Conflict,
];

/// Reads [`COUNTERS`], of which the first is at place `changed`.
pub(crate) fn read_counters(row: &Row<'_>, changed: usize) -> Result<Tally, StoreError> {
    let mut tally = Tally::default();
    for (column, outcome) in (changed..).zip(COUNTED) {
        tally.add(outcome, row.get(column)?);
    }
    Ok(tally)
}
