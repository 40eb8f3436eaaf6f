//! What a commit adds to its run: counters, the hash of a preview's plan, and whether a brake stops it.

use rollcall_domain::{Counts, PlanHash, Tally, Tripped};

use super::reading::read_plan;
use super::{OutcomeRow, Stretch};
use crate::counters::COUNTED;
use crate::db::{Tx, args};
use crate::sql::{sql, text};
use crate::{StoreError, course};

const ADVANCE_RUN: &str = "UPDATE runs SET changed = changed + ?2, unchanged = unchanged + ?3, skipped = skipped + ?4, \
           failed = failed + ?5, timed_out = timed_out + ?6, conflict = conflict + ?7, output_bytes = output_bytes + ?8, \
           deactivated = deactivated + ?9, millis = CASE WHEN millis < ?10 THEN ?10 ELSE millis END, plan = ?11, planned = ?12, \
           holder = ?13, leased_until = ?14, \
           cursor = coalesce((SELECT min(done) FROM chunks WHERE run_id = ?1), \
                             (SELECT max(seq) FROM outcomes WHERE run_id = ?1)) WHERE id = ?1";

sql! {
    // On a server it is all one way there and back, since others wait for the run's row.
    ADVANCE = ADVANCE_RUN => text!("WITH noted AS (", course::NOTE[0], "?15", course::NOTE[1], ") ", ADVANCE_RUN);
    NOTE = text!(course::NOTE[0], "?8", course::NOTE[1]);
    STOP = "UPDATE runs SET state = 'stopped', note = ?2, ended_at = ?3, holder = NULL, leased_until = NULL WHERE id = ?1";
}

/// What a run has come to before a stretch.
pub(super) struct SoFar {
    pub(super) plan: Option<String>,
    pub(super) planned: i64,
    pub(super) deactivated: u64,
    pub(super) targets: u64,
    pub(super) tally: Tally,
}

/// What the brakes say to outcomes that are to be committed.
enum Braking {
    /// All of them count; one of them may have tripped a brake.
    Passed(Counts, Option<Tripped>),
    /// A brake trips before the last of them; only the first `keep` may be committed.
    TooMany { keep: usize, tripped: Tripped },
}

/// What comes of counting outcomes into their run.
pub(super) enum Counting {
    /// They count.
    Counted {
        /// The run's outcomes so far.
        tally: Tally,
        /// Why the run has stopped with them, if it has.
        stopped: Option<String>,
    },
    /// A brake trips before the last of them: nothing is counted, and only the first `keep` may be committed.
    TooMany { keep: usize, tripped: Tripped },
}

/// Counts outcomes for the brakes.
fn brake(of: &Stretch<'_>, so_far: &SoFar, rows: &[OutcomeRow<'_>]) -> Braking {
    let mut counts = Counts::of(&so_far.tally, so_far.deactivated) - of.braked_from;
    for (index, row) in rows.iter().enumerate() {
        let one = Counts::one(row.outcome, &row.target.outcome.changes);
        if let Err(tripped) = of.brakes.pass(&mut counts, one) {
            let keep = index + usize::from(tripped.included);
            return match keep == rows.len() {
                true => Braking::Passed(counts, Some(tripped)),
                false => Braking::TooMany { keep, tripped },
            };
        }
    }
    Braking::Passed(counts, None)
}

/// Counts written outcomes into their run, and stops it if it has to.
pub(super) fn count(
    tx: &Tx<'_>,
    of: &Stretch<'_>,
    so_far: &SoFar,
    rows: &[OutcomeRow<'_>],
) -> Result<Counting, StoreError> {
    let (counts, tripped) = match brake(of, so_far, rows) {
        Braking::Passed(counts, tripped) => (counts, tripped),
        Braking::TooMany { keep, tripped } => return Ok(Counting::TooMany { keep, tripped }),
    };
    let run = of.hold.run;
    let mut tally = Tally::default();
    rows.iter().for_each(|row| tally.count(row.outcome));
    let mut plan = so_far.plan.as_deref().map(read_plan).transpose()?;
    let mut planned = so_far.planned;
    if planned == of.after {
        let with = |plan: PlanHash, row: &OutcomeRow<'_>| {
            plan.with(&row.target.outcome, row.outcome, row.target.version, row.journal)
        };
        plan = plan.map(|plan| rows.iter().fold(plan, with));
        planned = of.last;
    }
    let printed: usize = rows.iter().filter_map(|row| row.output).map(str::len).sum();
    let before = Counts::of(&so_far.tally, so_far.deactivated) - of.braked_from;
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let [changed, unchanged, skipped, failed, timed_out, conflict] =
        COUNTED.map(|outcome| number(tally.get(outcome)));
    let values = args![
        run,
        changed,
        unchanged,
        skipped,
        failed,
        timed_out,
        conflict,
        number(printed as u64),
        number((counts - before).deactivated),
        of.millis,
        plan.map(|plan| plan.to_string()),
        planned,
        of.lessee.holder,
        of.lessee.leased_until,
        course::moment(of.millis),
    ];
    match tx {
        Tx::Sqlite(_) => {
            tx.execute(ADVANCE, &values[..values.len() - 1])?;
            let moment = course::moment(of.millis);
            tx.execute(NOTE, args![run, changed, unchanged, skipped, failed, timed_out, conflict, moment])?;
        }
        Tx::Postgres(_) => drop(tx.execute(ADVANCE, values)?),
    }
    tally += so_far.tally;
    // After the last target there is nothing left to stop: the run is through, with all its failures.
    let stopped = of
        .stop
        .map(str::to_owned)
        .or(tripped.map(|tripped| tripped.why))
        .filter(|_| tally.total() < so_far.targets);
    if let Some(why) = &stopped {
        tx.execute(STOP, args![run, why.as_str(), of.now])?;
        tx.announce()?;
    }
    Ok(Counting::Counted { tally, stopped })
}
