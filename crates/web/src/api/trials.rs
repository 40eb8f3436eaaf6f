//! Tests of a script on one user.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use rollcall_app::runs::{self, Script};
use serde::Deserialize;
use utoipa::ToSchema;

use super::runs::params;
use crate::auth::Caller;
use crate::extract::Body;
use crate::problem::Problem;
use crate::shared::runs::{execution, saved};
use crate::{Server, blocking};
use rollcall_api::Outcome;

/// A script to test on one user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScriptTestRequest {
    /// The name of a saved script, `NAME` or `NAME@VERSION`; with `source`, the name of that script.
    script: String,
    /// The text of a script that is not saved.
    #[serde(default)]
    source: Option<String>,
    /// The name of the user.
    user: String,
    /// The parameters of the script.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    params: BTreeMap<String, serde_json::Value>,
    /// The row of the script: cells by column.
    #[serde(default)]
    row: BTreeMap<String, String>,
    /// The time limit of the script, in seconds; missing: 5.
    #[serde(default)]
    #[schema(minimum = 0.01, maximum = 3600.0)]
    time_limit: Option<f64>,
}

/// Runs a script for one user as a preview, and stores nothing.
#[utoipa::path(post, path = "/script-tests", operation_id = "testScript", tag = "scripts", request_body = ScriptTestRequest,
    responses((status = 200, body = Outcome)))]
pub(super) async fn attempt(
    Caller(app): Caller,
    State(server): State<Server>,
    Body(trial): Body<ScriptTestRequest>,
) -> Result<Json<Outcome>, Problem> {
    let (params, execution) = (params(trial.params)?, execution(&server, trial.time_limit)?);
    let ScriptTestRequest { script: name, source, user: username, row, .. } = trial;
    let columns: Vec<_> = row.keys().cloned().collect();
    let row = row.into_iter().collect();
    let tried = blocking(move || {
        let script = match source {
            Some(source) => Script { name, version: None, source },
            None => saved(&app, &name)?,
        };
        app.scripts().test(&runs::ScriptTestRequest { script, username, params, row, execution })
    });
    let tried = tried.await?;
    let micros = Some(tried.micros);
    Ok(Json(Outcome { duration_us: micros, ..Outcome::of(tried, Some(&columns)) }))
}
