//! What a commit adds to its run: counters, the hash of a preview's plan, and whether a brake stops it.

use rollcall_domain::{Counts, PlanHash, Tally, Tripped};

use super::reading::read_plan;
use super::{OutcomeRow, Stretch};
use crate::db::{Tx, args};
use crate::runs::COUNTED;
use crate::{StoreError, course, sql};

macro_rules! advance {
    () => {
        "UPDATE runs SET changed = changed + ?2, unchanged = unchanged + ?3, skipped = skipped + ?4, \
               failed = failed + ?5, timed_out = timed_out + ?6, conflict = conflict + ?7, output_bytes = output_bytes + ?8, \
               deactivated = deactivated + ?9, millis = CASE WHEN millis < ?10 THEN ?10 ELSE millis END, plan = ?11, planned = ?12, \
               holder = ?13, leased_until = ?14, \
               cursor = coalesce((SELECT min(done) FROM chunks WHERE run_id = ?1), \
                                 (SELECT max(seq) FROM outcomes WHERE run_id = ?1)) WHERE id = ?1"
    };
}

sql! {
    // On a server it is all one way there and back, since others wait for the run's row.
    ADVANCE = advance!() => concat!("WITH noted AS (", course::note!("?15"), ") ", advance!());
    NOTE = course::note!("?8");
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

/// Counts outcomes for the brakes. A brake that trips before the last of them says how many may be committed.
fn brake(
    of: &Stretch<'_>,
    so_far: &SoFar,
    rows: &[OutcomeRow<'_>],
) -> Result<(Counts, Option<Tripped>), (usize, Tripped)> {
    let mut counts = Counts::of(&so_far.tally, so_far.deactivated) - of.braked_from;
    for (index, row) in rows.iter().enumerate() {
        let one = Counts::one(row.outcome, &row.target.outcome.changes);
        if let Err(tripped) = of.brakes.pass(&mut counts, one) {
            let keep = index + usize::from(tripped.included);
            return if keep == rows.len() { Ok((counts, Some(tripped))) } else { Err((keep, tripped)) };
        }
    }
    Ok((counts, None))
}

/// Counts written outcomes into their run, and stops it if it has to; the run's outcomes so far, and why it has stopped.
/// Or how many of them a brake lets pass.
#[expect(clippy::type_complexity, reason = "said once, right here")]
pub(super) fn count(
    tx: &Tx<'_>,
    of: &Stretch<'_>,
    so_far: &SoFar,
    rows: &[OutcomeRow<'_>],
) -> Result<Result<(Tally, Option<String>), (usize, Tripped)>, StoreError> {
    let (counts, tripped) = match brake(of, so_far, rows) {
        Ok(counted) => counted,
        Err(too_many) => return Ok(Err(too_many)),
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
    Ok(Ok((tally, stopped)))
}
