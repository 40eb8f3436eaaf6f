use std::sync::atomic::Ordering;
use std::time::Duration;

use rollcall_domain::{Run, RunId, RunState};

use super::{Observer, Progress, Stop};
use crate::{App, AppError};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);

impl App {
    /// Follows run `id`, whoever executes it, until nobody does any more or `stop` is set. The run that comes back is as it
    /// then stands.
    pub fn watch(&self, id: RunId, stop: &Stop, observer: &mut dyn Observer) -> Result<Run, AppError> {
        let mut run = self.find_run(id)?;
        observer.begins(&run);
        while !stop.load(Ordering::Relaxed) && self.goes_on(&run)? {
            observer.progress(Progress { targets: run.targets, tally: run.tally });
            Self::pause(LOOK);
            run = self.find_run(id)?;
        }
        observer.progress(Progress { targets: run.targets, tally: run.tally });
        Ok(run)
    }

    /// Whether more happens to a run without anybody's doing.
    fn goes_on(&self, run: &Run) -> Result<bool, AppError> {
        Ok(match run.state {
            RunState::Selecting | RunState::Queued | RunState::Running => true,
            RunState::Interrupted => run.confirmed && self.has_workers()?,
            RunState::Stopped | RunState::Cancelled | RunState::Finished => false,
        })
    }
}
