//! Saved scripts with every version.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use rollcall_app::wire;
use rollcall_app::{AppError, scripts};
use rollcall_domain::ScriptVersion;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::conditions::{Seen, tagged};
use crate::auth::Caller;
use crate::blocking;
use crate::extract::{Body, Path, Query};
use crate::problem::Problem;
use crate::shared::listing::Part;
use rollcall_api::{Checked, Fault, Page, Script, ScriptName};

/// What a version of a script is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    /// The Python source.
    source: String,
    /// Why it is saved.
    #[serde(default)]
    note: String,
    /// Whether to save it even if it has errors: as a draft, which cannot run.
    #[serde(default)]
    draft: bool,
}

/// Why something is done.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Why {
    note: String,
}

/// A text that may be a script.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Draft {
    source: String,
}

/// Two versions.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Between {
    /// The older one; missing: the one before the newer.
    from: Option<i64>,
    /// The newer one; missing: the latest.
    to: Option<i64>,
}

fn answer(status: StatusCode, version: ScriptVersion) -> Response {
    let state = version.version.to_string();
    tagged((status, Json(wire::script(version))).into_response(), &state)
}

/// The latest version of every script that can be seen, by name.
#[utoipa::path(get, path = "/scripts", tag = "scripts", params(Part), responses((status = 200, body = Page<Script>)))]
pub(super) async fn list(
    Caller(app): Caller,
    Query(part): Query<Part>,
) -> Result<Json<Page<Script>>, Problem> {
    let wanted = part.read::<String>()?;
    let page = blocking(move || {
        let found = app.scripts().list_after(wanted.after.as_deref(), wanted.look_for())?;
        Ok(wanted.page(found, ScriptVersion::full_name, wire::script))
    });
    Ok(Json(page.await?))
}

/// The latest version of a script. An organization's own is called `ORGANIZATION:NAME` where everybody has one of the
/// same name. The `ETag` names the version.
#[utoipa::path(get, path = "/scripts/{name}", tag = "scripts", params(("name" = String, Path)),
    responses((status = 200, body = Script, headers(("ETag" = String, description = "of this version")))))]
pub(super) async fn one(Caller(app): Caller, Path(name): Path<String>) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, blocking(move || app.scripts().find_version(&name, None)).await?))
}

/// Saves a script as the next version of the one of that name, or as the first. A script with errors is refused, unless
/// `draft` is true: then it is saved as a draft, which cannot run.
#[utoipa::path(put, path = "/scripts/{name}", tag = "scripts", params(("name" = String, Path),
    ("If-Match" = Option<String>, Header, description = "The `ETag` of what was seen: else nothing is done"),
    ("If-None-Match" = Option<String>, Header, description = "`*`: only if there is none yet")), request_body = Text,
    responses((status = 200, body = Script), (status = 201, body = Script)))]
pub(super) async fn save(
    Caller(app): Caller,
    Path(name): Path<String>,
    seen: Seen,
    Body(text): Body<Text>,
) -> Result<Response, Problem> {
    let save = move || {
        let Text { source, note, draft } = text;
        match draft {
            true => app.scripts().save_draft(&name, &source, &note, seen.expected()),
            false => Ok(app.scripts().save_if_match(&name, &source, &note, seen.expected())?.0),
        }
    };
    let saved = blocking(save).await?;
    Ok(answer(if saved.version == 1 { StatusCode::CREATED } else { StatusCode::OK }, saved))
}

/// Takes a script off the list. Its versions stay, for the runs that name them and to be restored.
#[utoipa::path(delete, path = "/scripts/{name}", tag = "scripts", params(("name" = String, Path),
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

/// Every version of a script, newest first.
#[utoipa::path(get, path = "/scripts/{name}/versions", tag = "scripts", params(("name" = String, Path), Part),
    responses((status = 200, body = Page<Script>)))]
pub(super) async fn versions(
    Caller(app): Caller,
    Path(name): Path<String>,
    Query(part): Query<Part>,
) -> Result<Json<Page<Script>>, Problem> {
    let wanted = part.read()?;
    let page = blocking(move || {
        let found = app.scripts().list_versions_after(&name, wanted.after, wanted.look_for())?;
        Ok(wanted.page(found, |version| version.version, wire::script))
    });
    Ok(Json(page.await?))
}

/// One version of a script, even of one that was removed.
#[utoipa::path(get, path = "/scripts/{name}/versions/{version}", tag = "scripts",
    params(("name" = String, Path), ("version" = i64, Path)), responses((status = 200, body = Script)))]
pub(super) async fn version(
    Caller(app): Caller,
    Path((name, version)): Path<(String, i64)>,
) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, blocking(move || app.scripts().find_version(&name, Some(version))).await?))
}

/// Makes a new version that is the same as an earlier one.
#[utoipa::path(post, path = "/scripts/{name}/versions/{version}/restore", tag = "scripts",
    params(("name" = String, Path), ("version" = i64, Path)), request_body = Option<Why>,
    responses((status = 201, body = Script)))]
pub(super) async fn restore(
    Caller(app): Caller,
    Path((name, version)): Path<(String, i64)>,
    Body(why): Body<Why>,
) -> Result<Response, Problem> {
    let restored = blocking(move || app.scripts().restore_version(&name, version, &why.note)).await?;
    Ok(answer(StatusCode::CREATED, restored))
}

/// What has changed between two versions, as a unified diff.
#[utoipa::path(get, path = "/scripts/{name}/diff", tag = "scripts", params(("name" = String, Path), Between),
    responses((status = 200, content_type = "text/plain", body = String)))]
pub(super) async fn diff(
    Caller(app): Caller,
    Path(name): Path<String>,
    Query(between): Query<Between>,
) -> Result<String, Problem> {
    blocking(move || {
        let new = app.scripts().find_version(&name, between.to)?;
        let old = app.scripts().find_version(&name, Some(between.from.unwrap_or(new.version - 1)))?;
        let label = |version: &ScriptVersion| format!("{}@{}", version.full_name(), version.version);
        let diff = similar::TextDiff::from_lines(&old.source, &new.source);
        Ok(diff.unified_diff().header(&label(&old), &label(&new)).to_string())
    })
    .await
}

/// Reads a script without executing it: what is wrong with it, what is probably a mistake, and what it wants to be told.
#[utoipa::path(post, path = "/script-checks", tag = "scripts", request_body = Draft,
    responses((status = 200, body = Checked)))]
pub(super) async fn check(Caller(app): Caller, Body(draft): Body<Draft>) -> Result<Json<Checked>, Problem> {
    let checked = blocking(move || match app.scripts().parse("script", &draft.source) {
        Ok(read) => Ok(Checked::from(read)),
        Err(AppError::BadScript { faults, .. }) => Ok(Checked {
            title: None,
            parameters: Vec::new(),
            faults: faults.iter().map(Fault::from).collect(),
            warnings: Vec::new(),
            row_columns: None,
        }),
        Err(error) => Err(error),
    });
    Ok(Json(checked.await?))
}

/// Every name that scripts may use without importing it, Python's builtins apart, with what it is for: for editors.
#[utoipa::path(get, path = "/script-api", tag = "scripts", responses((status = 200, body = Page<ScriptName>)))]
pub(super) async fn names(_: Caller) -> Json<Page<ScriptName>> {
    Json(Page { items: scripts::world().map(ScriptName::from).collect(), next: None })
}
