//! Sample scripts.

use axum::Json;
use axum::http::StatusCode;
use rollcall_app::scripts;

use crate::auth::Caller;
use crate::extract::Path;
use crate::problem::Problem;
use rollcall_api::{Page, Sample};

/// Lists the sample scripts.
#[utoipa::path(get, path = "/samples", operation_id = "listSamples", tag = "scripts", responses((status = 200, body = Page<Sample>)))]
pub(super) async fn list(_: Caller) -> Json<Page<Sample>> {
    Json(Page { items: scripts::SAMPLES.iter().map(Sample::from).collect(), next: None })
}

/// Returns a sample script.
#[utoipa::path(get, path = "/samples/{name}", operation_id = "getSample", tag = "scripts", params(("name" = String, Path)),
    responses((status = 200, body = Sample)))]
pub(super) async fn one(_: Caller, Path(name): Path<String>) -> Result<Json<Sample>, Problem> {
    let found = scripts::sample(&name);
    let missing = || Problem::new(StatusCode::NOT_FOUND, format!("there is no sample {name:?}"));
    Ok(Json(found.ok_or_else(missing)?.into()))
}
