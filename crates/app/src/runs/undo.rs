use rollcall_domain::{Mode, Rejection, Right, Run, RunId, RunState, Selection, Suggestion, UserId};
use rollcall_store::{List, StoreError};

use super::conduct::New;
use super::observer::{Observer, Stop};
use super::request::RunOptions;
use crate::error::AppError;
use crate::operations::RunOperations;

/// A run that is to be taken back.
#[derive(Debug)]
pub struct UndoRequest {
    /// Whether that writes.
    pub mode: Mode,
    /// Only what it has changed of this user, by the name of now or that before the run.
    pub user: Option<String>,
    /// When it stops by itself, and whether it is asked for first.
    pub options: RunOptions,
}

impl RunOperations<'_> {
    /// Undoes the changes of run `id` where they are still in place; users who changed since are skipped and listed as
    /// conflicts. It is a run of its own, which can be previewed and undone.
    ///
    /// # Errors
    /// [`AppError::Conflict`] if the run is a preview or is not at rest; if it was pruned; [`AppError::Denied`]; if
    /// there is no such run or user.
    pub fn undo(
        self,
        id: RunId,
        request: &UndoRequest,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> Result<Run, AppError> {
        self.once(request.options.key, || self.undo_once(id, request, stop, observer))
    }

    fn undo_once(
        self,
        id: RunId,
        request: &UndoRequest,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> Result<Run, AppError> {
        let run = self.find(id)?;
        self.app.require_permission_on(Right::Execute, &run)?;
        self.check_undo(&run)?;
        let user = request.user.as_deref().map(|name| self.find_changed_user(&run, name)).transpose()?;
        let source = self.app.store_unchecked().runs().source(id)?;
        let selection = Selection::Changed { run: id, username: request.user.clone() };
        let new = New {
            undoes: Some(id),
            ..New::replaying(&run, &source, request.mode, &selection, List::Changed(&run, user))
        };
        self.start(&new, request.options, None, stop, observer)
    }

    fn check_undo(self, run: &Run) -> Result<(), AppError> {
        let id = run.id;
        let refuse = |why: Rejection| Err(AppError::Conflict(why));
        if run.mode == Mode::Preview {
            return refuse(match self.find_applying(id)? {
                None => Rejection::new(format!(
                    "run {id} is a preview: it has changed nothing that could be undone"
                )),
                Some(by) => Rejection::new(format!(
                    "run {id} is a preview, which has changed nothing itself; run {by} has applied it: \
                     undo run {by}"
                ))
                .suggest(Suggestion::UndoRun { run_id: by }),
            });
        }
        match run.state {
            RunState::Finished | RunState::Stopped | RunState::Cancelled => {}
            RunState::Selecting | RunState::Queued | RunState::Running => {
                let why = format!("run {id} is still {}: wait for its end, or cancel it", run.state.name());
                return refuse(Rejection::new(why).suggest(Suggestion::CancelRun { run_id: id }));
            }
            RunState::Interrupted => {
                let (left, all) = (run.left(), run.targets);
                let why = format!(
                    "run {id} was interrupted with {left} of its {all} targets left: resume or cancel it first"
                );
                return refuse(
                    Rejection::new(why)
                        .suggest(Suggestion::ResumeRun { run_id: id })
                        .suggest(Suggestion::CancelRun { run_id: id }),
                );
            }
        }
        if run.pruned_at.is_some() {
            return Err(StoreError::Pruned(id).into());
        }
        Ok(())
    }

    fn find_changed_user(self, run: &Run, name: &str) -> Result<UserId, AppError> {
        let permit = self.app.require_permission_on(Right::Execute, run)?;
        let now = permit.own_user(permit.users().by_name(name)?).map(|user| user.id);
        let named: Vec<_> = now.into_iter().chain(permit.history().former_user(run.id, name)?).collect();
        for user in &named {
            if permit.history().has_changed(run.id, *user)? {
                return Ok(*user);
            }
        }
        if named.is_empty() {
            let who = format!("user {name:?}, neither now nor in run {}", run.id);
            return Err(StoreError::NoSuch(who).into());
        }
        Err(Rejection::new(format!("run {} has changed nothing of user {name:?}", run.id)).into())
    }

    /// Finds the last run that has undone run `id`.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if there is no run `id`.
    pub fn find_undoing(self, id: RunId) -> Result<Option<RunId>, AppError> {
        self.find(id)?;
        Ok(self.app.store_unchecked().runs().undone_by(id)?)
    }

    /// Finds the run that has applied preview `id`.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if there is no run `id`.
    pub fn find_applying(self, id: RunId) -> Result<Option<RunId>, AppError> {
        self.find(id)?;
        Ok(self.app.store_unchecked().runs().applied_by(id)?)
    }
}
