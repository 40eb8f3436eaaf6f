//! Saved scripts with every version.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use rollcall_app::wire;
use rollcall_app::{AppError, scripts};
use rollcall_domain as domain;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::conditions::{Seen, tagged};
use crate::auth::Caller;
use crate::blocking;
use crate::extract::{Body, Path, Query};
use crate::problem::Problem;
use crate::shared::listing::Part;
use rollcall_api::{Page, ScriptApiMember, ScriptCheck, ScriptProblem, ScriptVersion};

/// What a version of a script is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SaveScriptRequest {
    /// The Python source.
    source: String,
    /// Why it is saved.
    #[serde(default)]
    note: String,
    /// Whether to save it even if it has errors: as a draft, which cannot run.
    #[serde(default)]
    draft: bool,
}

/// Options for restoring a version.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RestoreScriptRequest {
    /// The reason, kept with the new version.
    note: String,
}

/// A script to check.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScriptCheckRequest {
    /// The Python source.
    source: String,
}

/// The versions to compare.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Between {
    /// The older version; missing: the one before the newer.
    from: Option<i64>,
    /// The newer one; missing: the latest.
    to: Option<i64>,
}

fn answer(status: StatusCode, version: domain::ScriptVersion) -> Response {
    let state = version.version.to_string();
    tagged((status, Json(wire::script(version))).into_response(), &state)
}

/// Lists the latest version of each script that you may see, by name.
#[utoipa::path(get, path = "/scripts", operation_id = "listScripts", tag = "scripts", params(Part), responses((status = 200, body = Page<ScriptVersion>)))]
pub(super) async fn list(
    Caller(app): Caller,
    Query(part): Query<Part>,
) -> Result<Json<Page<ScriptVersion>>, Problem> {
    let wanted = part.read::<String>()?;
    let page = blocking(move || {
        let found = app.scripts().list_after(wanted.after.as_deref(), wanted.look_for())?;
        Ok(wanted.page(found, domain::ScriptVersion::full_name, wire::script))
    });
    Ok(Json(page.await?))
}

/// Returns the latest version of a script.
///
/// Use `ORGANIZATION:NAME` if an organization and the installation have one of this name. The `ETag`
/// identifies the version.
#[utoipa::path(get, path = "/scripts/{name}", operation_id = "getScript", tag = "scripts", params(("name" = String, Path)),
    responses((status = 200, body = ScriptVersion, headers(("ETag" = String, description = "of this version")))))]
pub(super) async fn one(Caller(app): Caller, Path(name): Path<String>) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, blocking(move || app.scripts().find_version(&name, None)).await?))
}

/// Saves a script as its next version, or as the first.
///
/// A script with errors is rejected, unless `draft` is true: a draft cannot run.
#[utoipa::path(put, path = "/scripts/{name}", operation_id = "saveScript", tag = "scripts", params(("name" = String, Path),
    ("If-Match" = Option<String>, Header, description = "The `ETag` of what was seen: else nothing is done"),
    ("If-None-Match" = Option<String>, Header, description = "`*`: only if there is none yet")), request_body = SaveScriptRequest,
    responses((status = 200, body = ScriptVersion), (status = 201, body = ScriptVersion)))]
pub(super) async fn save(
    Caller(app): Caller,
    Path(name): Path<String>,
    seen: Seen,
    Body(text): Body<SaveScriptRequest>,
) -> Result<Response, Problem> {
    let save = move || {
        let SaveScriptRequest { source, note, draft } = text;
        match draft {
            true => app.scripts().save_draft(&name, &source, &note, seen.expected()),
            false => Ok(app.scripts().save_if_match(&name, &source, &note, seen.expected())?.0),
        }
    };
    let saved = blocking(save).await?;
    Ok(answer(if saved.version == 1 { StatusCode::CREATED } else { StatusCode::OK }, saved))
}

/// Archives a script.
///
/// Its versions stay for past runs, and can be restored.
#[utoipa::path(delete, path = "/scripts/{name}", operation_id = "removeScript", tag = "scripts", params(("name" = String, Path),
    ("If-Match" = Option<String>, Header, description = "The `ETag` of what was seen: else nothing is done")),
    responses((status = 204)))]
pub(super) async fn remove(
    Caller(app): Caller,
    Path(name): Path<String>,
    seen: Seen,
) -> Result<StatusCode, Problem> {
    blocking(move || app.scripts().remove_if_match(&name, seen.expected())).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the versions of a script, newest first.
#[utoipa::path(get, path = "/scripts/{name}/versions", operation_id = "listScriptVersions", tag = "scripts", params(("name" = String, Path), Part),
    responses((status = 200, body = Page<ScriptVersion>)))]
pub(super) async fn versions(
    Caller(app): Caller,
    Path(name): Path<String>,
    Query(part): Query<Part>,
) -> Result<Json<Page<ScriptVersion>>, Problem> {
    let wanted = part.read()?;
    let page = blocking(move || {
        let found = app.scripts().list_versions_after(&name, wanted.after, wanted.look_for())?;
        Ok(wanted.page(found, |version| version.version, wire::script))
    });
    Ok(Json(page.await?))
}

/// Returns a version of a script, also of an archived one.
#[utoipa::path(get, path = "/scripts/{name}/versions/{version}", operation_id = "getScriptVersion", tag = "scripts",
    params(("name" = String, Path), ("version" = i64, Path)), responses((status = 200, body = ScriptVersion)))]
pub(super) async fn version(
    Caller(app): Caller,
    Path((name, version)): Path<(String, i64)>,
) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, blocking(move || app.scripts().find_version(&name, Some(version))).await?))
}

/// Saves an earlier version as the latest one.
#[utoipa::path(post, path = "/scripts/{name}/versions/{version}/restore", operation_id = "restoreScriptVersion", tag = "scripts",
    params(("name" = String, Path), ("version" = i64, Path)), request_body = Option<RestoreScriptRequest>,
    responses((status = 201, body = ScriptVersion)))]
pub(super) async fn restore(
    Caller(app): Caller,
    Path((name, version)): Path<(String, i64)>,
    Body(why): Body<RestoreScriptRequest>,
) -> Result<Response, Problem> {
    let restored = blocking(move || app.scripts().restore_version(&name, version, &why.note)).await?;
    Ok(answer(StatusCode::CREATED, restored))
}

/// Returns the differences between two versions as a unified diff.
#[utoipa::path(get, path = "/scripts/{name}/diff", operation_id = "diffScriptVersions", tag = "scripts", params(("name" = String, Path), Between),
    responses((status = 200, content_type = "text/plain", body = String)))]
pub(super) async fn diff(
    Caller(app): Caller,
    Path(name): Path<String>,
    Query(between): Query<Between>,
) -> Result<String, Problem> {
    blocking(move || {
        let new = app.scripts().find_version(&name, between.to)?;
        let old = app.scripts().find_version(&name, Some(between.from.unwrap_or(new.version - 1)))?;
        let label = |version: &domain::ScriptVersion| format!("{}@{}", version.full_name(), version.version);
        let diff = similar::TextDiff::from_lines(&old.source, &new.source);
        Ok(diff.unified_diff().header(&label(&old), &label(&new)).to_string())
    })
    .await
}

/// Checks a script without executing it: errors, warnings and declared parameters.
#[utoipa::path(post, path = "/scripts/check", operation_id = "checkScript", tag = "scripts", request_body = ScriptCheckRequest,
    responses((status = 200, body = ScriptCheck)))]
pub(super) async fn check(
    Caller(app): Caller,
    Body(draft): Body<ScriptCheckRequest>,
) -> Result<Json<ScriptCheck>, Problem> {
    let checked = blocking(move || match app.scripts().parse("script", &draft.source) {
        Ok(read) => Ok(ScriptCheck::from(read)),
        Err(AppError::BadScript { faults, .. }) => Ok(ScriptCheck {
            title: None,
            parameters: Vec::new(),
            faults: faults.iter().map(ScriptProblem::from).collect(),
            warnings: Vec::new(),
            row_columns: None,
        }),
        Err(error) => Err(error),
    });
    Ok(Json(checked.await?))
}

/// Lists the names that scripts can use without an import, for editors.
///
/// Python's builtins are not included.
#[utoipa::path(get, path = "/script-api", operation_id = "listScriptApi", tag = "scripts", responses((status = 200, body = Page<ScriptApiMember>)))]
pub(super) async fn names(_: Caller) -> Json<Page<ScriptApiMember>> {
    Json(Page { items: scripts::world().map(ScriptApiMember::from).collect(), next: None })
}
