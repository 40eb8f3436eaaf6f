//! How the outcomes of a run lie along its targets, and over time.

use rollcall_domain::{Run, RunId, Tally, Timestamp};

use crate::db::{Tx, args};
use crate::outcomes::outcome;
use crate::runs::{self, counters, read_counters};
use crate::{Store, StoreError, sql};

sql! {
    COURSE = "SELECT (seq - 1) * CAST(?2 AS BIGINT) / CAST(?3 AS BIGINT), outcome, count(*), CAST(sum(micros) AS BIGINT) \
              FROM outcomes WHERE run_id = ?1 GROUP BY 1, 2 ORDER BY 1, 2";
    NOTE = concat!("INSERT INTO timelines (run_id, tenth, ", counters!(), ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
                    ON CONFLICT (run_id, tenth) DO UPDATE SET changed = timelines.changed + excluded.changed, \
                    unchanged = timelines.unchanged + excluded.unchanged, skipped = timelines.skipped + excluded.skipped, \
                    failed = timelines.failed + excluded.failed, timed_out = timelines.timed_out + excluded.timed_out, \
                    conflict = timelines.conflict + excluded.conflict");
    SPAN = "SELECT min(tenth), max(tenth) FROM timelines WHERE run_id = ?1 HAVING count(*) > 0";
    TIMELINE = "SELECT (tenth - ?2) / CAST(?3 AS BIGINT), CAST(sum(changed) AS BIGINT), CAST(sum(unchanged) AS BIGINT), \
                CAST(sum(skipped) AS BIGINT), CAST(sum(failed) AS BIGINT), CAST(sum(timed_out) AS BIGINT), \
                CAST(sum(conflict) AS BIGINT) FROM timelines WHERE run_id = ?1 GROUP BY 1 ORDER BY 1";
}

/// One of the equal parts of a run's list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CoursePart {
    /// Which one, from 0.
    pub part: u64,
    /// The outcomes of its targets.
    pub tally: Tally,
    /// How long they took together, in microseconds.
    pub micros: u64,
}

/// The outcomes that a run got when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// When the first part begins.
    pub begin: Timestamp,
    /// How long each part is, in milliseconds.
    pub millis: u64,
    /// From the first part to the last, what came in each; nothing where nobody was at the run.
    pub parts: Vec<Tally>,
}

const TENTH: i64 = 100_000;

/// The counters of a tally, in the order of their columns.
pub(crate) fn counted(tally: &Tally) -> [i64; 6] {
    runs::COUNTED.map(|outcome| i64::try_from(tally.get(outcome)).unwrap_or(i64::MAX))
}

/// Notes what was committed just now. Whoever does holds the run's row.
pub(crate) fn note(tx: &Tx<'_>, run: RunId, now: Timestamp, counted: [i64; 6]) -> Result<(), StoreError> {
    let [changed, unchanged, skipped, failed, timed_out, conflict] = counted;
    let tenth = now.as_micros().div_euclid(TENTH);
    tx.execute(NOTE, args![run, tenth, changed, unchanged, skipped, failed, timed_out, conflict])?;
    Ok(())
}

impl Store {
    /// The outcomes that a run got when, in so many parts at most; none of a run that has none, or whose are pruned.
    pub fn timeline(&self, run: RunId, parts: u32) -> Result<Option<Timeline>, StoreError> {
        self.read(|tx| {
            let span = tx.first(SPAN, args![run], |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)))?;
            let Some((first, last)) = span else { return Ok(None) };
            let tenths = last - first + 1;
            let length = tenths.unsigned_abs().div_ceil(u64::from(parts.max(1))).cast_signed();
            let mut timeline = Timeline {
                begin: Timestamp::from_micros(first * TENTH)
                    .ok_or_else(|| StoreError::Corrupt(format!("the time of an outcome of run {run}")))?,
                millis: length.unsigned_abs() * 100,
                parts: Vec::new(),
            };
            for (part, tally) in tx.all(TIMELINE, args![run, first, length], |row| {
                Ok((row.get::<i64>(0)?, read_counters(row, 1)?))
            })? {
                timeline.parts.resize(usize::try_from(part).unwrap_or_default(), Tally::default());
                timeline.parts.push(tally);
            }
            Ok(Some(timeline))
        })
    }

    /// The outcomes that a run has, by the parts of its list, of which there are so many; those without any are left out. All
    /// outcomes are read.
    pub fn course(&self, run: &Run, parts: u64) -> Result<Vec<CoursePart>, StoreError> {
        let rows = self.read(|tx| {
            tx.all(COURSE, args![run.id, parts.cast_signed(), run.targets.max(1).cast_signed()], |row| {
                let number = |column| row.get::<i64>(column).map(i64::cast_unsigned);
                Ok((number(0)?, outcome(row, 1)?, number(2)?, number(3)?))
            })
        })?;
        let mut course: Vec<CoursePart> = Vec::new();
        for (part, outcome, targets, micros) in rows {
            if course.last().is_none_or(|last| last.part != part) {
                course.push(CoursePart { part, ..CoursePart::default() });
            }
            if let Some(last) = course.last_mut() {
                last.tally.add(outcome, targets);
                last.micros += micros;
            }
        }
        Ok(course)
    }
}
