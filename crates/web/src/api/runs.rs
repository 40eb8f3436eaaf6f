//! Runs: one script, once for every user on a frozen list. What is started here is executed by the worker of this server
//! or by others; the answer comes as soon as the list is frozen.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rollcall_app::runs::{
    Again, ApplyRequest, Choice, ResumeRequest, RetryRequest, RunOptions, RunRequest, Script, Stop,
    UndoRequest,
};
use rollcall_app::{UserSelection, wire};
use rollcall_domain::{self as domain, Mode, RequestKey, RunId, RunQuery, RunState};
use serde::Deserialize;
use utoipa::IntoParams;

use super::PREFIX;
use super::conditions::Once;
use crate::auth::Caller;
use crate::extract::{Body, Path, Query};
use crate::problem::{Fault, Problem};
use crate::shared::files::choose;
use crate::shared::listing as page;
use crate::shared::runs::{Nobody, execution, saved, seconds};
use crate::{Server, aside, blocking};
use rollcall_api::{
    ApplyRunRequest, ApproveRunRequest, Brakes, CreateRunRequest, FileTargets, Page, ResumeRunRequest,
    RetryRunRequest, RetryTargets, Run, RunTargets, StartRunRequest, TargetSelection, UndoRunRequest,
};

/// The conditions and the page of a list of runs. A run has to satisfy all conditions.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The state, such as `running`.
    state: Option<String>,
    /// The name of the script.
    script: Option<String>,
    /// `preview` or `apply`.
    #[param(schema_with = rollcall_api::modes)]
    mode: Option<Mode>,
    /// The administrator who created the run.
    administrator: Option<String>,
    /// The `next` of the previous page; missing: the first page.
    cursor: Option<String>,
    /// The maximum number of runs.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
}

/// Lists runs, newest first.
#[utoipa::path(get, path = "/runs", operation_id = "listRuns", tag = "runs", params(Wanted), responses((status = 200, body = Page<Run>)))]
pub(super) async fn list(
    Caller(app): Caller,
    Query(asked): Query<Wanted>,
) -> Result<Json<Page<Run>>, Problem> {
    let Wanted { state, script, mode, administrator, cursor, limit } = asked;
    let state = state.as_deref().map(RunState::parse).transpose();
    let state = state.map_err(|why| Problem::invalid(why.to_string()))?;
    let query = RunQuery { state, script, mode, administrator };
    let wanted = page::Wanted::new(cursor.as_deref(), limit)?;
    let page = blocking(move || {
        let found = app.runs().list_after(&query, wanted.after, wanted.look_for())?;
        Ok(wanted.page(found, |run| run.id, Run::from))
    });
    Ok(Json(page.await?))
}

/// Returns a run with its approvals and its status.
#[utoipa::path(get, path = "/runs/{run_id}", operation_id = "getRun", tag = "runs", params(("run_id" = i64, Path)),
    responses((status = 200, body = Run)))]
pub(super) async fn one(Caller(app): Caller, Path(run): Path<RunId>) -> Result<Json<Run>, Problem> {
    let shown = blocking(move || {
        let run = app.runs().find(run)?;
        wire::describe_run(&app, &run)
    });
    Ok(Json(shown.await?))
}

/// Creates a run: selects its targets, and queues it.
#[utoipa::path(post, path = "/runs", operation_id = "createRun", tag = "runs", params(("Idempotency-Key" = Option<String>, Header,
        description = "A name of this request: sent again within a day, it is answered with the run that it has made")), request_body = CreateRunRequest, responses((status = 201, body = Run)))]
pub(super) async fn start(
    Caller(app): Caller,
    State(server): State<Server>,
    once: Once,
    Body(new): Body<CreateRunRequest>,
) -> Result<Response, Problem> {
    let key = once.key(&new)?;
    let listed = choice(new.targets)?;
    let params = params(new.params)?;
    let options = RunOptions { strict: new.strict, ..options(new.brakes, new.canary, new.hold, key)? };
    let execution = execution(&server, new.time_limit)?;
    let (name, source, mode, report) = (new.script, new.source, new.mode, new.report);
    let run = aside(move || {
        let script = match source {
            Some(source) => Script { name, version: None, source },
            None => saved(&app, &name)?,
        };
        let choice = match listed {
            Listed::Known(choice) => choice,
            Listed::Rows(rows) => Choice::Rows(Box::new(choose(&app, &rows, &script)?)),
        };
        let request = RunRequest { script, mode, report, choice, params, execution, options };
        Ok(app.runs().create(&request, &Stop::default(), &mut Nobody)?)
    });
    made(async {
        run.await.map_err(|problem| {
            let rows = |problem: Problem, name: &str| problem.moved(name, &format!("/targets/rows{name}"));
            let problem = problem.moved("/filter", "/targets/filter");
            ["/key", "/hidden", "/header_row"].into_iter().fold(problem, rows)
        })
    })
    .await
}

/// Applies the plan of a preview, without executing the script again.
///
/// Users edited since the preview are skipped and listed as conflicts.
#[utoipa::path(post, path = "/runs/{run_id}/apply", operation_id = "applyRun", tag = "runs", params(("run_id" = i64, Path), ("Idempotency-Key" = Option<String>, Header,
        description = "A name of this request: sent again within a day, it is answered with the run that it has made")),
    request_body = Option<ApplyRunRequest>, responses((status = 201, body = Run)))]
pub(super) async fn apply(
    Caller(app): Caller,
    Path(run): Path<RunId>,
    once: Once,
    Body(wanted): Body<ApplyRunRequest>,
) -> Result<Response, Problem> {
    let key = once.key(&wanted)?;
    let request = ApplyRequest {
        plan: wanted.plan_hash,
        options: options(wanted.brakes, wanted.canary, wanted.hold, key)?,
    };
    made(blocking(move || app.runs().apply(run, &request, &Stop::default(), &mut Nobody))).await
}

/// Creates a run that undoes the changes of an earlier run.
///
/// Values that changed since are skipped and listed as conflicts.
#[utoipa::path(post, path = "/runs/{run_id}/undo", operation_id = "undoRun", tag = "runs", params(("run_id" = i64, Path), ("Idempotency-Key" = Option<String>, Header,
        description = "A name of this request: sent again within a day, it is answered with the run that it has made")),
    request_body = Option<UndoRunRequest>, responses((status = 201, body = Run)))]
pub(super) async fn undo(
    Caller(app): Caller,
    Path(run): Path<RunId>,
    once: Once,
    Body(wanted): Body<UndoRunRequest>,
) -> Result<Response, Problem> {
    let key = once.key(&wanted)?;
    let options = options(wanted.brakes, wanted.canary, wanted.hold, key)?;
    let request = UndoRequest { mode: wanted.mode, user: wanted.user, options };
    made(blocking(move || app.runs().undo(run, &request, &Stop::default(), &mut Nobody))).await
}

/// Creates a run with the script of an earlier run for some of its targets.
#[utoipa::path(post, path = "/runs/{run_id}/retry", operation_id = "retryRun", tag = "runs", params(("run_id" = i64, Path), ("Idempotency-Key" = Option<String>, Header,
        description = "A name of this request: sent again within a day, it is answered with the run that it has made")),
    request_body = RetryRunRequest, responses((status = 201, body = Run)))]
pub(super) async fn retry(
    Caller(app): Caller,
    State(server): State<Server>,
    Path(run): Path<RunId>,
    once: Once,
    Body(wanted): Body<RetryRunRequest>,
) -> Result<Response, Problem> {
    let key = once.key(&wanted)?;
    let request = RetryRequest {
        again: match wanted.which {
            RetryTargets::Failed => Again::Failed,
            RetryTargets::Conflicts => Again::Conflicts,
            RetryTargets::NotRun => Again::NotRun,
        },
        preview: wanted.preview,
        execution: execution(&server, None)?,
        time_limit: seconds(wanted.time_limit)?,
        options: options(wanted.brakes, wanted.canary, wanted.hold, key)?,
    };
    made(blocking(move || app.runs().retry(run, &request, &Stop::default(), &mut Nobody))).await
}

/// Starts a run that was created with `hold`.
#[utoipa::path(post, path = "/runs/{run_id}/start", operation_id = "startRun", tag = "runs", params(("run_id" = i64, Path)), request_body = StartRunRequest,
    responses((status = 200, body = Run)))]
pub(super) async fn begin(
    Caller(app): Caller,
    Path(run): Path<RunId>,
    Body(wanted): Body<StartRunRequest>,
) -> Result<Json<Run>, Problem> {
    Ok(Json(blocking(move || app.runs().start_held(run, wanted.targets)).await?.into()))
}

/// Resumes a stopped or interrupted run with its first target without an outcome.
#[utoipa::path(post, path = "/runs/{run_id}/resume", operation_id = "resumeRun", tag = "runs", params(("run_id" = i64, Path)),
    request_body = Option<ResumeRunRequest>, responses((status = 200, body = Run)))]
pub(super) async fn resume(
    Caller(app): Caller,
    State(server): State<Server>,
    Path(run): Path<RunId>,
    Body(wanted): Body<ResumeRunRequest>,
) -> Result<Json<Run>, Problem> {
    let request = ResumeRequest {
        execution: execution(&server, None)?,
        time_limit: seconds(wanted.time_limit)?,
        brakes: wanted.brakes.into(),
        confirmed: true,
        queue: true,
    };
    Ok(Json(blocking(move || app.runs().resume(run, &request, &Stop::default(), &mut Nobody)).await?.into()))
}

/// Cancels a run.
///
/// Changes that are already written stay.
#[utoipa::path(post, path = "/runs/{run_id}/cancel", operation_id = "cancelRun", tag = "runs", params(("run_id" = i64, Path)),
    responses((status = 200, body = Run)))]
pub(super) async fn cancel(Caller(app): Caller, Path(run): Path<RunId>) -> Result<Json<Run>, Problem> {
    Ok(Json(blocking(move || app.runs().cancel(run)).await?.into()))
}

/// Approves the plan of a preview that another administrator created.
#[utoipa::path(post, path = "/runs/{run_id}/approve", operation_id = "approveRun", tag = "runs", params(("run_id" = i64, Path)), request_body = Option<ApproveRunRequest>,
    responses((status = 200, body = Run)))]
pub(super) async fn approve(
    Caller(app): Caller,
    Path(run): Path<RunId>,
    Body(wanted): Body<ApproveRunRequest>,
) -> Result<Json<Run>, Problem> {
    let approved = blocking(move || {
        app.runs().approve(run, wanted.plan_hash.as_deref(), &mut |_| true)?;
        let run = app.runs().find(run)?;
        Ok(Run::from(&run).approved(&app.runs().list_approvals(&run)?))
    });
    Ok(Json(approved.await?))
}

async fn made(run: impl Future<Output = Result<domain::Run, Problem>>) -> Result<Response, Problem> {
    let run = run.await?;
    let place = HeaderValue::from_str(&format!("{PREFIX}/runs/{}", run.id));
    let mut answer = (StatusCode::CREATED, Json(Run::from(run))).into_response();
    if let Ok(place) = place {
        answer.headers_mut().insert(header::LOCATION, place);
    }
    Ok(answer)
}

/// The users that a run is wanted for, as far as that is known before a file is read.
enum Listed {
    Known(Choice),
    Rows(FileTargets),
}

fn choice(targets: TargetSelection) -> Result<Listed, Problem> {
    let choice = match targets {
        TargetSelection { all: Some(true), filter: None, search: None, run: None, rows: None } => {
            Choice::Users(UserSelection::default())
        }
        TargetSelection { all: None, filter, search, run: None, rows: None }
            if filter.is_some() || search.is_some() =>
        {
            let place = match &filter {
                Some(filter) if filter.trim().is_empty() => "/targets/filter",
                _ => "/targets/search",
            };
            Choice::Users(
                UserSelection::asked(filter, search)
                    .map_err(|why| Problem::invalid(why.to_string()).at(Fault::at(place, why.to_string())))?,
            )
        }
        TargetSelection { all: None, filter: None, search: None, run: None, rows: Some(rows) } => {
            return Ok(Listed::Rows(rows));
        }
        TargetSelection {
            all: None,
            filter: None,
            search: None,
            run: Some(RunTargets { run_id: run, outcome }),
            rows: None,
        } => {
            let outcome = outcome.as_deref().map(str::parse).transpose();
            let outcome = outcome.map_err(|why: domain::Rejection| {
                Problem::invalid(why.to_string()).at(Fault::at("/targets/run/outcome", why.to_string()))
            })?;
            Choice::Outcomes(run, outcome)
        }
        _ => {
            let why = "say exactly one of all (true), filter (with or without search), search, rows and run";
            return Err(Problem::invalid(why).at(Fault::at("/targets", why)));
        }
    };
    Ok(Listed::Known(choice))
}

/// Parameters as they would be typed.
pub(super) fn params(given: BTreeMap<String, serde_json::Value>) -> Result<Vec<(String, String)>, Problem> {
    let (mut params, mut faults) = (Vec::new(), Vec::new());
    for (name, value) in given {
        match value {
            serde_json::Value::Null => {}
            serde_json::Value::String(text) => params.push((name, text)),
            serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {
                params.push((name, value.to_string()));
            }
            _ => faults.push(Fault::at(
                format!("/params/{}", name.replace('~', "~0").replace('/', "~1")),
                "a parameter is a text, a number, true or false",
            )),
        }
    }
    match faults.first() {
        None => Ok(params),
        Some(first) => Err(Problem::invalid(first.detail.clone()).with(faults)),
    }
}

/// Nobody is asked: whoever sends a request has said yes with it.
fn options(
    brakes: Brakes,
    canary: Option<u64>,
    hold: bool,
    key: Option<RequestKey>,
) -> Result<RunOptions, Problem> {
    if canary == Some(0) {
        let why = "a canary is of at least one target";
        return Err(Problem::invalid(why).at(Fault::at("/canary", why)));
    }
    let brakes = brakes.into();
    Ok(RunOptions { brakes, canary, confirmed: true, queue: true, hold, key, strict: false })
}
