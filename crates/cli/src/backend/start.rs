//! Creating runs. A server freezes the list and keeps the run on hold; the administrator at the terminal is asked with
//! the number of its targets, and with that number it is started. Then its events are followed.

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall_api::{
    ApplyRunRequest, CreateRunRequest, FileTargets, Outcome, ResumeRunRequest, RetryRunRequest, RetryTargets,
    Run, RunTargets, TargetSelection, UndoRunRequest,
};
use rollcall_app::runs::{
    Again, ApplyRequest, Choice, ExecutionConfig, Observer, Progress, ResumeRequest, RetryRequest,
    RunOptions, RunRequest, Script, ScriptTestRequest, Stop, UndoRequest,
};
use rollcall_app::{App, AppError, UserSelection, wire};
use rollcall_client::{Client, Error};
use rollcall_domain::{self as domain, Mode, Rejection, RunId};
use serde_json::Value;

use super::Backend;
use super::follow::{follow, see_to_its_end};

/// The administrator at the terminal, while a run is created and executed.
pub(crate) trait RunObserver {
    /// Whether the run, whose list is frozen, may write.
    fn confirm(&mut self, run: &Run) -> bool;

    /// The run is executed from now on.
    fn begins(&mut self, run: &Run);

    /// The counts of the run have changed.
    fn progress(&mut self, progress: Progress);
}

/// Passes on what a run in this process does.
struct LocalObserver<'a>(&'a mut dyn RunObserver);

/// A run that has just been created: its columns and whether it is held are what a question needs.
fn started(run: &domain::Run) -> Run {
    let standing = rollcall_api::RunDetails {
        columns: run.columns.clone(),
        held: run.is_held(),
        confirmed: run.confirmed,
        ..rollcall_api::RunDetails::default()
    };
    Run { details: Some(standing), ..Run::from(run) }
}

impl Observer for LocalObserver<'_> {
    fn confirm(&mut self, run: &domain::Run) -> bool {
        self.0.confirm(&started(run))
    }

    fn begins(&mut self, run: &domain::Run) {
        self.0.begins(&started(run));
    }

    fn progress(&mut self, progress: Progress) {
        self.0.progress(progress);
    }
}

/// The run that is wanted, on whichever backend.
pub(crate) struct Wanted {
    pub(crate) script: Script,
    pub(crate) mode: Mode,
    pub(crate) report: bool,
    pub(crate) list: Listed,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) execution: ExecutionConfig,
    pub(crate) options: RunOptions,
}

/// The users that a run is wanted for.
pub(crate) enum Listed {
    /// As they are chosen on every backend.
    Chosen(Choice),
    /// The rows of a file that a server has.
    Sent(FileTargets),
}

impl Backend {
    /// Runs a script over the users that are wanted.
    pub(crate) fn run_script(
        &self,
        wanted: Wanted,
        stop: &Stop,
        observer: &mut dyn RunObserver,
    ) -> anyhow::Result<Run> {
        let Wanted { script, mode, report, list, params, execution, options } = wanted;
        match (self, list) {
            (Self::Local(app), Listed::Chosen(choice)) => {
                let request = RunRequest { script, mode, report, choice, params, execution, options };
                done(app, app.runs().create(&request, stop, &mut LocalObserver(observer)))
            }
            (Self::Local(_), Listed::Sent(_)) => {
                anyhow::bail!("the file was sent to a server, which is not asked")
            }
            (Self::Remote(client), list) => {
                let wanted = Wanted { script, mode, report, list, params, execution, options };
                run_remotely(client, wanted, stop, observer)
            }
        }
    }

    /// Writes what preview `id` has planned.
    pub(crate) fn apply_preview(
        &self,
        id: RunId,
        request: &ApplyRequest,
        stop: &Stop,
        observer: &mut dyn RunObserver,
    ) -> anyhow::Result<Run> {
        let client = match self {
            Self::Local(app) => {
                return done(app, app.runs().apply(id, request, stop, &mut LocalObserver(observer)));
            }
            Self::Remote(client) => client,
        };
        let ApplyRequest { plan, options } = request;
        let body = ApplyRunRequest {
            plan_hash: plan.clone(),
            brakes: options.brakes.into(),
            canary: options.canary,
            hold: waits(*options, Mode::Apply),
        };
        let created = created(client.apply_preview(id, &body, stop))?;
        conduct(client, &created, Mode::Apply, *options, stop, observer)
    }

    /// Undoes what run `id` has changed.
    pub(crate) fn undo(
        &self,
        id: RunId,
        request: &UndoRequest,
        stop: &Stop,
        observer: &mut dyn RunObserver,
    ) -> anyhow::Result<Run> {
        let client = match self {
            Self::Local(app) => {
                return done(app, app.runs().undo(id, request, stop, &mut LocalObserver(observer)));
            }
            Self::Remote(client) => client,
        };
        let UndoRequest { mode, user, options } = request;
        let body = UndoRunRequest {
            mode: *mode,
            user: user.clone(),
            brakes: options.brakes.into(),
            canary: options.canary,
            hold: waits(*options, *mode),
        };
        conduct(client, &created(client.undo_run(id, &body, stop))?, *mode, *options, stop, observer)
    }

    /// Executes run `id` again for some of its targets, as a new run.
    pub(crate) fn retry(
        &self,
        id: RunId,
        request: &RetryRequest,
        stop: &Stop,
        observer: &mut dyn RunObserver,
    ) -> anyhow::Result<Run> {
        let client = match self {
            Self::Local(app) => {
                return done(app, app.runs().retry(id, request, stop, &mut LocalObserver(observer)));
            }
            Self::Remote(client) => client,
        };
        let RetryRequest { again, preview, time_limit, options, .. } = request;
        let mode = if *preview { Mode::Preview } else { client.run(id)?.mode };
        let body = RetryRunRequest {
            which: match again {
                Again::Failed => RetryTargets::Failed,
                Again::Conflicts => RetryTargets::Conflicts,
                Again::NotRun => RetryTargets::NotRun,
            },
            preview: *preview,
            brakes: options.brakes.into(),
            canary: options.canary,
            hold: waits(*options, mode),
            time_limit: time_limit.as_ref().map(Duration::as_secs_f64),
        };
        conduct(client, &created(client.retry_run(id, &body, stop))?, mode, *options, stop, observer)
    }

    /// Resumes run `id`, which was interrupted or has stopped.
    pub(crate) fn resume(
        &self,
        id: RunId,
        request: &ResumeRequest,
        stop: &Stop,
        observer: &mut dyn RunObserver,
    ) -> anyhow::Result<Run> {
        let client = match self {
            Self::Local(app) => {
                return done(app, app.runs().resume(id, request, stop, &mut LocalObserver(observer)));
            }
            Self::Remote(client) => client,
        };
        let run = client.run(id)?;
        let confirmed = run.details.as_ref().is_some_and(|details| details.confirmed);
        let unasked = !confirmed && run.mode == Mode::Apply && !request.confirmed;
        if unasked && !observer.confirm(&run) {
            return Ok(run);
        }
        let body = ResumeRunRequest {
            brakes: request.brakes.into(),
            time_limit: request.time_limit.as_ref().map(Duration::as_secs_f64),
        };
        let resumed = client.resume_run(id, &body)?;
        if request.queue { Ok(resumed) } else { see_to_its_end(client, id, stop, observer) }
    }

    /// Follows run `id` until it ends, or `stop` is set: that ends the following, not the run.
    pub(crate) fn watch(
        &self,
        id: RunId,
        stop: &Stop,
        observer: &mut dyn RunObserver,
    ) -> anyhow::Result<Run> {
        match self {
            Self::Local(app) => done(app, app.runs().watch(id, stop, &mut LocalObserver(observer))),
            Self::Remote(client) => follow(client, id, stop, observer),
        }
    }

    /// Tests a script on one user, and keeps nothing of it.
    pub(crate) fn test_script(&self, request: &ScriptTestRequest) -> anyhow::Result<Outcome> {
        let ScriptTestRequest { script, username, params, row, execution } = request;
        let columns: Vec<_> = row.iter().map(|(column, _)| column.clone()).collect();
        let client = match self {
            Self::Local(app) => {
                let tested = app.scripts().test(request)?;
                let micros = Some(tested.micros);
                return Ok(Outcome { duration_us: micros, ..Outcome::of(tested, Some(&columns)) });
            }
            Self::Remote(client) => client,
        };
        let mut sorted: Vec<_> = columns.iter().collect();
        sorted.sort_unstable();
        if let Some(twice) = sorted.windows(2).find_map(|two| (two[0] == two[1]).then_some(two[0])) {
            return Err(Rejection::new(format!("the row has the column {twice:?} twice")).into());
        }
        let (name, source) = named(script);
        let cells: BTreeMap<_, _> = row.iter().cloned().collect();
        let limit = execution.limits.time.as_secs_f64();
        let tested = client.test_script(&name, source.as_deref(), username, &typed(params), &cells, limit)?;
        // In the order in which the cells were typed: a server knows none.
        let cells = row.iter().map(|(_, cell)| cell.clone()).collect();
        let row = (!columns.is_empty()).then_some(rollcall_api::FileRow { columns, cells });
        Ok(Outcome { row, ..tested })
    }
}

/// A run of this process that has ended, as the API has it.
fn done(app: &App, run: Result<domain::Run, AppError>) -> anyhow::Result<Run> {
    Ok(wire::describe_run(app, &run?)?)
}

/// A run that was created by a server, or what to do if that is not known.
fn created(run: Result<Run, Error>) -> anyhow::Result<Run> {
    run.map_err(|error| match &error {
        Error::Unreachable(away) if away.may_have_arrived() => anyhow::Error::from(error)
            .context("whether the run was made is not known: 'rollcall runs list' tells it"),
        _ => error.into(),
    })
}

/// Whether a run waits on the server: as it was asked for, or for the administrator at the terminal.
fn waits(options: RunOptions, mode: Mode) -> bool {
    options.hold || asks(options, mode)
}

fn asks(options: RunOptions, mode: Mode) -> bool {
    !options.hold && !options.confirmed && mode == Mode::Apply
}

/// The name of a script for a server: a saved one with its version, another one with its text.
fn named(script: &Script) -> (String, Option<String>) {
    match script.version {
        Some(version) => (format!("{}@{version}", script.name), None),
        None => (script.name.clone(), Some(script.source.clone())),
    }
}

fn typed(params: &[(String, String)]) -> BTreeMap<String, Value> {
    params.iter().map(|(name, text)| (name.clone(), Value::String(text.clone()))).collect()
}

fn run_remotely(
    client: &Client,
    wanted: Wanted,
    stop: &Stop,
    observer: &mut dyn RunObserver,
) -> anyhow::Result<Run> {
    let (script, source) = named(&wanted.script);
    let mut upload = None;
    let targets = match wanted.list {
        Listed::Chosen(Choice::Users(selection)) if selection.is_everyone() => {
            TargetSelection { all: Some(true), ..TargetSelection::default() }
        }
        Listed::Chosen(Choice::Users(UserSelection { search, filter, .. })) => {
            let some = |text: String| (!text.is_empty()).then_some(text);
            TargetSelection { filter: some(filter), search: some(search), ..TargetSelection::default() }
        }
        Listed::Chosen(Choice::Outcomes(run, outcome)) => {
            let outcome = outcome.map(|outcome| outcome.name().to_owned());
            TargetSelection { run: Some(RunTargets { run_id: run, outcome }), ..TargetSelection::default() }
        }
        Listed::Chosen(Choice::Rows(_) | Choice::Retry(_)) => {
            anyhow::bail!("a server reads the rows of a file itself")
        }
        Listed::Sent(rows) => {
            upload = Some(rows.upload_id);
            TargetSelection { rows: Some(rows), ..TargetSelection::default() }
        }
    };
    let Wanted { mode, options, .. } = wanted;
    let body = CreateRunRequest {
        script,
        source,
        targets,
        mode,
        report: wanted.report,
        params: typed(&wanted.params),
        strict: options.strict,
        brakes: options.brakes.into(),
        canary: options.canary,
        hold: waits(options, mode),
        time_limit: Some(wanted.execution.limits.time.as_secs_f64()),
    };
    let run = created(client.create_run(&body, stop));
    // The run has all that it needs of it. If it stays, the server removes it in a day.
    if let Some(upload) = upload {
        drop(client.remove_upload(upload));
    }
    conduct(client, &run?, mode, options, stop, observer)
}

/// Asks about a run that was created, where that is needed, and follows it unless it is left to workers.
fn conduct(
    client: &Client,
    run: &Run,
    mode: Mode,
    options: RunOptions,
    stop: &Stop,
    observer: &mut dyn RunObserver,
) -> anyhow::Result<Run> {
    if asks(options, mode) {
        if !observer.confirm(run) {
            return Ok(client.cancel_run(run.run_id)?);
        }
        if let Err(error) = client.start_run(run.run_id, run.targets) {
            // Nobody waits for it now; why it cannot be started is what matters.
            drop(client.cancel_run(run.run_id));
            return Err(error.into());
        }
    }
    if options.hold || options.queue {
        return Ok(client.run(run.run_id)?);
    }
    see_to_its_end(client, run.run_id, stop, observer)
}
