//! What goes wrong, as RFC 9457 wants it: the status says of which kind it is, `detail` is the sentence that the command
//! line prints.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rollcall_app::{AppError, Kind};
use serde_json::json;

use super::log;
use crate::style::tell;

/// Why a request was not done.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    /// Seconds after which it may be tried again.
    wait: Option<u64>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), wait: None }
    }

    /// Somebody has to look at what this process has printed; whoever asked learns nothing of it.
    pub(super) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "an internal error: the server has printed which")
    }

    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, detail, wait } = self;
        let title = status.canonical_reason().unwrap_or_default();
        let mut body =
            json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail});
        if let Some(id) = log::request_id() {
            body["request_id"] = id.into();
        }
        let mut answer = (status, Json(body)).into_response();
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = wait {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        answer
    }
}

/// For whoever looks for what a problem names.
fn of_request() -> String {
    log::request_id().map_or_else(String::new, |id| format!(" (request {id})"))
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        let mut wait = None;
        let status = match error.kind() {
            Kind::NotLetIn => StatusCode::UNAUTHORIZED,
            Kind::Wait(seconds) => {
                wait = Some(seconds);
                StatusCode::TOO_MANY_REQUESTS
            }
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::Missing => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            // What these say may name the database: that is for whoever looks after this installation.
            Kind::Busy => {
                tell(format_args!("warning: {error}{}", of_request()));
                let (status, wait) = (StatusCode::SERVICE_UNAVAILABLE, Some(1));
                return Self { status, detail: "the database is busy or away: try again".to_owned(), wait };
            }
            Kind::Internal => {
                tell(format_args!("error: {error}{}", of_request()));
                return Self::internal();
            }
        };
        Self { status, detail: error.to_string(), wait }
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejected: JsonRejection) -> Self {
        Self::new(rejected.status(), rejected.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejected: QueryRejection) -> Self {
        Self::new(rejected.status(), rejected.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejected: PathRejection) -> Self {
        Self::new(rejected.status(), rejected.body_text())
    }
}
