use rollcall_domain::{Mode, Outcome, Rejection, Right, Run, RunId, RunState, Selection, Suggestion};
use rollcall_store::{List, StoreError};

use super::conduct::New;
use super::observer::{Observer, Stop};
use super::request::RunOptions;
use crate::error::{AppError, conflict};
use crate::operations::RunOperations;

/// The fewest digits of a plan's hash that name it.
const LEAST_DIGITS: usize = 8;

/// A preview that is to be applied.
#[derive(Debug, Default)]
pub struct ApplyRequest {
    /// The hash of the plan that was looked at, or how it starts: no other plan is applied then.
    pub plan: Option<String>,
    /// When it stops by itself, and whether it is asked for first.
    pub options: RunOptions,
}

impl RunOperations<'_> {
    /// Writes the changes that preview `id` has planned, without its script. Users who changed since the preview are
    /// skipped and listed as conflicts. A preview is applied at most once.
    ///
    /// # Errors
    /// [`AppError::Conflict`] if it cannot be applied now, or has another plan than the request names; if it needs an
    /// approval, or was applied already; [`AppError::Denied`]; if there is no such run.
    pub fn apply(
        self,
        id: RunId,
        request: &ApplyRequest,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> Result<Run, AppError> {
        self.once(request.options.key, || self.apply_once(id, request, stop, observer))
    }

    fn apply_once(
        self,
        id: RunId,
        request: &ApplyRequest,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> Result<Run, AppError> {
        let preview = self.find(id)?;
        self.app.require_permission_on(Right::Execute, &preview)?;
        self.check_plan(&preview, request.plan.as_deref(), "apply")?;
        let (source, selection) =
            (self.app.store_unchecked().runs().source(id)?, Selection::Plan { run: id });
        let new = New {
            applies: Some(id),
            undoes: preview.undoes,
            ..New::replaying(&preview, &source, Mode::Apply, &selection, List::Plan(&preview))
        };
        self.start(&new, request.options, None, stop, observer)
    }

    /// Refuses to `act` on a run that has no complete plan, or another one than `wanted`.
    pub(super) fn check_plan(self, preview: &Run, wanted: Option<&str>, act: &str) -> Result<(), AppError> {
        let id = preview.id;
        let refuse = |why: String| conflict(why);
        if preview.mode != Mode::Preview {
            return refuse(format!("run {id} is no preview: it has written its changes itself"));
        }
        match preview.state {
            RunState::Finished => {}
            RunState::Selecting | RunState::Queued | RunState::Running => {
                return refuse(format!("preview {id} is still {}: wait for its end", preview.state.name()));
            }
            RunState::Interrupted | RunState::Stopped => {
                let (state, left, all) = (preview.state.name(), preview.left(), preview.targets);
                let why = format!(
                    "preview {id} was {state} with {left} of its {all} targets left: resume it first"
                );
                return Err(AppError::Conflict(
                    Rejection::new(why).suggest(Suggestion::ResumeRun { run_id: id }),
                ));
            }
            RunState::Cancelled => {
                return refuse(format!(
                    "preview {id} was cancelled, so its plan is not whole: preview again"
                ));
            }
        }
        if preview.pruned_at.is_some() {
            return Err(StoreError::Pruned(id).into());
        }
        if let Some(by) = self.find_applying(id)? {
            let by_run = self.find(by)?;
            if by_run.is_held() {
                let why = format!("run {by} applies preview {id} and is held: start or cancel it");
                return or_cancel(why, Suggestion::StartRun { run_id: by }, by);
            }
            if !by_run.confirmed {
                let why =
                    format!("run {by} applies preview {id} and waits for confirmation: resume or cancel it");
                return or_cancel(why, Suggestion::ResumeRun { run_id: by }, by);
            }
            return Err(StoreError::AlreadyApplied { preview: id, by }.into());
        }
        let Some(plan) = &preview.plan else {
            return refuse(format!("preview {id} was made by an older Rollcall: preview again"));
        };
        if let Some(wanted) = wanted {
            if wanted.len() < LEAST_DIGITS {
                let why =
                    format!("{wanted:?} is too short to name a plan: give at least {LEAST_DIGITS} digits");
                return Err(Rejection::new(why).into());
            }
            if !plan.starts_with(&wanted.to_ascii_lowercase()) {
                return refuse(format!(
                    "the plan of preview {id} is {plan}, not {wanted}: look at it again before you {act} it"
                ));
            }
        }
        if self.app.store_unchecked().outcomes().plan_of(preview)?.to_string() != *plan {
            return refuse(format!("the stored plan of preview {id} is not what it planned: preview again"));
        }
        debug_assert!(preview.tally.get(Outcome::NotRun) == 0, "it has finished");
        Ok(())
    }
}

/// Fails since `run` is in the way, which `suggestion` lets go on.
fn or_cancel<T>(why: String, suggestion: Suggestion, run: RunId) -> Result<T, AppError> {
    Err(AppError::Conflict(
        Rejection::new(why).suggest(suggestion).suggest(Suggestion::CancelRun { run_id: run }),
    ))
}
