//! Removing what is old: targets, outcomes with their journals, and the journals of edits by hand. The runs themselves
//! stay, with their counters, and say that they were pruned.

use std::time::Duration;

use rollcall_domain::{Act, Action, Deed, RunId, Timestamp};
use tracing::debug;

use crate::areas::Pruning;
use crate::chunks::NOW;
use crate::db::{args, only};
use crate::sql::{Sql, sql, text};
use crate::{StoreError, audit};

// Runs that go on some day keep what they need: their own targets, and the journal of the run that they replay.
const IS_OLD: &str = "pruned_at IS NULL AND ended_at < ?1 \
     AND (state IN ('finished', 'cancelled') OR (state = 'stopped' AND cursor = targets)) \
     AND NOT EXISTS (SELECT 1 FROM runs r WHERE runs.id = coalesce(r.applies, r.undoes) \
                     AND r.state NOT IN ('finished', 'cancelled') AND r.cursor < r.targets)";

sql! {
    MARK = text!("UPDATE runs SET pruned_at = ?2 WHERE ", IS_OLD);
    ANY = text!("SELECT 1 WHERE EXISTS (SELECT 1 FROM runs WHERE ", IS_OLD, ") \
                   OR EXISTS (SELECT 1 FROM edits WHERE at < ?1) \
                   OR EXISTS (SELECT 1 FROM runs r WHERE pruned_at IS NOT NULL \
                              AND EXISTS (SELECT 1 FROM targets WHERE run_id = r.id))");
    // When it was last begun, in microseconds by the clock of the database.
    CLAIM = text!("INSERT INTO installation (name, value) VALUES ('pruning', CAST(", NOW, " AS TEXT)) \
                     ON CONFLICT (name) DO UPDATE SET value = excluded.value \
                     WHERE CAST(installation.value AS INTEGER) + ?1 <= CAST(excluded.value AS INTEGER)")
        => "INSERT INTO installation (name, value) \
            VALUES ('pruning', CAST(CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) AS TEXT)) \
            ON CONFLICT (name) DO UPDATE SET value = excluded.value \
            WHERE CAST(installation.value AS BIGINT) + ?1 <= CAST(excluded.value AS BIGINT)";
    KEPT = "SELECT count(*) FROM runs WHERE created_at < ?1 AND pruned_at IS NULL";
    NEXT = "SELECT id FROM runs r WHERE pruned_at IS NOT NULL \
            AND EXISTS (SELECT 1 FROM targets WHERE run_id = r.id) ORDER BY id LIMIT 1";
    OUTCOMES = "DELETE FROM outcomes WHERE run_id = ?1 AND seq <= \
                (SELECT max(seq) FROM (SELECT seq FROM outcomes WHERE run_id = ?1 ORDER BY seq LIMIT ?2) AS oldest)";
    NAMES = "DELETE FROM planned_names WHERE run_id = ?1 AND user_id <= \
             (SELECT max(user_id) FROM (SELECT user_id FROM planned_names WHERE run_id = ?1 ORDER BY user_id LIMIT ?2) AS oldest)";
    MOMENTS = "DELETE FROM timelines WHERE run_id = ?1 AND tenth <= \
               (SELECT max(tenth) FROM (SELECT tenth FROM timelines WHERE run_id = ?1 ORDER BY tenth LIMIT ?2) AS oldest)";
    // Last, since they say that a run is not through yet.
    TARGETS = "DELETE FROM targets WHERE run_id = ?1 AND seq <= \
               (SELECT max(seq) FROM (SELECT seq FROM targets WHERE run_id = ?1 ORDER BY seq LIMIT ?2) AS oldest)";
    EDITS = "DELETE FROM edits WHERE id IN (SELECT id FROM edits WHERE at < ?1 ORDER BY id LIMIT ?2)";
}

/// SQLite has one writer anyway.
const ALONE: Sql = Sql { sqlite: "", postgres: "LOCK TABLE runs IN SHARE ROW EXCLUSIVE MODE" };

impl Pruning<'_> {
    /// Marks every run that ended before `cutoff` as pruned, except those that still may go on and those whose journal
    /// such a run needs: how many, and how many older ones stay as they are. `setting` is the one that wants it, if it is
    /// nobody in person.
    pub fn mark(
        &self,
        cutoff: Timestamp,
        setting: Option<&str>,
        act: &Act<'_>,
    ) -> Result<(u64, u64), StoreError> {
        self.0.write(|tx| {
            // No run is made meanwhile that would need one that is being marked.
            tx.batch(ALONE)?;
            let marked = tx.execute(MARK, args![cutoff, act.at])?;
            let kept: i64 = tx.value(KEPT, args![cutoff])?;
            let deed =
                Deed::new(Action::Prune, "old runs").with("before", cutoff.to_string()).with("runs", marked);
            let deed = match setting {
                Some(setting) => deed.with("setting", setting),
                None => deed,
            };
            audit::record(tx, act, &deed)?;
            Ok((marked, kept.unsigned_abs()))
        })
    }

    /// Whether anything from before `cutoff` is there to be removed.
    pub fn is_anything_left(&self, cutoff: Timestamp) -> Result<bool, StoreError> {
        self.0.read(|tx| tx.exists(ANY, args![cutoff]))
    }

    /// Whether this process is the one to prune by a setting: whoever asks first once `every` is over since the last one.
    pub fn claim(&self, every: Duration) -> Result<bool, StoreError> {
        let micros = i64::try_from(every.as_micros()).unwrap_or(i64::MAX);
        self.0.write(|tx| Ok(tx.execute(CLAIM, args![micros])? > 0))
    }

    /// A run that is marked as pruned and still has something to be removed.
    pub fn next(&self) -> Result<Option<RunId>, StoreError> {
        self.0.read(|tx| tx.first(NEXT, &[], only))
    }

    /// Removes up to `most` rows of a run that is marked as pruned; says how many that tell of a target, or nothing when
    /// nothing is left.
    pub fn run(&self, run: RunId, most: u32) -> Result<Option<u64>, StoreError> {
        self.0.write(|tx| {
            for (statement, counts) in [(OUTCOMES, true), (NAMES, true), (MOMENTS, false), (TARGETS, true)] {
                let removed = tx.execute(statement, args![run, most])?;
                if removed > 0 {
                    debug!(run, rows = removed, "rows pruned");
                    return Ok(Some(if counts { removed } else { 0 }));
                }
            }
            Ok(None)
        })
    }

    /// Removes up to `most` journals of edits by hand from before `cutoff`; says how many.
    pub fn edits(&self, cutoff: Timestamp, most: u32) -> Result<u64, StoreError> {
        self.0.write(|tx| tx.execute(EDITS, args![cutoff, most]))
    }
}
