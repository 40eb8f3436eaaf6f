//! Outcomes of the targets of a run.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use rollcall_app::wire::{self, OutcomeFormat};
use rollcall_domain::{Outcome, RunId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Caller;
use crate::blocking;
use crate::extract::{Path, Query};
use crate::problem::Problem;
use crate::shared::listing as page;
use crate::stream::{Pieces, Streams};
use rollcall_api::{self as api, ChangeGroup, Page, ResultColumns, RunProblems};

/// The kind and the page of a list of outcomes.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Only these: `changed`, `unchanged`, `skipped`, `failed`, `timed_out`, `conflict` or `not_run`.
    outcome: Option<String>,
    /// The `next` of the previous page; missing: the first page.
    cursor: Option<String>,
    /// The maximum number of outcomes.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
}

/// Which outcomes are to be taken away.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Taken {
    /// Only these: `changed`, `unchanged`, `skipped`, `failed`, `timed_out`, `conflict` or `not_run`.
    outcome: Option<String>,
    /// In CSV, do not escape text that a spreadsheet would run as a formula.
    #[serde(default)]
    raw: bool,
}

/// How many groups of changes are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Groups {
    /// About how many.
    #[param(minimum = 1, maximum = 2000)]
    groups: Option<u16>,
}

fn outcome(name: Option<&str>) -> Result<Option<Outcome>, Problem> {
    name.map(str::parse)
        .transpose()
        .map_err(|why: rollcall_domain::Rejection| Problem::invalid(why.to_string()))
}

/// Lists the outcomes of a run, in the order of its targets.
#[utoipa::path(get, path = "/runs/{run_id}/outcomes", operation_id = "listOutcomes", tag = "outcomes", params(("run_id" = i64, Path), Wanted),
    responses((status = 200, body = Page<api::Outcome>)))]
pub(super) async fn list(
    Caller(app): Caller,
    Path(run): Path<RunId>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page<api::Outcome>>, Problem> {
    let kind = outcome(wanted.outcome.as_deref())?;
    let wanted = page::Wanted::new(wanted.cursor.as_deref(), wanted.limit)?;
    let page = blocking(move || {
        let run = app.runs().find(run)?;
        let found = app.runs().list_outcomes_after(&run, kind, wanted.after, wanted.look_for())?;
        Ok(wanted.page(found, |outcome| outcome.target, |outcome| api::Outcome::new(outcome, &run)))
    });
    Ok(Json(page.await?))
}

/// Groups the failures, conflicts, timeouts and warnings of a run.
#[utoipa::path(get, path = "/runs/{run_id}/failure-groups", operation_id = "getFailureGroups", tag = "outcomes", params(("run_id" = i64, Path)),
    responses((status = 200, body = RunProblems)))]
pub(super) async fn troubles(
    Caller(app): Caller,
    Path(run): Path<RunId>,
) -> Result<Json<RunProblems>, Problem> {
    Ok(Json(blocking(move || app.runs().group_problems(&app.runs().find(run)?)).await?.into()))
}

/// The outcomes whose results are listed.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Of {
    /// Those of these: `changed`, `unchanged`, `skipped`, `failed`, `timed_out`, `conflict` or `not_run`.
    outcome: Option<String>,
}

/// Lists the names of the members of `result`, in the order of their first use.
#[utoipa::path(get, path = "/runs/{run_id}/result-columns", operation_id = "listResultColumns", tag = "outcomes", params(("run_id" = i64, Path), Of),
    responses((status = 200, body = ResultColumns)))]
pub(super) async fn result_columns(
    Caller(app): Caller,
    Path(run): Path<RunId>,
    Query(of): Query<Of>,
) -> Result<Json<ResultColumns>, Problem> {
    let kind = outcome(of.outcome.as_deref())?;
    let columns = blocking(move || app.runs().list_result_columns(&app.runs().find(run)?, kind)).await?;
    Ok(Json(columns.into()))
}

/// Groups the changes of a run by their content, largest group first.
#[utoipa::path(get, path = "/runs/{run_id}/change-groups", operation_id = "listChangeGroups", tag = "outcomes", params(("run_id" = i64, Path), Groups),
    responses((status = 200, body = Page<ChangeGroup>)))]
pub(super) async fn changes(
    Caller(app): Caller,
    Path(run): Path<RunId>,
    Query(wanted): Query<Groups>,
) -> Result<Json<Page<ChangeGroup>>, Problem> {
    let groups = match wanted.groups.unwrap_or(20) {
        groups @ 1..=2_000 => usize::from(groups),
        _ => return Err(Problem::invalid("groups: say how many, 1 to 2000")),
    };
    let found = blocking(move || app.runs().group_changes(&app.runs().find(run)?, groups)).await?;
    Ok(Json(Page { items: found.into_iter().map(ChangeGroup::from).collect(), next: None }))
}

/// Exports the outcomes of a run as JSON lines.
#[utoipa::path(get, path = "/runs/{run_id}/outcomes.jsonl", operation_id = "exportOutcomesJsonLines", tag = "outcomes", params(("run_id" = i64, Path), Taken),
    responses((status = 200, content_type = "application/jsonl", body = String)))]
pub(super) async fn json_lines(
    Caller(app): Caller,
    State(streams): State<Streams>,
    Path(run): Path<RunId>,
    Query(taken): Query<Taken>,
) -> Result<Response, Problem> {
    let kind = outcome(taken.outcome.as_deref())?;
    let write = move |out: &mut Pieces| {
        wire::export_outcomes(&app, &app.runs().find(run)?, kind, OutcomeFormat::Json, out)
    };
    streams.answer("application/jsonl", Some(&format!("run-{run}.jsonl")), write).await
}

/// Exports the outcomes of a run as CSV.
///
/// The members of `result` are columns.
#[utoipa::path(get, path = "/runs/{run_id}/outcomes.csv", operation_id = "exportOutcomesCsv", tag = "outcomes", params(("run_id" = i64, Path), Taken),
    responses((status = 200, content_type = "text/csv", body = String)))]
pub(super) async fn csv(
    Caller(app): Caller,
    State(streams): State<Streams>,
    Path(run): Path<RunId>,
    Query(taken): Query<Taken>,
) -> Result<Response, Problem> {
    let kind = outcome(taken.outcome.as_deref())?;
    let format = OutcomeFormat::Csv { raw: taken.raw };
    let write =
        move |out: &mut Pieces| wire::export_outcomes(&app, &app.runs().find(run)?, kind, format, out);
    streams.answer("text/csv; charset=utf-8", Some(&format!("run-{run}.csv")), write).await
}

/// Exports the outcomes of a run as an Excel workbook.
///
/// The members of `result` are columns.
#[utoipa::path(get, path = "/runs/{run_id}/outcomes.xlsx", operation_id = "exportOutcomesExcel", tag = "outcomes", params(("run_id" = i64, Path), Taken),
    responses((status = 200, body = Vec<u8>,
        content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))]
pub(super) async fn workbook(
    Caller(app): Caller,
    State(streams): State<Streams>,
    Path(run): Path<RunId>,
    Query(taken): Query<Taken>,
) -> Result<Response, Problem> {
    const KIND: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let kind = outcome(taken.outcome.as_deref())?;
    let write = move |out: &mut Pieces| {
        wire::export_outcomes(&app, &app.runs().find(run)?, kind, OutcomeFormat::Xlsx, out)
    };
    streams.answer(KIND, Some(&format!("run-{run}.xlsx")), write).await
}
