//! Removing what is old: targets, outcomes with their journals, and the journals of edits by hand. The runs themselves
//! stay, with their counters, and say that they were pruned.

use rollcall_domain::{Act, Action, Deed, RunId, Timestamp};

use crate::db::{Sql, args};
use crate::{Store, StoreError, audit, sql};

sql! {
    // Runs that go on some day keep what they need: their own targets, and the journal of the run that they replay.
    MARK = "UPDATE runs SET pruned_at = ?2 WHERE pruned_at IS NULL AND ended_at < ?1 \
            AND (state IN ('finished', 'cancelled') OR (state = 'stopped' AND cursor = targets)) \
            AND NOT EXISTS (SELECT 1 FROM runs r WHERE runs.id = coalesce(r.applies, r.undoes) \
                            AND r.state NOT IN ('finished', 'cancelled') AND r.cursor < r.targets)";
    KEPT = "SELECT count(*) FROM runs WHERE created_at < ?1 AND pruned_at IS NULL";
    NEXT = "SELECT id FROM runs r WHERE pruned_at IS NOT NULL \
            AND EXISTS (SELECT 1 FROM targets WHERE run_id = r.id) ORDER BY id LIMIT 1";
    OUTCOMES = "DELETE FROM outcomes WHERE run_id = ?1 AND seq <= \
                (SELECT max(seq) FROM (SELECT seq FROM outcomes WHERE run_id = ?1 ORDER BY seq LIMIT ?2) AS oldest)";
    NAMES = "DELETE FROM planned_names WHERE run_id = ?1 AND user_id <= \
             (SELECT max(user_id) FROM (SELECT user_id FROM planned_names WHERE run_id = ?1 ORDER BY user_id LIMIT ?2) AS oldest)";
    // Last, since they say that a run is not through yet.
    TARGETS = "DELETE FROM targets WHERE run_id = ?1 AND seq <= \
               (SELECT max(seq) FROM (SELECT seq FROM targets WHERE run_id = ?1 ORDER BY seq LIMIT ?2) AS oldest)";
    EDITS = "DELETE FROM edits WHERE id IN (SELECT id FROM edits WHERE at < ?1 ORDER BY id LIMIT ?2)";
}

/// SQLite has one writer anyway.
const ALONE: Sql = Sql { sqlite: "", postgres: "LOCK TABLE runs IN SHARE ROW EXCLUSIVE MODE" };

impl Store {
    /// Marks every run that ended before `cutoff` as pruned, except those that still may go on and those whose journal
    /// such a run needs: how many, and how many older ones stay as they are.
    pub fn mark_pruned(&self, cutoff: Timestamp, act: &Act<'_>) -> Result<(u64, u64), StoreError> {
        self.write(|tx| {
            // No run is made meanwhile that would need one that is being marked.
            tx.batch(ALONE)?;
            let marked = tx.execute(MARK, args![cutoff, act.at])?;
            let kept: i64 = tx.value(KEPT, args![cutoff])?;
            let deed =
                Deed::new(Action::Prune, "old runs").with("before", cutoff.to_string()).with("runs", marked);
            audit::record(tx, act, &deed)?;
            Ok((marked, kept.unsigned_abs()))
        })
    }

    /// A run that is marked as pruned and still has something to be removed.
    pub fn next_to_prune(&self) -> Result<Option<RunId>, StoreError> {
        self.read(|tx| tx.first(NEXT, &[], |row| row.get(0)))
    }

    /// Removes up to `most` rows of a run that is marked as pruned; says how many, which is nought when nothing is left.
    pub fn prune_run(&self, run: RunId, most: u32) -> Result<u64, StoreError> {
        self.write(|tx| {
            for statement in [OUTCOMES, NAMES, TARGETS] {
                let removed = tx.execute(statement, args![run, most])?;
                if removed > 0 {
                    return Ok(removed);
                }
            }
            Ok(0)
        })
    }

    /// Removes up to `most` journals of edits by hand from before `cutoff`; says how many.
    pub fn prune_edits(&self, cutoff: Timestamp, most: u32) -> Result<u64, StoreError> {
        self.write(|tx| tx.execute(EDITS, args![cutoff, most]))
    }
}
