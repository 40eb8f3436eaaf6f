use rollcall_domain::{Rejection, Right, RunState, Suggestion};
use rollcall_store::{Copied, CopyEvent, Location};

use crate::error::AppError;
use crate::holder;
use crate::operations::MaintenanceOperations;
use crate::runs::standing::as_it_stands;

impl MaintenanceOperations<'_> {
    /// Copies the whole database to another one, as it is at this moment, and compares both: see
    /// [`rollcall_store::Snapshot`]. Interrupted runs, and runs that wait for a worker, can be resumed in the copy.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Rejected`] while a process executes a run, since the copy would have only a
    /// part of it.
    pub fn migrate_to(self, to: &Location, tell: &mut dyn FnMut(CopyEvent)) -> Result<Vec<Copied>, AppError> {
        let snapshot = self.app.require_permission_everywhere(Right::Administer)?.into_store().snapshot()?;
        let leases = snapshot.leases()?;
        let now = self.app.now();
        for run in snapshot.begun_runs()? {
            let lessee = leases.iter().find(|(of, holder)| *of == run.id && !holder::is_dead(holder));
            let run = as_it_stands(run, now);
            let (id, by) = match (run.state, lessee) {
                (RunState::Running | RunState::Selecting, None) => (run.id, run.holder),
                (_, Some((of, holder))) => (*of, Some(holder.clone())),
                _ => continue,
            };
            let by = by.as_deref().map(holder::describe).unwrap_or_default();
            let what = if run.state == RunState::Selecting {
                "waits for confirmation, asked for"
            } else {
                "is being executed"
            };
            let why = format!("run {id} {what}{by}: wait for its end, or cancel it, then migrate");
            return Err(Rejection::new(why).suggest(Suggestion::CancelRun { run_id: id }).into());
        }
        Ok(snapshot.copy_to(to, &self.app.act(), tell)?)
    }
}
