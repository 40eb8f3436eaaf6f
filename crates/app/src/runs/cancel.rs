use rollcall_domain::{Run, RunId, RunState};
use rollcall_store::StoreError;

use crate::error::conflict;
use crate::{App, AppError};

impl App {
    /// Ends run `id` for good, whoever executes it; what was done before stays done. From now on nothing of it is written:
    /// whoever is at it finds out with the next commit, or within a second.
    pub fn cancel(&self, id: RunId) -> Result<Run, AppError> {
        let run = self.find_run(id)?;
        let permit = self.may_run_again(&run)?;
        let note = format!("cancelled by {}; what was done before stays done", self.actor.name());
        let run = match run.state {
            RunState::Finished | RunState::Cancelled => run,
            _ => match permit.cancel_run(id, &note, &self.act()) {
                Ok(run) => return Ok(run),
                Err(StoreError::RunLost(_)) => self.find_run(id)?,
                Err(error) => return Err(error.into()),
            },
        };
        let how = if run.state == RunState::Finished { "has finished" } else { "was cancelled" };
        conflict(format!("run {id} {how} already"))
    }
}
