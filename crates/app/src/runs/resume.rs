use std::sync::Arc;
use std::time::Duration;

use rollcall_domain::{Brakes, Counts, Mode, Refusal, Run, RunId, RunState, Settings};
use rollcall_sandbox::Sandbox;
use rollcall_store::{StoreError, Takeover};

use super::RunJob;
use super::crew::Crew;
use super::ledger::lease;
use super::retry::given;
use super::{Engine, Observer, Script, Stop};
use crate::error::conflict;
use crate::{App, AppError, holder};

/// A run that is to go on.
#[derive(Debug)]
pub struct ResumeRequest {
    /// How its script is executed.
    pub engine: Engine,
    /// Another time limit than it had.
    pub time_limit: Option<Duration>,
    /// Other brakes than it had, where some are given.
    pub brakes: Brakes,
    /// Nobody has to be asked, even if nobody was before.
    pub confirmed: bool,
    /// It is left to workers.
    pub queue: bool,
}

impl App {
    /// Goes on with run `id`, whose process is gone or which has stopped, from its first target without an outcome. The run
    /// that comes back has ended, unless it is left to workers.
    pub fn resume(
        &self,
        id: RunId,
        request: &ResumeRequest,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> Result<Run, AppError> {
        let run = self.find_run(id)?;
        self.may_run_again(&run)?;
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
            time_limit: request.time_limit.map_or(run.settings.time_limit, super::conduct::millis),
            vouched_by: self.voucher(&run),
            ..run.settings.clone()
        };
        // Whoever resumes a run that has stopped knows why it did: brakes start anew. A crash releases none.
        let stopped = run.state == RunState::Stopped;
        let braked_from = if stopped { Counts::of(&run.tally, run.deactivated) } else { run.braked_from };
        let take = || {
            let holder = holder::current();
            let by = Takeover {
                holder: (!request.queue).then_some(&*holder),
                leased_until: lease(self),
                braked_from,
                settings: &settings,
                act: self.act(),
            };
            self.engine().take_run(&run, &by).or_else(|error| match error {
                StoreError::RunLost(id) => {
                    conflict(format!("run {id} is being gone on with by somebody else already"))
                }
                error => Err(error.into()),
            })
        };
        if request.queue {
            take()?;
            return self.left_to_workers(id);
        }
        if run.replays().is_some() {
            return self.conduct(&take()?, None, stop, observer);
        }
        let (sandbox, job) = self.prepare(&run, &request.engine.limited(settings.time_limit))?;
        std::thread::scope(|scope| {
            let crew = Crew::hire(scope, &sandbox, &job, request.engine.workers.max(1))?;
            self.conduct(&take()?, Some(&crew), stop, observer)
        })
    }

    /// What executing the script of a run takes here.
    pub(super) fn prepare(&self, run: &Run, engine: &Engine) -> Result<(Arc<Sandbox>, RunJob), AppError> {
        let script = Script {
            name: run.script.clone(),
            version: run.script_version,
            source: self.engine().run_source(run.id)?,
        };
        let app = self.in_zone_of(run)?;
        let read = app.read_script(&script.name, &script.source)?;
        let params = read.params.check(&given(run), &app.zone).map_err(AppError::Params)?;
        let sandbox = self.sandbox(engine)?;
        Ok((sandbox, app.job(&script, params, &run.scope, engine, run.settings.strict)?))
    }

    /// The same, where dates without an offset are read as when the run was started.
    pub(super) fn in_zone_of(&self, run: &Run) -> Result<Self, AppError> {
        match &run.settings.zone {
            Some(zone) => Ok(self.in_zone(&zone.parse()?)),
            None => Ok(self.clone()),
        }
    }

    fn check_resume(&self, run: &Run) -> Result<(), AppError> {
        let id = run.id;
        let why = match run.state {
            RunState::Interrupted | RunState::Queued | RunState::Stopped => match self.undone_by(id)? {
                None => return Ok(()),
                Some(by) => format!("run {id} was taken back by run {by}: start it anew instead"),
            },
            RunState::Running => format!(
                "run {id} is being executed{}: it can be taken over when its process is gone, or has not been heard of for \
                 half a minute",
                run.holder.as_deref().map(holder::describe).unwrap_or_default()
            ),
            RunState::Selecting if run.holder.is_none() => {
                let held = Refusal::new(format!("run {id} is held: let it begin"));
                return Err(AppError::Conflict(held.by(format!(", with 'rollcall runs begin {id}'"))));
            }
            RunState::Selecting => format!("run {id} waits for its administrator to say yes"),
            RunState::Finished => format!("run {id} has finished: nothing is left to be done"),
            RunState::Cancelled => {
                let why =
                    format!("run {id} was cancelled, which is for good: start a new run of what is left");
                return Err(AppError::Conflict(
                    Refusal::new(why).by(format!(" with 'rollcall runs retry {id} --not-run'")),
                ));
            }
        };
        conflict(why)
    }
}
