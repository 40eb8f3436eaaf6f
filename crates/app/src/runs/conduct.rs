//! The frame around every run: it is made, asked for, executed and ended.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rollcall_domain::{Mode, Run, RunId, RunState, Scope, Selection, Settings};
use rollcall_store::{Creation, Hold, List, NewRun, RunEnd, StoreError};
use tracing::{debug, debug_span};

use super::config::millis;
use super::crew::Crew;
use super::guard::guarded;
use super::ledger::{End, Ledger, Role, lease};
use super::observer::{Observer, Stop};
use super::request::RunOptions;
use super::{execute, replay, worker};
use crate::error::{AppError, ended_early};
use crate::holder;
use crate::operations::RunOperations;
use crate::pause::pause;

/// A server that is started anew is there again within this time.
const RETURN: Duration = Duration::from_secs(120);
/// Between two looks whether it is.
const RETRY: Duration = Duration::from_millis(500);

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

impl<'a> RunOperations<'a> {
    /// Makes a run and executes it; with the crew that executes its script, if it has one. The run that comes back has
    /// ended, unless it is left to workers.
    pub(super) fn start(
        self,
        new: &New<'_>,
        options: RunOptions,
        crew: Option<&Crew>,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> Result<Run, AppError> {
        let confirmed = !options.hold && (options.confirmed || new.mode == Mode::Preview);
        let me = holder::current();
        let created = self.app.store_unchecked().runs().create(&NewRun {
            mode: new.mode,
            script: new.script,
            script_version: new.script_version,
            source: new.source,
            params: new.params,
            selection: new.selection,
            list: new.list,
            act: self.app.act(),
            scope: new.scope,
            settings: &Settings {
                time_limit: millis(new.time_limit),
                brakes: options.brakes,
                canary: options.canary,
                zone: Some(self.app.zone().name().to_owned()),
                report: new.report,
                strict: options.strict,
                vouched_by: None,
            },
            applies: new.applies,
            undoes: new.undoes,
            state: if confirmed { RunState::Running } else { RunState::Selecting },
            // Somebody has to be there for the answer.
            holder: if options.hold || options.queue && confirmed { None } else { Some(&me) },
            leased_until: lease(self.app),
            key: options.key,
        })?;
        let run = match created {
            Creation::New(run) => run,
            // Another process has created it at the same moment.
            Creation::Existing(run) => return self.find(run),
        };
        if options.hold {
            return self.find(run.id);
        }
        if confirmed && options.queue {
            return self.leave_to_workers(run.id);
        }
        if confirmed {
            return self.conduct(&run, crew, stop, observer);
        }
        let hold = Hold { run: run.id, token: run.token };
        if !observer.confirm(&run) {
            return self.end(hold, RunState::Cancelled, Some("not confirmed"), run.millis);
        }
        match self.app.store_unchecked().runs().begin(hold, (!options.queue).then_some(&me), lease(self.app))
        {
            Ok(()) if options.queue => self.leave_to_workers(run.id),
            Ok(()) => self.conduct(&run, crew, stop, observer),
            Err(StoreError::Unapproved(why)) => {
                self.end(hold, RunState::Cancelled, Some("not approved"), run.millis)?;
                Err(StoreError::Unapproved(why).into())
            }
            // Somebody else has answered for us.
            Err(StoreError::RunLost(id)) => self.find(id),
            Err(error) => Err(error.into()),
        }
    }

    /// A run that workers are to take, as it stands. The one of this process need not look for it.
    pub(super) fn leave_to_workers(self, id: RunId) -> Result<Run, AppError> {
        self.app.shared.news.tell();
        self.find(id)
    }

    /// Executes a run that was started for this process, and ends it. Others may help.
    pub(super) fn conduct(
        self,
        run: &Run,
        crew: Option<&Crew>,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> Result<Run, AppError> {
        observer.begins(run);
        let ledger = Ledger::new(self.app, run, Role::Conductor, stop, observer);
        self.take_part(run, crew, stop, ledger)?;
        let ended = self.find(run.id)?;
        if ended.token == run.token { Ok(ended) } else { Err(StoreError::RunLost(run.id).into()) }
    }

    /// Executes chunks of a run as long as there are some for this process.
    pub(super) fn take_part(
        self,
        run: &Run,
        crew: Option<&Crew>,
        stop: &Stop,
        mut ledger: Ledger<'_>,
    ) -> Result<End, AppError> {
        let _run = debug_span!("run", run = run.id).entered();
        debug!(mode = run.mode.name(), targets = run.targets, cursor = run.cursor, "execution started");
        let window = match execute::window(self.app, run) {
            Ok(window) => window,
            Err(error) => return ledger.close(Err(error)),
        };
        if let Some(crew) = crew {
            execute::begin(self.app, run, crew, window);
        }
        loop {
            let result = guarded("committer", || self.take_chunks(run, crew, window, stop, &mut ledger));
            let again = match &result {
                Err(error) => worker::is_disconnection(error) && self.wait_for_server(run, stop),
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
    fn wait_for_server(self, run: &Run, stop: &Stop) -> bool {
        debug!("database connection lost: waiting for the server");
        let gone = Instant::now();
        while gone.elapsed() < RETURN && !stop.load(Ordering::Relaxed) {
            if self.app.store_unchecked().chunks().glance(run.id).is_ok() {
                debug!("database server is back");
                return true;
            }
            pause(RETRY);
        }
        false
    }

    fn take_chunks(
        self,
        run: &Run,
        crew: Option<&Crew>,
        window: i64,
        stop: &Stop,
        ledger: &mut Ledger<'_>,
    ) -> Result<(), AppError> {
        while let Some(chunk) = ledger.next_chunk()? {
            let _chunk = debug_span!("chunk", chunk = chunk.id).entered();
            match (run.replays(), crew) {
                (Some(replay), _) => replay::replay(self.app, run, replay, window, ledger)?,
                (None, Some(crew)) => {
                    execute::execute(self.app, run, crew, window, ledger)?;
                    if !ledger.ends()? {
                        Self::rest(Some(crew), stop)?;
                    }
                }
                (None, None) => return Err(ended_early("worker")),
            }
        }
        Ok(())
    }

    fn end(self, hold: Hold, state: RunState, note: Option<&str>, millis: i64) -> Result<Run, AppError> {
        let end = RunEnd { state, note, ended_at: self.app.now(), millis };
        Ok(self.app.store_unchecked().runs().end(hold, &end)?)
    }
}
