//! How the outcomes of a run lie along its targets, and over time.

use rollcall_domain::{Run, RunId, Tally};

use crate::StoreError;
use crate::areas::Runs;
use crate::columns::at;
use crate::counters::{COUNTERS, read_counters};
use crate::db::args;
use crate::sql::{sql, text};

/// Notes counters of a run (`?2` to `?7`) for a tenth of a second, which stands between these two texts.
pub(crate) const NOTE: [&str; 2] = [
    text!("INSERT INTO timelines (run_id, tenth, ", COUNTERS, ") VALUES (?1, "),
    ", ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (run_id, tenth) DO UPDATE SET \
     changed = timelines.changed + excluded.changed, unchanged = timelines.unchanged + excluded.unchanged, \
     skipped = timelines.skipped + excluded.skipped, failed = timelines.failed + excluded.failed, \
     timed_out = timelines.timed_out + excluded.timed_out, conflict = timelines.conflict + excluded.conflict",
];

sql! {
    COURSE = "SELECT (seq - 1) * CAST(?2 AS BIGINT) / CAST(?3 AS BIGINT) AS part, outcome, count(*) AS targets, CAST(sum(micros) AS BIGINT) AS micros \
              FROM outcomes WHERE run_id = ?1 GROUP BY 1, 2 ORDER BY 1, 2";
    SPAN = "SELECT max(tenth) AS last, count(*) AS moments FROM timelines WHERE run_id = ?1 HAVING count(*) > 0";
    TIMELINE = "SELECT tenth / CAST(?2 AS BIGINT) AS part, CAST(sum(changed) AS BIGINT) AS changed, CAST(sum(unchanged) AS BIGINT), \
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

impl Runs<'_> {
    /// The outcomes that a run got when, in so many parts at most; none of a run that has none. Those of before there were
    /// timelines, and those that are pruned, are not in it.
    pub fn timeline(&self, run: RunId, parts: u32) -> Result<Option<Timeline>, StoreError> {
        self.0.read(|tx| {
            let span = tx.first(SPAN, args![run], |row| {
                Ok((row.get::<u64>(at!(SPAN, "last"))?, row.get::<u64>(at!(SPAN, "moments"))?))
            })?;
            let Some((last, moments)) = span else { return Ok(None) };
            let parts = u64::from(parts).min(moments / MOMENTS).max(1);
            let length = (last + 1).div_ceil(parts);
            let mut timeline = Timeline { millis: length * 100, parts: Vec::new() };
            for (part, tally) in tx.all(TIMELINE, args![run, length.cast_signed()], |row| {
                Ok((row.get::<i64>(at!(TIMELINE, "part"))?, read_counters(row, at!(TIMELINE, "changed"))?))
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
        let rows = self.0.read(|tx| {
            tx.all(COURSE, args![run.id, parts.cast_signed(), run.targets.max(1).cast_signed()], |row| {
                let part: u64 = row.get(at!(COURSE, "part"))?;
                let (outcome, targets) = (row.get(at!(COURSE, "outcome"))?, row.get(at!(COURSE, "targets"))?);
                Ok((part, outcome, targets, row.get::<u64>(at!(COURSE, "micros"))?))
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
