use std::time::{Duration, Instant};

use rollcall_domain::{Refusal, Run, RunId, RunState};
use rollcall_store::StoreError;

use crate::{App, AppError};

/// Whoever executes a run looks five times a second whether it is to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at whether it has ended.
const PAUSE: Duration = Duration::from_millis(20);

impl App {
    /// Ends run `id`, whoever executes it; what was done before stays done. The run that comes back is as it then
    /// stands: cancelled, unless its process does not hear.
    #[expect(clippy::disallowed_methods, reason = "the pause between two looks at another process's run")]
    pub fn cancel(&self, id: RunId) -> Result<Run, AppError> {
        let asked = Instant::now();
        let mut heard = false;
        loop {
            let run = self.find_run(id)?;
            match run.state {
                RunState::Running => {
                    if asked.elapsed() > PATIENCE {
                        return Ok(run);
                    }
                    if run.cancelled_by.is_none() {
                        self.store.ask_to_cancel(&run, &self.administrator)?;
                    }
                    heard = true;
                    std::thread::sleep(PAUSE);
                }
                RunState::Selecting | RunState::Interrupted | RunState::Stopped => {
                    let note =
                        format!("cancelled by {}; what was done before stays done", self.administrator);
                    match self.store.cancel_run(&run, &note, self.clock.now()) {
                        Ok(run) => return Ok(run),
                        // It has moved on since; look again.
                        Err(StoreError::RunLost(_)) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                RunState::Finished | RunState::Cancelled if heard => return Ok(run),
                RunState::Finished | RunState::Cancelled => {
                    let how = if run.state == RunState::Finished { "has finished" } else { "was cancelled" };
                    return Err(Refusal::new(format!("run {id} {how} already")).into());
                }
            }
        }
    }
}
