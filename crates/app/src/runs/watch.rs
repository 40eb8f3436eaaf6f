use std::sync::atomic::Ordering;
use std::time::Duration;

use rollcall_domain::{Run, RunId, RunState};

use super::observer::{Observer, Progress, Stop};
use crate::error::AppError;
use crate::operations::RunOperations;
use crate::pause::pause;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);

impl RunOperations<'_> {
    /// Follows run `id` until no process executes it or `stop` is set: the run as it then stands.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if there is no such run.
    pub fn watch(self, id: RunId, stop: &Stop, observer: &mut dyn Observer) -> Result<Run, AppError> {
        let mut run = self.find(id)?;
        observer.begins(&run);
        while !stop.load(Ordering::Relaxed) && self.goes_on(&run)? {
            observer.progress(Progress { targets: run.targets, tally: run.tally });
            pause(LOOK);
            run = self.find(id)?;
        }
        observer.progress(Progress { targets: run.targets, tally: run.tally });
        Ok(run)
    }

    /// Whether more happens to a run without anybody's doing.
    fn goes_on(self, run: &Run) -> Result<bool, AppError> {
        Ok(match run.state {
            RunState::Selecting | RunState::Queued | RunState::Running => true,
            RunState::Interrupted => run.confirmed && self.app.workers().any_available()?,
            RunState::Stopped | RunState::Cancelled | RunState::Finished => false,
        })
    }
}
