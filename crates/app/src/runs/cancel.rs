use rollcall_domain::{Run, RunId, RunState};
use rollcall_store::StoreError;

use crate::error::{AppError, conflict};
use crate::operations::RunOperations;

impl RunOperations<'_> {
    /// Cancels run `id` for good. What it has written stays; nothing more is written. Workers notice it with their next
    /// commit, or within a second.
    ///
    /// # Errors
    /// [`AppError::Conflict`] if it has ended; [`AppError::Denied`]; if there is no such run.
    pub fn cancel(self, id: RunId) -> Result<Run, AppError> {
        let run = self.find(id)?;
        let permit = self.app.require_permission_to_continue(&run)?;
        let note = format!("cancelled by {}; what was done before stays done", self.app.actor().name());
        let run = match run.state {
            RunState::Finished | RunState::Cancelled => run,
            _ => match permit.runs().cancel(id, &note, &self.app.act()) {
                Ok(run) => return Ok(run),
                Err(StoreError::RunLost(_)) => self.find(id)?,
                Err(error) => return Err(error.into()),
            },
        };
        let how = if run.state == RunState::Finished { "has finished" } else { "was cancelled" };
        conflict(format!("run {id} {how} already"))
    }
}
