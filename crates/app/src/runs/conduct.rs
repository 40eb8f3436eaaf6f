//! The frame around every run: it is made, asked for, executed and ended.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rollcall_domain::{Brakes, Mode, RequestKey, Run, RunId, RunState, Scope, Selection, Settings};
use rollcall_store::{Hold, List, NewRun, RunEnd, StoreError};

use super::crew::Crew;
use super::guard::guarded;
use super::ledger::{End, Ledger, Role, lease};
use super::{Observer, Stop, execute, replay, work};
use crate::error::ended_early;
use crate::{App, AppError, holder};

/// A server that is started anew is there again within this time.
const RETURN: Duration = Duration::from_secs(120);
/// Between two looks whether it is.
const RETRY: Duration = Duration::from_millis(500);

/// What an administrator wants of a run, whatever it does.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms {
    /// When it stops by itself.
    pub brakes: Brakes,
    /// It stops after so many targets, to be looked at.
    pub canary: Option<u64>,
    /// Nobody has to be asked before it writes.
    pub confirmed: bool,
    /// It is left to workers.
    pub queue: bool,
    /// Items that FreeRADIUS would reject a user for are refused, instead of warned of.
    pub strict: bool,
    /// It is left to workers as well, but not before somebody lets it begin ([`App::begin`]): whoever is no terminal looks
    /// at the frozen list first.
    pub hold: bool,
    /// The request that makes the run, if it is to make only one, however often it is sent within a day.
    pub key: Option<RequestKey>,
}

/// A run to be made.
pub(super) struct New<'a> {
    pub(super) mode: Mode,
    pub(super) script: &'a str,
    pub(super) script_version: Option<i64>,
    pub(super) source: &'a str,
    pub(super) params: &'a str,
    pub(super) selection: &'a Selection,
    pub(super) list: List<'a>,
    pub(super) applies: Option<RunId>,
    pub(super) undoes: Option<RunId>,
    pub(super) scope: &'a Scope,
    pub(super) report: bool,
    pub(super) time_limit: Duration,
}

impl<'a> New<'a> {
    /// A run that replays something of `run`, and bears its script's name and `source`.
    pub(super) fn replaying(
        run: &'a Run,
        source: &'a str,
        mode: Mode,
        selection: &'a Selection,
        list: List<'a>,
    ) -> Self {
        Self {
            mode,
            script: &run.script,
            script_version: run.script_version,
            source,
            params: &run.params,
            selection,
            list,
            applies: None,
            undoes: None,
            scope: &run.scope,
            report: false,
            time_limit: Duration::from_millis(run.settings.time_limit),
        }
    }
}

/// A time limit as it is kept.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl App {
    /// Makes a run and executes it; with the crew that executes its script, if it has one. The run that comes back has
    /// ended, unless it is left to workers.
    pub(super) fn start(
        &self,
        new: &New<'_>,
        terms: Terms,
        crew: Option<&Crew>,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> Result<Run, AppError> {
        let confirmed = !terms.hold && (terms.confirmed || new.mode == Mode::Preview);
        let me = holder::current();
        let run = self.engine().create_run(&NewRun {
            mode: new.mode,
            script: new.script,
            script_version: new.script_version,
            source: new.source,
            params: new.params,
            selection: new.selection,
            list: new.list,
            act: self.act(),
            scope: new.scope,
            settings: &Settings {
                time_limit: millis(new.time_limit),
                brakes: terms.brakes,
                canary: terms.canary,
                zone: Some(self.zone.name().to_owned()),
                report: new.report,
                strict: terms.strict,
                vouched_by: None,
            },
            applies: new.applies,
            undoes: new.undoes,
            state: if confirmed { RunState::Running } else { RunState::Selecting },
            // Somebody has to be there for the answer.
            holder: if terms.hold || terms.queue && confirmed { None } else { Some(&me) },
            leased_until: lease(self),
            key: terms.key,
        })?;
        if terms.hold {
            return self.find_run(run.id);
        }
        if confirmed && terms.queue {
            return self.left_to_workers(run.id);
        }
        if confirmed {
            return self.conduct(&run, crew, stop, observer);
        }
        let hold = Hold { run: run.id, token: run.token };
        if !observer.confirm(&run) {
            return self.end(hold, RunState::Cancelled, Some("not confirmed"), run.millis);
        }
        match self.engine().begin_run(hold, (!terms.queue).then_some(&me), lease(self)) {
            Ok(()) if terms.queue => self.left_to_workers(run.id),
            Ok(()) => self.conduct(&run, crew, stop, observer),
            Err(StoreError::Unapproved(why)) => {
                self.end(hold, RunState::Cancelled, Some("not approved"), run.millis)?;
                Err(StoreError::Unapproved(why).into())
            }
            // Somebody else has answered for us.
            Err(StoreError::RunLost(id)) => self.find_run(id),
            Err(error) => Err(error.into()),
        }
    }

    /// A run that workers are to take, as it stands. The one of this process need not look for it.
    pub(super) fn left_to_workers(&self, id: RunId) -> Result<Run, AppError> {
        self.news.tell();
        self.find_run(id)
    }

    /// Executes a run that was started for this process, and ends it. Others may help.
    pub(super) fn conduct(
        &self,
        run: &Run,
        crew: Option<&Crew>,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> Result<Run, AppError> {
        observer.begins(run);
        let ledger = Ledger::new(self, run, Role::Conductor, stop, observer);
        self.take_part(run, crew, stop, ledger)?;
        let ended = self.find_run(run.id)?;
        if ended.token == run.token { Ok(ended) } else { Err(StoreError::RunLost(run.id).into()) }
    }

    /// Executes chunks of a run as long as there are some for this process.
    pub(super) fn take_part(
        &self,
        run: &Run,
        crew: Option<&Crew>,
        stop: &Stop,
        mut ledger: Ledger<'_>,
    ) -> Result<End, AppError> {
        let window = match execute::window(self, run) {
            Ok(window) => window,
            Err(error) => return ledger.close(Err(error)),
        };
        if let Some(crew) = crew {
            execute::begin(self, run, crew, window);
        }
        loop {
            let result = guarded("committer", || self.take_chunks(run, crew, window, stop, &mut ledger));
            let again = match &result {
                Err(error) => work::is_disconnection(error) && self.server_comes_back(run, stop),
                Ok(()) => false,
            };
            if !again {
                return ledger.close(result);
            }
            if let Err(error) = Self::rest(crew, stop).and_then(|()| ledger.start_over()) {
                return ledger.close(Err(error));
            }
        }
    }

    fn rest(crew: Option<&Crew>, stop: &Stop) -> Result<(), AppError> {
        crew.map_or(Ok(()), |crew| crew.rest(|| stop.load(Ordering::Relaxed)))
    }

    /// Waits for a server that has gone in the middle of a run; whether it is there again.
    fn server_comes_back(&self, run: &Run, stop: &Stop) -> bool {
        let gone = Instant::now();
        while gone.elapsed() < RETURN && !stop.load(Ordering::Relaxed) {
            if self.engine().glance(run.id).is_ok() {
                return true;
            }
            Self::pause(RETRY);
        }
        false
    }

    fn take_chunks(
        &self,
        run: &Run,
        crew: Option<&Crew>,
        window: i64,
        stop: &Stop,
        ledger: &mut Ledger<'_>,
    ) -> Result<(), AppError> {
        while ledger.next_chunk()?.is_some() {
            match (run.replays(), crew) {
                (Some(replay), _) => replay::replay(self, run, replay, window, ledger)?,
                (None, Some(crew)) => {
                    execute::execute(self, run, crew, window, ledger)?;
                    if !ledger.ends()? {
                        Self::rest(Some(crew), stop)?;
                    }
                }
                (None, None) => return Err(ended_early("worker")),
            }
        }
        Ok(())
    }

    fn end(&self, hold: Hold, state: RunState, note: Option<&str>, millis: i64) -> Result<Run, AppError> {
        let end = RunEnd { state, note, ended_at: self.clock.now(), millis };
        Ok(self.engine().end_run(hold, &end)?)
    }
}
