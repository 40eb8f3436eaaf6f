use rollcall_domain::{Right, Run};
use rollcall_store::CoursePart;

use crate::{App, AppError};

impl App {
    /// How the outcomes of a run lie along its targets: by equal parts of the list, of which there are so many at most.
    pub fn course(&self, run: &Run, parts: u64) -> Result<Vec<CoursePart>, AppError> {
        let permit = self.may_with(Right::Look, run)?;
        Ok(permit.course(run, parts.min(run.targets).max(1))?)
    }
}
