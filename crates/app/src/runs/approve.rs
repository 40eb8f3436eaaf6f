use rollcall_domain::{Above, Approval, Refusal, Right, Run, RunId, Unapproved};
use rollcall_store::FOUR_EYES_ABOVE;

use crate::{App, AppError};

/// What approving has come to.
#[derive(Debug)]
pub enum Approved {
    /// The preview is approved by one more.
    Now(Run),
    /// They had approved this plan before.
    Before(Run),
    /// They have thought better of it.
    Declined,
}

impl App {
    /// Approves what preview `id` has planned, so that it may be applied to more targets than one administrator may write
    /// for alone: its plan as it is now, which must begin with `plan` where that is given. Whoever made the preview cannot.
    /// `sure` is asked when nothing else stands in the way.
    pub fn approve(
        &self,
        id: RunId,
        plan: Option<&str>,
        sure: &mut dyn FnMut(&Run) -> bool,
    ) -> Result<Approved, AppError> {
        let preview = self.find_run(id)?;
        let permit = self.may_with(Right::Execute, &preview)?;
        self.check_plan(&preview, plan, "approve")?;
        if preview.is_by(self.actor.name(), self.actor.id()) {
            let why = format!(
                "{} has made preview {id}: somebody else has to approve it, which is what an approval is for",
                self.actor.name()
            );
            return Err(Refusal::new(why).into());
        }
        if !sure(&preview) {
            return Ok(Approved::Declined);
        }
        Ok(if permit.approve(&preview, &self.act())? {
            Approved::Now(preview)
        } else {
            Approved::Before(preview)
        })
    }

    /// Who has approved a preview, whichever plan it had then; the first one first.
    pub fn approvals(&self, run: &Run) -> Result<Vec<Approval>, AppError> {
        Ok(self.may_with(Right::Look, run)?.approvals(run.id)?)
    }

    /// Why a finished preview cannot be applied yet, if it takes a second administrator.
    pub fn unapproved(&self, preview: &Run) -> Result<Option<Unapproved>, AppError> {
        Ok(self.may_with(Right::Look, preview)?.unapproved(preview)?)
    }

    /// Above how many targets a run takes a second administrator here, if that was set.
    pub fn four_eyes_above(&self) -> Result<Option<Above>, AppError> {
        let text = self.may(Right::Look)?.setting(FOUR_EYES_ABOVE)?;
        Ok(text.map(|text| text.parse()).transpose()?)
    }

    /// Sets above how many targets a run takes a second administrator; none: never.
    pub fn set_four_eyes_above(&self, above: Option<Above>) -> Result<(), AppError> {
        let permit = self.may_everywhere(Right::Administer)?;
        let text = above.map(|above| above.to_string());
        Ok(permit.set_setting(FOUR_EYES_ABOVE, text.as_deref(), &self.act())?)
    }
}
