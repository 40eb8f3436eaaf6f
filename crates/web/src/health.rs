//! Answers to probes and to monitoring: whether the process and its database are available, and its numbers.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::prometheus_text;

use super::auth::Caller;
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

/// All numbers, for an administrator who may read everything.
pub(super) async fn metrics(State(server): State<Server>, Caller(app): Caller) -> Result<Response, Problem> {
    let statistics = blocking(move || app.maintenance().collect_statistics()).await?;
    let text = server.metrics.text(statistics);
    Ok(([(header::CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text).into_response())
}
