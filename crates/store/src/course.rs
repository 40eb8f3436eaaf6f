//! How the outcomes of a run lie along its targets.

use rollcall_domain::{Run, Tally};

use crate::db::args;
use crate::outcomes::outcome;
use crate::{Store, StoreError, sql};

sql! {
    COURSE = "SELECT (seq - 1) * CAST(?2 AS BIGINT) / CAST(?3 AS BIGINT), outcome, count(*), CAST(sum(micros) AS BIGINT) \
              FROM outcomes WHERE run_id = ?1 GROUP BY 1, 2 ORDER BY 1, 2";
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

impl Store {
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
