//! Sample scripts.

use axum::Json;
use axum::http::StatusCode;
use rollcall_app::scripts;

use crate::auth::Caller;
use crate::extract::Path;
use crate::problem::Problem;
use rollcall_api::{Page, Sample};

/// The scripts that come with Rollcall.
#[utoipa::path(get, path = "/samples", tag = "scripts", responses((status = 200, body = Page<Sample>)))]
pub(super) async fn list(_: Caller) -> Json<Page<Sample>> {
    Json(Page { items: scripts::SAMPLES.iter().map(Sample::from).collect(), next: None })
}

/// One of them.
#[utoipa::path(get, path = "/samples/{name}", tag = "scripts", params(("name" = String, Path)),
    responses((status = 200, body = Sample)))]
pub(super) async fn one(_: Caller, Path(name): Path<String>) -> Result<Json<Sample>, Problem> {
    let found = scripts::sample(&name);
    let missing = || Problem::new(StatusCode::NOT_FOUND, format!("there is no sample {name:?}"));
    Ok(Json(found.ok_or_else(missing)?.into()))
}
