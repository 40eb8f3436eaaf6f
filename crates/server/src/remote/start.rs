//! Runs, as they are made. A server freezes the list and keeps the run waiting; whoever sits at the terminal is asked
//! with the number of its targets, which is what lets it begin. Then it is followed.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rollcall_app::UserSelection;
use rollcall_app::runs::{
    Again, ApplyRequest, Choice, Engine, Observer, Request, ResumeRequest, RetryRequest, Script, Stop, Terms,
    TrialRequest, UndoRequest,
};
use rollcall_domain::{Brakes, Mode, Refusal, Run, RunId, TargetOutcome};
use serde::Serialize;
use serde_json::{Value, json};
use ureq::http::{HeaderMap, HeaderValue, Method};
use uuid::Uuid;

use super::client::Away;
use super::events::{RETRY, RETURN, pause};
use super::{Address, Client, Site};
use crate::contract::{
    self, Application, NewRun, OfRun, Resuming, Retrying, RowsOf, Targets, Undoing, Which,
};
use crate::http::IDEMPOTENCY_KEY;

/// What is wanted of a run, wherever it is to be made.
pub(crate) struct Wanted {
    pub(crate) script: Script,
    pub(crate) mode: Mode,
    pub(crate) report: bool,
    pub(crate) list: Listed,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) engine: Engine,
    pub(crate) terms: Terms,
}

/// The users that a run is wanted for.
pub(crate) enum Listed {
    /// As they are chosen everywhere.
    Chosen(Choice),
    /// The rows of a file that a server has.
    Sent(RowsOf),
}

impl Site {
    /// Runs a script over the users that are wanted.
    pub(crate) fn run(
        &self,
        wanted: Wanted,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> anyhow::Result<Run> {
        let Wanted { script, mode, report, list, params, engine, terms } = wanted;
        match (self, list) {
            (Self::Here(app), Listed::Chosen(choice)) => {
                let request = Request { script, mode, report, choice, params, engine, terms };
                Ok(app.run(&request, stop, observer)?)
            }
            (Self::Here(_), Listed::Sent(_)) => {
                anyhow::bail!("the file was sent to a server, which is not asked")
            }
            (Self::There(client), list) => {
                let wanted = Wanted { script, mode, report, list, params, engine, terms };
                client.run_script(wanted, stop, observer)
            }
        }
    }

    /// Writes what preview `id` has planned.
    pub(crate) fn apply_preview(
        &self,
        id: RunId,
        request: &ApplyRequest,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> anyhow::Result<Run> {
        let client = match self {
            Self::Here(app) => return Ok(app.apply_preview(id, request, stop, observer)?),
            Self::There(client) => client,
        };
        let ApplyRequest { plan, terms } = request;
        let body = Application {
            plan: plan.clone(),
            brakes: terms.brakes.into(),
            canary: terms.canary,
            hold: waits(*terms, Mode::Apply),
        };
        client.start(
            &Start::new(Address::of_run(id, &["apply"]), Mode::Apply, *terms, &body)?,
            stop,
            observer,
        )
    }

    /// Takes back what run `id` has changed.
    pub(crate) fn undo(
        &self,
        id: RunId,
        request: &UndoRequest,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> anyhow::Result<Run> {
        let client = match self {
            Self::Here(app) => return Ok(app.undo(id, request, stop, observer)?),
            Self::There(client) => client,
        };
        let UndoRequest { mode, user, terms } = request;
        let body = Undoing {
            mode: *mode,
            user: user.clone(),
            brakes: terms.brakes.into(),
            canary: terms.canary,
            hold: waits(*terms, *mode),
        };
        client.start(&Start::new(Address::of_run(id, &["undo"]), *mode, *terms, &body)?, stop, observer)
    }

    /// Executes run `id` again for some of its targets, as a new run.
    pub(crate) fn retry(
        &self,
        id: RunId,
        request: &RetryRequest,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> anyhow::Result<Run> {
        let client = match self {
            Self::Here(app) => return Ok(app.retry(id, request, stop, observer)?),
            Self::There(client) => client,
        };
        let RetryRequest { again, preview, time_limit, terms, .. } = request;
        let mode = if *preview { Mode::Preview } else { client.find_run(id)?.mode };
        let body = Retrying {
            which: match again {
                Again::Failed => Which::Failed,
                Again::Conflicts => Which::Conflicts,
                Again::NotRun => Which::NotRun,
            },
            preview: *preview,
            brakes: terms.brakes.into(),
            canary: terms.canary,
            hold: waits(*terms, mode),
            time_limit: time_limit.as_ref().map(Duration::as_secs_f64),
        };
        client.start(&Start::new(Address::of_run(id, &["retry"]), mode, *terms, &body)?, stop, observer)
    }

    /// Goes on with run `id`.
    pub(crate) fn resume(
        &self,
        id: RunId,
        request: &ResumeRequest,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> anyhow::Result<Run> {
        let client = match self {
            Self::Here(app) => return Ok(app.resume(id, request, stop, observer)?),
            Self::There(client) => client,
        };
        let run = client.find_run(id)?;
        let unasked = !run.confirmed && run.mode == Mode::Apply && !request.confirmed;
        if unasked && !observer.confirm(&run) {
            return Ok(run);
        }
        let body = Resuming {
            brakes: request.brakes.into(),
            time_limit: request.time_limit.as_ref().map(Duration::as_secs_f64),
        };
        client.tell::<contract::Run>(Method::POST, &Address::of_run(id, &["resume"]), &body)?;
        if request.queue { client.find_run(id) } else { client.see_to_its_end(id, stop, observer) }
    }

    /// Follows run `id`, whoever executes it, until nobody does any more or `stop` is set.
    pub(crate) fn watch(&self, id: RunId, stop: &Stop, observer: &mut dyn Observer) -> anyhow::Result<Run> {
        match self {
            Self::Here(app) => Ok(app.watch(id, stop, observer)?),
            Self::There(client) => client.follow(id, stop, observer),
        }
    }

    /// Runs a script for one user, as a preview would, and keeps nothing of it.
    pub(crate) fn try_script(&self, request: &TrialRequest) -> anyhow::Result<TargetOutcome> {
        match self {
            Self::Here(app) => Ok(app.try_script(request)?),
            Self::There(client) => client.try_script(request),
        }
    }
}

/// Whether a run waits on the server: as it was asked for, or for whoever sits at the terminal.
fn waits(terms: Terms, mode: Mode) -> bool {
    terms.hold || asks(terms, mode)
}

fn asks(terms: Terms, mode: Mode) -> bool {
    !terms.hold && !terms.confirmed && mode == Mode::Apply
}

/// A run that is to be made.
struct Start {
    at: Address,
    mode: Mode,
    terms: Terms,
    body: Value,
}

impl Start {
    fn new(at: Address, mode: Mode, terms: Terms, body: &impl Serialize) -> anyhow::Result<Self> {
        Ok(Self { at, mode, terms, body: serde_json::to_value(body)? })
    }
}

impl From<Brakes> for contract::Brakes {
    fn from(brakes: Brakes) -> Self {
        let Brakes { max_failures, max_changes, max_deactivations } = brakes;
        Self { max_failures, max_changes, max_deactivations }
    }
}

/// How a script is named to a server: a saved one by its version, another one with its text.
fn named(script: &Script) -> (String, Option<String>) {
    match script.version {
        Some(version) => (format!("{}@{version}", script.name), None),
        None => (script.name.clone(), Some(script.source.clone())),
    }
}

fn typed(params: &[(String, String)]) -> BTreeMap<String, Value> {
    params.iter().map(|(name, text)| (name.clone(), Value::String(text.clone()))).collect()
}

impl Client {
    fn run_script(&self, wanted: Wanted, stop: &Stop, observer: &mut dyn Observer) -> anyhow::Result<Run> {
        let (script, source) = named(&wanted.script);
        let mut upload = None;
        let targets = match wanted.list {
            Listed::Chosen(Choice::Users(selection)) if selection.is_everyone() => {
                Targets { all: Some(true), ..Targets::default() }
            }
            Listed::Chosen(Choice::Users(UserSelection { search, filter, .. })) => {
                let some = |text: String| (!text.is_empty()).then_some(text);
                Targets { filter: some(filter), search: some(search), ..Targets::default() }
            }
            Listed::Chosen(Choice::Outcomes(run, outcome)) => {
                let outcome = outcome.map(|outcome| outcome.name().to_owned());
                Targets { run: Some(OfRun { run, outcome }), ..Targets::default() }
            }
            Listed::Chosen(Choice::Rows(_) | Choice::Retry(_)) => {
                anyhow::bail!("a server reads the rows of a file itself")
            }
            Listed::Sent(rows) => {
                upload = Some(rows.upload);
                Targets { rows: Some(rows), ..Targets::default() }
            }
        };
        let body = NewRun {
            script,
            source,
            targets,
            mode: wanted.mode,
            report: wanted.report,
            params: typed(&wanted.params),
            strict: wanted.terms.strict,
            brakes: wanted.terms.brakes.into(),
            canary: wanted.terms.canary,
            hold: waits(wanted.terms, wanted.mode),
            time_limit: Some(wanted.engine.limits.time.as_secs_f64()),
        };
        let new = Start::new(Address::of(&["runs"]), wanted.mode, wanted.terms, &body)?;
        let made = self.make(&new, stop);
        // The run has all that it needs of it.
        if let Some(upload) = upload {
            self.forget(upload);
        }
        self.conduct(&made?, &new, stop, observer)
    }

    /// Makes a run and sees to it.
    fn start(&self, new: &Start, stop: &Stop, observer: &mut dyn Observer) -> anyhow::Result<Run> {
        self.conduct(&self.make(new, stop)?, new, stop, observer)
    }

    /// Makes a run, once: where the answer is lost, the server is asked again under the same key, and says what it has
    /// made. It comes back with its columns: of rows one is asked as such.
    fn make(&self, new: &Start, stop: &Stop) -> anyhow::Result<Run> {
        let key = HeaderValue::try_from(Uuid::new_v4().to_string())?;
        let headers = HeaderMap::from_iter([(IDEMPOTENCY_KEY, key)]);
        let mut lost: Option<Instant> = None;
        let made: contract::Run = loop {
            let answer = self.say(Method::POST, &new.at, &headers, &new.body);
            let error = match answer.and_then(|answer| self.read(answer)) {
                Ok(made) => break made,
                Err(error) => error,
            };
            match error.downcast_ref::<Away>() {
                Some(away) if away.is_lost || lost.is_some() => {
                    let since = *lost.get_or_insert_with(Instant::now);
                    if since.elapsed() > RETURN || stop.load(Ordering::Relaxed) {
                        return Err(error.context(
                            "whether the run was made is not known: 'rollcall runs list' tells it",
                        ));
                    }
                    pause(RETRY, stop);
                }
                _ => return Err(error),
            }
        };
        self.find_run(made.run)
    }

    /// Asks for a run that was made, where that is needed, and follows it unless it is left to workers.
    fn conduct(
        &self,
        run: &Run,
        new: &Start,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> anyhow::Result<Run> {
        if asks(new.terms, new.mode) {
            if !observer.confirm(run) {
                return self.cancel(run.id);
            }
            if let Err(error) = self.begin(run.id, run.targets) {
                // It waits for nobody any more; why it may not begin is what matters.
                drop(self.cancel(run.id));
                return Err(error);
            }
        }
        if new.terms.hold || new.terms.queue {
            return self.find_run(run.id);
        }
        self.see_to_its_end(run.id, stop, observer)
    }

    fn try_script(&self, request: &TrialRequest) -> anyhow::Result<TargetOutcome> {
        let TrialRequest { script, username, params, row, engine } = request;
        let cells: BTreeMap<_, _> = row.iter().cloned().collect();
        let (mut columns, columns_of_row) =
            (row.iter().map(|(column, _)| column).collect::<Vec<_>>(), row.len());
        columns.sort_unstable();
        if let Some(twice) = columns.windows(2).find_map(|two| (two[0] == two[1]).then_some(two[0])) {
            return Err(Refusal::new(format!("the row has the column {twice:?} twice")).into());
        }
        let (name, source) = named(script);
        let body = json!({
            "script": name, "source": source, "user": username, "params": typed(params), "row": cells,
            "time_limit": engine.limits.time.as_secs_f64(),
        });
        let tried: contract::TargetOutcome = self.tell(Method::POST, &Address::of(&["trials"]), &body)?;
        // As it was typed: a server knows no order of it.
        let cells = (columns_of_row > 0).then(|| row.iter().map(|(_, cell)| cell.clone()).collect());
        Ok(TargetOutcome { cells, ..tried.into() })
    }
}
