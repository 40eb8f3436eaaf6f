//! How the outcomes of a run lie along its targets, and over time.

use rollcall_domain::{Run, RunId, Tally};

use crate::db::{Row, args};
use crate::outcomes::reading::outcome;
use crate::runs::read_counters;
use crate::{Store, StoreError, sql};

/// Notes counters of a run (`?2` to `?7`) for a tenth of a second.
macro_rules! note {
    ($tenth:literal) => {
        concat!(
            "INSERT INTO timelines (run_id, tenth, ",
            crate::runs::counters!(),
            ") VALUES (?1, ",
            $tenth,
            ", ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (run_id, tenth) DO UPDATE SET \
             changed = timelines.changed + excluded.changed, unchanged = timelines.unchanged + excluded.unchanged, \
             skipped = timelines.skipped + excluded.skipped, failed = timelines.failed + excluded.failed, \
             timed_out = timelines.timed_out + excluded.timed_out, conflict = timelines.conflict + excluded.conflict"
        )
    };
}
pub(crate) use note;

sql! {
    COURSE = "SELECT (seq - 1) * CAST(?2 AS BIGINT) / CAST(?3 AS BIGINT), outcome, count(*), CAST(sum(micros) AS BIGINT) \
              FROM outcomes WHERE run_id = ?1 GROUP BY 1, 2 ORDER BY 1, 2";
    SPAN = "SELECT max(tenth), count(*) FROM timelines WHERE run_id = ?1 HAVING count(*) > 0";
    TIMELINE = "SELECT tenth / CAST(?2 AS BIGINT), CAST(sum(changed) AS BIGINT), CAST(sum(unchanged) AS BIGINT), \
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

/// The outcomes that a run got when, from its beginning; what passed while nobody executed it is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// How long each part is, in milliseconds.
    pub millis: u64,
    /// What came in each.
    pub parts: Vec<Tally>,
}

/// A part has so many moments on average at least: one with none between two with one is no news.
const MOMENTS: u64 = 4;
/// From here on moments are noted for longer times together, so that there are some thousands a day, in tenths of seconds.
const LONG: i64 = 6_000;
const TOGETHER: i64 = 100;

/// The moment for which is noted what a run gets after so many milliseconds.
pub(crate) fn moment(millis: i64) -> i64 {
    let tenth = millis.max(0) / 100;
    if tenth < LONG { tenth } else { tenth - tenth % TOGETHER }
}

impl Store {
    /// The outcomes that a run got when, in so many parts at most; none of a run that has none. Those of before there were
    /// timelines, and those that are pruned, are not in it.
    pub fn timeline(&self, run: RunId, parts: u32) -> Result<Option<Timeline>, StoreError> {
        self.read(|tx| {
            let number = |row: &Row<'_>, column| row.get::<i64>(column);
            let span = tx.first(SPAN, args![run], |row| Ok((number(row, 0)?, number(row, 1)?)))?;
            let Some((last, moments)) = span else { return Ok(None) };
            let parts = u64::from(parts).min(moments.unsigned_abs() / MOMENTS).max(1);
            let length = (last.unsigned_abs() + 1).div_ceil(parts);
            let mut timeline = Timeline { millis: length * 100, parts: Vec::new() };
            for (part, tally) in tx.all(TIMELINE, args![run, length.cast_signed()], |row| {
                Ok((number(row, 0)?, read_counters(row, 1)?))
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
