use rollcall_domain::{Run, RunId, Settings};
use rollcall_store::{Hold, StoreError};

use crate::error::conflict;
use crate::{App, AppError};

impl App {
    /// Lets run `id` begin, which was made with [`Terms::hold`](super::Terms::hold) and waits with its list frozen; workers
    /// take it then. `targets` is how many whoever says yes has seen: a run that has another number is refused, and so is
    /// one that has begun already. It takes what starting it did, approvals included.
    pub fn begin(&self, id: RunId, targets: u64) -> Result<Run, AppError> {
        let run = self.find_run(id)?;
        let permit = self.may_run_again(&run)?;
        if !run.is_held() {
            return not_held(&run);
        }
        if run.targets != targets {
            return conflict(format!(
                "run {id} has {} targets, not {targets}: look at it again before you let it begin",
                run.targets
            ));
        }
        let settings = Settings { vouched_by: self.voucher(&run), ..run.settings.clone() };
        match permit.let_begin(Hold { run: id, token: run.token }, &settings, &self.act()) {
            Ok(()) => self.left_to_workers(id),
            // Somebody else was faster.
            Err(StoreError::RunLost(_)) => not_held(&self.find_run(id)?),
            Err(error) => Err(error.into()),
        }
    }
}

fn not_held<T>(run: &Run) -> Result<T, AppError> {
    conflict(format!("run {} is not held: it is {} already", run.id, run.state.name()))
}
