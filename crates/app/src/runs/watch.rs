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
        while matches!(run.state, RunState::Selecting | RunState::Queued | RunState::Running)
            && !stop.load(Ordering::Relaxed)
        {
            observer.progress(Progress { targets: run.targets, tally: run.tally });
            Self::pause(LOOK);
            run = self.find_run(id)?;
        }
        observer.progress(Progress { targets: run.targets, tally: run.tally });
        Ok(run)
    }
}
