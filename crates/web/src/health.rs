//! Answers to probes: whether the process and its database are available.

use axum::extract::State;

use super::problem::Problem;
use super::{Server, blocking};

/// This process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// The database answers, too.
pub(super) async fn ready(State(server): State<Server>) -> Result<&'static str, Problem> {
    blocking(move || server.app.administrators().has_any()).await?;
    Ok("ready\n")
}
