use rollcall_domain::{Approval, Rejection, Right, Run, RunId, Unapproved};

use crate::error::AppError;
use crate::operations::RunOperations;

/// The result of an approval.
#[derive(Debug)]
pub enum Approved {
    /// The preview is approved by one more.
    Now(Run),
    /// The actor had approved this plan before.
    Before(Run),
    /// The actor has declined.
    Declined,
}

impl RunOperations<'_> {
    /// Approves the plan of preview `id`, so that it may be applied to more targets than one administrator may change.
    /// The plan must start with `plan`, if that is given. `sure` is asked when nothing else prevents it.
    ///
    /// # Errors
    /// [`AppError::Rejected`] if the actor has created the preview; [`AppError::Conflict`] if it has no complete plan,
    /// or another one; [`AppError::Denied`]; if there is no such run.
    pub fn approve(
        self,
        id: RunId,
        plan: Option<&str>,
        sure: &mut dyn FnMut(&Run) -> bool,
    ) -> Result<Approved, AppError> {
        let preview = self.find(id)?;
        let permit = self.app.require_permission_on(Right::Execute, &preview)?;
        self.check_plan(&preview, plan, "approve")?;
        if preview.is_by(self.app.actor().name(), self.app.actor().id()) {
            let why = format!(
                "{} has made preview {id}: somebody else has to approve it, which is what an approval is for",
                self.app.actor().name()
            );
            return Err(Rejection::new(why).into());
        }
        if !sure(&preview) {
            return Ok(Approved::Declined);
        }
        Ok(if permit.approvals().approve(&preview, &self.app.act())? {
            Approved::Now(preview)
        } else {
            Approved::Before(preview)
        })
    }

    /// Lists the approvals of a preview, of any of its plans, oldest first.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list_approvals(self, run: &Run) -> Result<Vec<Approval>, AppError> {
        Ok(self.app.require_permission_on(Right::Look, run)?.approvals().of(run.id)?)
    }

    /// Finds the reason why a finished preview cannot be applied without a second administrator, if there is one.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn find_missing_approval(self, preview: &Run) -> Result<Option<Unapproved>, AppError> {
        Ok(self.app.require_permission_on(Right::Look, preview)?.approvals().unapproved(preview)?)
    }
}
