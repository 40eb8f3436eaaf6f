use rollcall_domain::{Right, Run, Tally};
use rollcall_store::{CoursePart, Timeline};

use crate::error::AppError;
use crate::operations::RunOperations;

impl RunOperations<'_> {
    /// Counts the outcomes of a run along its list, in at most `parts` equal parts.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn outcome_distribution(self, run: &Run, parts: u64) -> Result<Vec<CoursePart>, AppError> {
        let permit = self.app.require_permission_on(Right::Look, run)?;
        Ok(permit.runs().course(run, parts.min(run.targets).max(1))?)
    }

    /// Counts the outcomes of a run over time, in at most `parts` parts; none if some of its outcomes have no time.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn outcome_timeline(self, run: &Run, parts: u32) -> Result<Option<Timeline>, AppError> {
        let timeline = self.app.require_permission_on(Right::Look, run)?.runs().timeline(run.id, parts)?;
        // Since it was read, the run may have got some more.
        let is_whole =
            |timeline: &Timeline| timeline.parts.iter().map(Tally::total).sum::<u64>() >= run.tally.total();
        Ok(timeline.filter(is_whole))
    }
}
