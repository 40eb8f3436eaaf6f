use rollcall_domain::{Right, Run, Tally};
use rollcall_store::{CoursePart, Timeline};

use crate::{App, AppError};

impl App {
    /// How the outcomes of a run lie along its targets: by equal parts of the list, of which there are so many at most.
    pub fn course(&self, run: &Run, parts: u64) -> Result<Vec<CoursePart>, AppError> {
        let permit = self.may_with(Right::Look, run)?;
        Ok(permit.course(run, parts.min(run.targets).max(1))?)
    }

    /// The outcomes that a run got when, in so many parts at most; none unless that is all of them.
    pub fn timeline(&self, run: &Run, parts: u32) -> Result<Option<Timeline>, AppError> {
        let timeline = self.may_with(Right::Look, run)?.timeline(run.id, parts)?;
        // Since it was read, the run may have got some more.
        let is_whole =
            |timeline: &Timeline| timeline.parts.iter().map(Tally::total).sum::<u64>() >= run.tally.total();
        Ok(timeline.filter(is_whole))
    }
}
