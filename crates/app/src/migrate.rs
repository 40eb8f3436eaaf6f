use rollcall_domain::{Refusal, Right, RunState};
use rollcall_store::{Copied, CopyEvent, Location};

use crate::runs::as_it_stands;
use crate::{App, AppError, holder};

impl App {
    /// Copies everything to another database, as it is at this moment, and compares both; see [`rollcall_store::Snapshot`].
    /// Refused while a process is at a run: what it has done would be there, what it does next would not. Runs that were
    /// interrupted or wait for a worker can go on in the copy.
    pub fn migrate(&self, to: &Location, tell: &mut dyn FnMut(CopyEvent)) -> Result<Vec<Copied>, AppError> {
        let snapshot = self.may_everywhere(Right::Administer)?.into_store().snapshot()?;
        let leases = snapshot.leases()?;
        let now = self.clock.now();
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
                "waits for a yes, asked for"
            } else {
                "is being executed"
            };
            let why = format!(
                "run {id} {what}{by}: wait for its end, or end it with 'rollcall runs cancel {id}', and migrate then"
            );
            return Err(Refusal::new(why).into());
        }
        Ok(snapshot.copy_to(to, &self.act(), tell)?)
    }
}
