//! What FreeRADIUS answers to a user now, and what it would after a preview is applied.

use rollcall_domain::{Mode, Profile, Refusal, Reply, Right, Run, RunId, RunState, TargetOutcome, User};

use crate::{App, AppError};

impl App {
    /// What FreeRADIUS answers to a user who comes with the right password.
    pub fn radius_reply(&self, user: &User) -> Result<Reply, AppError> {
        let permit = self.may(Right::Look)?;
        let mut profiles: Vec<Profile> = Vec::with_capacity(user.profiles.len());
        for assigned in &user.profiles {
            profiles.extend(permit.profile(&assigned.short_name)?);
        }
        Ok(Reply::to(user, &profiles, self.clock.now()))
    }

    /// The same before and after what a preview has planned for a target; none if the user has changed since, or is gone.
    pub fn planned_reply(&self, outcome: &TargetOutcome) -> Result<Option<(Reply, Reply)>, AppError> {
        let Some(user) = self.user_by_id(outcome.user_id)? else { return Ok(None) };
        let Ok(after) = user.after(&outcome.changes) else { return Ok(None) };
        Ok(Some((self.radius_reply(&user)?, self.radius_reply(&after)?)))
    }

    /// What FreeRADIUS answers before and after what a run has done, or has planned, for a target; none if the user has
    /// changed since, or is gone.
    pub fn replies_around(
        &self,
        run: &Run,
        outcome: &TargetOutcome,
    ) -> Result<Option<(Reply, Reply)>, AppError> {
        if run.mode == Mode::Preview {
            return self.planned_reply(outcome);
        }
        let Some(user) = self.user_by_id(outcome.user_id)? else { return Ok(None) };
        // A user who is back where they were is not as the run has left them.
        let Ok(before) = user.before(&outcome.changes) else { return Ok(None) };
        if before == user {
            return Ok(None);
        }
        Ok(Some((self.radius_reply(&before)?, self.radius_reply(&user)?)))
    }

    /// What FreeRADIUS answers to a user now, and once a preview is applied.
    pub fn planned_reply_to(&self, preview: RunId, username: &str) -> Result<(Reply, Reply), AppError> {
        let run = self.find_run(preview)?;
        let why = match run.mode {
            Mode::Apply => Some("is no preview: it plans nothing"),
            Mode::Preview if run.pruned_at.is_some() => Some("was pruned: what it has planned is gone"),
            Mode::Preview if run.state != RunState::Finished => {
                Some("has not finished: its plan is not whole")
            }
            Mode::Preview => None,
        };
        if let Some(why) = why {
            return Err(Refusal::new(format!("run {preview} {why}")).into());
        }
        let user = self.user(username)?;
        let changes = self.may_with(Right::Look, &run)?.changes_planned_for(preview, user.id)?;
        let after = user.after(&changes).map_err(|_| {
            Refusal::new(format!("user {username:?} has changed since preview {preview}: preview it again"))
        })?;
        Ok((self.radius_reply(&user)?, self.radius_reply(&after)?))
    }
}
