use rollcall_domain::{Run, RunId, Settings};
use rollcall_store::{Hold, StoreError};

use crate::error::{AppError, conflict};
use crate::operations::RunOperations;

impl RunOperations<'_> {
    /// Starts run `id`, which was created with [`RunOptions::hold`](super::request::RunOptions::hold): workers execute it.
    /// `targets` is the number of targets that the caller has seen. It needs the rights and approvals that creating the
    /// run needs.
    ///
    /// # Errors
    /// [`AppError::Conflict`] if it is not held, or has another number of targets; if it needs an approval;
    /// [`AppError::Denied`]; if there is no such run.
    pub fn start_held(self, id: RunId, targets: u64) -> Result<Run, AppError> {
        let run = self.find(id)?;
        let permit = self.app.require_permission_to_continue(&run)?;
        if !run.is_held() {
            return not_held(&run);
        }
        if run.targets != targets {
            return conflict(format!(
                "run {id} has {} targets, not {targets}: look at it again before you let it begin",
                run.targets
            ));
        }
        let settings = Settings { vouched_by: self.app.voucher(&run), ..run.settings.clone() };
        match permit.runs().start_held(Hold { run: id, token: run.token }, &settings, &self.app.act()) {
            Ok(()) => self.leave_to_workers(id),
            // Somebody else was faster.
            Err(StoreError::RunLost(_)) => not_held(&self.find(id)?),
            Err(error) => Err(error.into()),
        }
    }
}

fn not_held<T>(run: &Run) -> Result<T, AppError> {
    conflict(format!("run {} is not held: it is {} already", run.id, run.state.name()))
}
