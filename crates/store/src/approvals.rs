//! Four eyes: what a second administrator has approved, and the one question whether a run may begin to write. It is asked
//! in the transaction that lets it: of a run that is made, of one that gets its yes, and of one that is gone on with before
//! it had one.

use rollcall_domain::{
    Above, Act, Action, Approval, Missing, Mode, Outcome, Rights, Run, RunId, RunState, Selection, Unapproved,
};

use crate::areas::Approvals;
use crate::columns::read;
use crate::db::{Tx, args};
use crate::sql::sql;
use crate::{StoreError, administrators, audit, installation, runs};

/// The setting above how many targets a run needs the approval of a second administrator.
pub const FOUR_EYES_ABOVE: &str = "four_eyes_above";

sql! {
    INSERT = "INSERT INTO approvals (run_id, plan, administrator_id, who, at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
    OF = "SELECT plan, who, administrator_id, at FROM approvals WHERE run_id = ?1 ORDER BY id";
}

fn above(tx: &Tx<'_>) -> Result<Option<Above>, StoreError> {
    let set = installation::setting(tx, FOUR_EYES_ABOVE)?;
    set.map(|text| text.parse()).transpose().map_err(|error| StoreError::Corrupt(format!("{error}")))
}

fn of(tx: &Tx<'_>, preview: RunId) -> Result<Vec<Approval>, StoreError> {
    tx.all(OF, args![preview], |row| Ok(read!(row, OF => Approval { plan, who, administrator_id, at })))
}

/// What whoever has approved may do now.
fn rights(tx: &Tx<'_>, approval: &Approval) -> Result<Rights, StoreError> {
    let Some(id) = approval.administrator_id else { return Ok(Rights::all()) };
    Ok(administrators::by_id(tx, id)?.map_or_else(Rights::default, |administrator| administrator.rights))
}

/// What is missing so that `preview` may be applied to so many targets.
fn lack(tx: &Tx<'_>, preview: &Run, targets: u64, above: Above) -> Result<Option<Unapproved>, StoreError> {
    let missing = Missing::of(preview, &of(tx, preview.id)?, |approval| rights(tx, approval))?;
    Ok(missing.map(|missing| Unapproved::preview(preview.id, targets, above, missing)))
}

/// Refuses a run that is to write for more targets than one administrator may alone.
pub(crate) fn check(tx: &Tx<'_>, run: &Run) -> Result<(), StoreError> {
    let Some(above) = above(tx)?.filter(|above| run.mode == Mode::Apply && above.is_exceeded(run.targets))
    else {
        return Ok(());
    };
    let Some(preview) = run.applies else { return Err(Unapproved::run(run, above).into()) };
    let preview = runs::one(tx, preview)?.ok_or(StoreError::RunLost(preview))?;
    match lack(tx, &preview, run.targets, above)? {
        None => Ok(()),
        // What was applied before cannot be approved any more.
        Some(_) if !matches!(run.selection, Selection::Plan { .. }) => {
            Err(Unapproved::run(run, above).into())
        }
        Some(unapproved) => Err(unapproved.into()),
    }
}

impl Approvals<'_> {
    /// Notes that whoever acts approves the plan of a finished preview, which must be as it was `seen`; says whether they
    /// had not before.
    pub fn approve(&self, seen: &Run, act: &Act<'_>) -> Result<bool, StoreError> {
        self.0.write(|tx| {
            runs::check_whole(tx, seen.id)?;
            runs::check_unapplied(tx, seen.id)?;
            let preview = runs::one(tx, seen.id)?.ok_or(StoreError::RunLost(seen.id))?;
            let plan = preview.plan.as_deref().filter(|plan| Some(*plan) == seen.plan.as_deref());
            let Some(plan) = plan.filter(|_| preview.state == RunState::Finished) else {
                return Err(StoreError::Stale(format!("preview {}", seen.id)));
            };
            let added = tx.execute(INSERT, args![seen.id, plan, act.administrator_id, act.who, act.at])? > 0;
            if added {
                let deed = runs::deed(Action::RunApprove, &preview).with("plan", plan);
                audit::record(tx, act, &deed.with("targets", preview.tally.get(Outcome::Changed)))?;
            }
            Ok(added)
        })
    }

    /// Who has approved a preview, whichever plan it had then; the first one first.
    pub fn of(&self, preview: RunId) -> Result<Vec<Approval>, StoreError> {
        self.0.read(|tx| of(tx, preview))
    }

    /// Why a preview that has finished could not be applied as it is, for want of a second administrator.
    pub fn unapproved(&self, preview: &Run) -> Result<Option<Unapproved>, StoreError> {
        let targets = preview.tally.get(Outcome::Changed);
        self.0.read(|tx| match above(tx)?.filter(|above| above.is_exceeded(targets)) {
            Some(above) => lack(tx, preview, targets, above),
            None => Ok(None),
        })
    }
}
