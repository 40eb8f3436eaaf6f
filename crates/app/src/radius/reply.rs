//! What FreeRADIUS answers to a user now, and what it would after a preview is applied.

use rollcall_domain::{Mode, Profile, Rejection, Reply, Right, Run, RunId, RunState, TargetOutcome, User};

use crate::error::AppError;
use crate::operations::RadiusOperations;

impl RadiusOperations<'_> {
    /// Computes the reply of FreeRADIUS to a user who gives the right password.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn compute_reply(self, user: &User) -> Result<Reply, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        let mut profiles: Vec<Profile> = Vec::with_capacity(user.profiles.len());
        for assigned in &user.profiles {
            profiles.extend(permit.profiles().by_name(&assigned.short_name)?);
        }
        Ok(Reply::to(user, &profiles, self.app.now()))
    }

    /// Computes the replies to a target of a preview: now, and after the preview is applied; none if the user has
    /// changed since, or was removed.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn compute_planned_replies(
        self,
        outcome: &TargetOutcome,
    ) -> Result<Option<(Reply, Reply)>, AppError> {
        let Some(user) = self.app.users().find_by_id(outcome.user_id)? else { return Ok(None) };
        let Ok(after) = user.after(&outcome.changes) else { return Ok(None) };
        Ok(Some((self.compute_reply(&user)?, self.compute_reply(&after)?)))
    }

    /// Computes the replies to a target of a run: before and after its changes, or planned changes; none if the user
    /// has changed since, or was removed.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn compute_replies_around(
        self,
        run: &Run,
        outcome: &TargetOutcome,
    ) -> Result<Option<(Reply, Reply)>, AppError> {
        if run.mode == Mode::Preview {
            return self.compute_planned_replies(outcome);
        }
        let Some(user) = self.app.users().find_by_id(outcome.user_id)? else { return Ok(None) };
        // A user who is back where they were is not as the run has left them.
        let Ok(before) = user.before(&outcome.changes) else { return Ok(None) };
        if before == user {
            return Ok(None);
        }
        Ok(Some((self.compute_reply(&before)?, self.compute_reply(&user)?)))
    }

    /// Computes the replies to a user: now, and after the preview is applied.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Rejected`] if the run plans nothing for the user; if there is no such run or
    /// user.
    pub fn compute_planned_replies_for(
        self,
        preview: RunId,
        username: &str,
    ) -> Result<(Reply, Reply), AppError> {
        let run = self.app.runs().find(preview)?;
        let why = match run.mode {
            Mode::Apply => Some("is no preview: it plans nothing"),
            Mode::Preview if run.pruned_at.is_some() => Some("was pruned: what it has planned is gone"),
            Mode::Preview if run.state != RunState::Finished => {
                Some("has not finished: its plan is not whole")
            }
            Mode::Preview => None,
        };
        if let Some(why) = why {
            return Err(Rejection::new(format!("run {preview} {why}")).into());
        }
        let user = self.app.users().find(username)?;
        let changes = self
            .app
            .require_permission_on(Right::Look, &run)?
            .radius()
            .changes_planned_for(preview, user.id)?;
        let after = user.after(&changes).map_err(|_| {
            Rejection::new(format!("user {username:?} has changed since preview {preview}: preview it again"))
        })?;
        Ok((self.compute_reply(&user)?, self.compute_reply(&after)?))
    }
}
