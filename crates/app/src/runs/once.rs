use rollcall_domain::{RequestKey, Run};
use rollcall_store::StoreError;

use crate::{App, AppError};

impl App {
    /// Makes a run, unless the same request of the same administrator has made one already: then that one as it stands.
    pub(super) fn once(
        &self,
        key: Option<RequestKey>,
        make: impl FnOnce() -> Result<Run, AppError>,
    ) -> Result<Run, AppError> {
        let Some(key) = key else { return make() };
        let now = self.clock.now();
        let made = self.engine().run_of_request(self.actor.name(), self.actor.id(), &key, now)?;
        match made {
            Some(run) => self.find_run(run),
            None => match make() {
                // In the same moment.
                Err(AppError::Store(StoreError::AlreadyMade(run))) => self.find_run(run),
                made => made,
            },
        }
    }
}
