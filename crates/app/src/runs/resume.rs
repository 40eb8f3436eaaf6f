use std::sync::Arc;
use std::time::Duration;

use rollcall_domain::{Brakes, Counts, Mode, Rejection, Run, RunId, RunState, Settings, Suggestion};
use rollcall_sandbox::Sandbox;
use rollcall_store::{StoreError, Takeover};

use super::config::ExecutionConfig;
use super::crew::Crew;
use super::job::RunJob;
use super::ledger::lease;
use super::observer::{Observer, Stop};
use super::request::Script;
use super::retry::given;
use crate::app::App;
use crate::error::{AppError, conflict};
use crate::holder;
use crate::operations::RunOperations;

/// A run that is to go on.
#[derive(Debug)]
pub struct ResumeRequest {
    /// The configuration with which its script is executed.
    pub execution: ExecutionConfig,
    /// Another time limit than it had.
    pub time_limit: Option<Duration>,
    /// Other brakes than it had, where some are given.
    pub brakes: Brakes,
    /// Whether it may write without asking, even if it was never confirmed.
    pub confirmed: bool,
    /// It is left to workers.
    pub queue: bool,
}

impl RunOperations<'_> {
    /// Resumes run `id`, which was interrupted or stopped, from its first target without an outcome. The run it gives
    /// has ended, or is left to workers.
    ///
    /// # Errors
    /// [`AppError::Conflict`] if it has ended, was undone or is being executed; [`AppError::Denied`]; if there is no
    /// such run.
    pub fn resume(
        self,
        id: RunId,
        request: &ResumeRequest,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> Result<Run, AppError> {
        let run = self.find(id)?;
        self.app.require_permission_to_continue(&run)?;
        self.check_resume(&run)?;
        // Nobody asks again, but of this run nobody was asked: its process died at the question.
        let unasked = !run.confirmed && run.mode == Mode::Apply && !request.confirmed;
        if unasked && !observer.confirm(&run) {
            return Ok(run);
        }
        let Brakes { max_failures, max_changes, max_deactivations } = request.brakes;
        let settings = Settings {
            brakes: Brakes {
                max_failures: max_failures.or(run.settings.brakes.max_failures),
                max_changes: max_changes.or(run.settings.brakes.max_changes),
                max_deactivations: max_deactivations.or(run.settings.brakes.max_deactivations),
            },
            time_limit: request.time_limit.map_or(run.settings.time_limit, super::config::millis),
            vouched_by: self.app.voucher(&run),
            ..run.settings.clone()
        };
        // Whoever resumes a run that has stopped knows why it did: brakes start anew. A crash releases none.
        let stopped = run.state == RunState::Stopped;
        let braked_from = if stopped { Counts::of(&run.tally, run.deactivated) } else { run.braked_from };
        let take = || {
            let holder = holder::current();
            let by = Takeover {
                holder: (!request.queue).then_some(&*holder),
                leased_until: lease(self.app),
                braked_from,
                settings: &settings,
                act: self.app.act(),
            };
            self.app.store_unchecked().runs().take(&run, &by).or_else(|error| match error {
                StoreError::RunLost(id) => {
                    conflict(format!("run {id} is being gone on with by somebody else already"))
                }
                error => Err(error.into()),
            })
        };
        if request.queue {
            take()?;
            return self.leave_to_workers(id);
        }
        if run.replays().is_some() {
            return self.conduct(&take()?, None, stop, observer);
        }
        let (sandbox, job) = self.prepare(&run, &request.execution.limited(settings.time_limit))?;
        std::thread::scope(|scope| {
            let crew = Crew::hire(scope, &sandbox, &job, request.execution.workers.max(1))?;
            self.conduct(&take()?, Some(&crew), stop, observer)
        })
    }

    /// Prepares the sandbox and the job for the script of a run.
    pub(super) fn prepare(
        self,
        run: &Run,
        execution: &ExecutionConfig,
    ) -> Result<(Arc<Sandbox>, RunJob), AppError> {
        let script = Script {
            name: run.script.clone(),
            version: run.script_version,
            source: self.app.store_unchecked().runs().source(run.id)?,
        };
        let app = self.app_in_zone_of(run)?;
        let read = app.scripts().parse(&script.name, &script.source)?;
        let params = read.params.check(&given(run), app.zone()).map_err(AppError::Params)?;
        let sandbox = self.app.shared.warm_pool.sandbox(execution)?;
        Ok((sandbox, app.runs().job(&script, params, &run.scope, execution, run.settings.strict)?))
    }

    /// Makes a copy of the app that reads dates without an offset as when the run was started.
    pub(super) fn app_in_zone_of(self, run: &Run) -> Result<App, AppError> {
        match &run.settings.zone {
            Some(zone) => Ok(self.app.with_zone(&zone.parse()?)),
            None => Ok(self.app.clone()),
        }
    }

    fn check_resume(self, run: &Run) -> Result<(), AppError> {
        let id = run.id;
        let why = match run.state {
            RunState::Interrupted | RunState::Queued | RunState::Stopped => match self.find_undoing(id)? {
                None => return Ok(()),
                Some(by) => format!("run {id} was undone by run {by}: start a new run instead"),
            },
            RunState::Running => format!(
                "run {id} is being executed{}: it can be taken over when its process is gone, or has not been heard of for \
                 half a minute",
                run.holder.as_deref().map(holder::describe).unwrap_or_default()
            ),
            RunState::Selecting if run.holder.is_none() => {
                let held = Rejection::new(format!("run {id} is held: start it"));
                return Err(AppError::Conflict(held.suggest(Suggestion::StartRun { run_id: id })));
            }
            RunState::Selecting => format!("run {id} waits for its administrator to confirm it"),
            RunState::Finished => format!("run {id} has finished: it has no targets left"),
            RunState::Cancelled => {
                let why = format!(
                    "run {id} was cancelled and cannot be resumed: start a new run of the remaining targets"
                );
                return Err(AppError::Conflict(
                    Rejection::new(why).suggest(Suggestion::RetryNotRun { run_id: id }),
                ));
            }
        };
        conflict(why)
    }
}
