use rollcall_domain::{RequestKey, Run};

use crate::error::AppError;
use crate::operations::RunOperations;

impl RunOperations<'_> {
    /// Makes a run, unless the same request of the same administrator has made one already: then that one as it stands.
    pub(super) fn once(
        self,
        key: Option<RequestKey>,
        make: impl FnOnce() -> Result<Run, AppError>,
    ) -> Result<Run, AppError> {
        let Some(key) = key else { return make() };
        let now = self.app.now();
        let made = self.app.store_unchecked().runs().of_request(
            self.app.actor().name(),
            self.app.actor().id(),
            &key,
            now,
        )?;
        match made {
            Some(run) => self.find(run),
            None => make(),
        }
    }
}
