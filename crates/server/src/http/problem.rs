//! What goes wrong, as RFC 9457 wants it: the status says of which kind it is, `detail` is the sentence that the command
//! line prints, and `errors` are the places where something is wrong, all of them.

use axum::Json;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rollcall_app::{AppError, Kind, TableError};
use rollcall_domain::Refusal;
use rollcall_store::StoreError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::log;
use crate::style::tell;

/// Why a request was not done (RFC 9457).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Problem {
    /// `about:blank`: the status says of which kind it is.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: Box<str>,
    /// What the status is called.
    #[schema(value_type = String)]
    title: Box<str>,
    #[serde(with = "number")]
    #[schema(value_type = u16)]
    status: StatusCode,
    /// What was wrong and what to do.
    #[schema(value_type = String)]
    detail: Box<str>,
    /// The detail as the command line says it, where that names commands and options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    command_line: Option<Box<str>>,
    /// Where something is wrong, all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
    /// The number of the request, by which whoever looks after the server finds it in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    request_id: Option<Box<str>>,
    /// Seconds after which it may be tried again.
    #[serde(skip)]
    wait: Option<u32>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Fault {
    /// The place in the body (RFC 6901), where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pointer: Option<String>,
    /// In a text such as a script or a file: the line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u64>,
    /// There: the column in characters, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<u64>,
    /// The name of a table's column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    pub(crate) detail: String,
    /// In a file of users: the kind of the fault, such as `value` or `unknown_profile`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    /// The number of faults like this one, this one included; missing: it is the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u64>,
    /// The first lines of those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) lines: Vec<u64>,
}

impl Fault {
    pub(crate) fn plain(detail: impl Into<String>) -> Self {
        Self {
            pointer: None,
            line: None,
            column: None,
            field: None,
            detail: detail.into(),
            kind: None,
            count: None,
            lines: Vec::new(),
        }
    }

    pub(crate) fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), ..Self::plain(detail) }
    }

    pub(crate) fn in_text(pointer: &str, line: u64, column: Option<u64>, detail: impl Into<String>) -> Self {
        let pointer = (!pointer.is_empty()).then(|| pointer.to_owned());
        Self { pointer, line: Some(line), column, ..Self::plain(detail) }
    }
}

mod number {
    use axum::http::StatusCode;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(status.as_u16())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StatusCode, D::Error> {
        StatusCode::from_u16(u16::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or_default().into();
        let detail = detail.into().into_boxed_str();
        let kind = "about:blank".into();
        Self {
            kind,
            title,
            status,
            detail,
            command_line: None,
            errors: Vec::new(),
            request_id: None,
            wait: None,
        }
    }

    /// The same, with a place where something is wrong.
    pub(crate) fn at(mut self, fault: Fault) -> Self {
        self.errors.push(fault);
        self
    }

    /// The same, with all of them.
    pub(crate) fn with(self, errors: Vec<Fault>) -> Self {
        Self { errors, ..self }
    }

    /// The same, where what lies at `from` elsewhere lies at `to`.
    pub(crate) fn moved(mut self, from: &str, to: &str) -> Self {
        for fault in self.errors.iter_mut().filter(|fault| fault.pointer.as_deref() == Some(from)) {
            fault.pointer = Some(to.to_owned());
        }
        self
    }

    /// What cannot be meant.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// A request that cannot be met now; it may be repeated after `seconds`.
    pub(crate) fn later(detail: impl Into<String>, seconds: u32) -> Self {
        Self { wait: Some(seconds), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    /// Somebody has to look at what this process has printed; whoever asked learns nothing of it.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "an internal error: the server has printed which")
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The same as the command line says it, where that says more.
    pub(crate) fn on_the_command_line(&self) -> Option<&str> {
        self.command_line.as_deref()
    }

    /// What the status is called.
    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    /// All places where something is wrong.
    pub(crate) fn faults(&self) -> &[Fault] {
        &self.errors
    }

    /// The same, where they say more than the detail.
    pub(crate) fn errors(&self) -> &[Fault] {
        match &self.errors[..] {
            [only] if only.line.is_none() && self.detail.contains(only.detail.as_str()) => &[],
            errors => errors,
        }
    }

    /// What is wrong at a place in the body.
    pub(crate) fn at_place(&self, pointer: &str) -> Option<&str> {
        let found = self.errors.iter().find(|fault| fault.pointer.as_deref() == Some(pointer));
        found.map(|fault| fault.detail.as_str())
    }

    /// The number of the request, where it is known.
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        self.request_id = log::request_id().map(Into::into);
        let mut answer = (self.status, Json(&self)).into_response();
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.wait {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        // For whoever wants it as a page.
        answer.extensions_mut().insert(self);
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
                wait = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
                StatusCode::TOO_MANY_REQUESTS
            }
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::Missing => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Outdated => StatusCode::PRECONDITION_FAILED,
            // As draft-ietf-httpapi-idempotency-key-header wants it.
            Kind::Reused => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            // What these say may name the database: that is for whoever looks after this installation.
            Kind::Busy => {
                tell(format_args!("warning: {error}{}", of_request()));
                let (detail, seconds) = why_not_now(&error);
                return Self::later(detail, seconds);
            }
            Kind::Internal => {
                tell(format_args!("error: {error}{}", of_request()));
                return Self::internal();
            }
        };
        let (detail, told) = (error.to_string(), error.on_the_command_line());
        let command_line = (told != detail).then(|| told.into());
        Self { wait, command_line, ..Self::new(status, detail).with(places(&error)) }
    }
}

/// The detail of a request that cannot be met now, and the seconds after which it may be repeated.
fn why_not_now(error: &AppError) -> (String, u32) {
    match error {
        AppError::Store(StoreError::Busy) => ("the database is busy: try again".to_owned(), 1),
        AppError::Store(StoreError::Full) => {
            let detail =
                "the disk of the database is full: nothing can be saved until there is room; try again";
            (detail.to_owned(), 60)
        }
        AppError::Store(_) => ("the database cannot be reached: try again".to_owned(), 5),
        other => (other.to_string(), 2),
    }
}

/// Where what is wrong is.
fn places(error: &AppError) -> Vec<Fault> {
    match error {
        AppError::BadScript { faults, .. } => faults
            .iter()
            .map(|fault| {
                Fault::in_text("/source", fault.line.into(), Some(fault.column.into()), &fault.message)
            })
            .collect(),
        AppError::Syntax { fault, .. } => vec![Fault {
            line: fault.line.map(u64::from),
            column: fault.column.map(u64::from),
            ..Fault::at("/source", &fault.message)
        }],
        AppError::Params(refusals) => {
            refusals.iter().map(|refusal| Fault::at("/params", refusal.to_string())).collect()
        }
        AppError::Filter(error) => vec![Fault::at("/filter", error.to_string())],
        AppError::Key(why) => vec![Fault::at("/key", why.to_string())],
        AppError::Table { error: why @ TableError::Hidden { .. }, .. } => {
            vec![Fault::at("/hidden", why.to_string())]
        }
        AppError::Table { error: why @ TableError::HeaderRow { .. }, .. } => {
            vec![Fault::at("/header_row", why.to_string())]
        }
        AppError::NoSuchFilter(why) => vec![Fault::at("/filter", why.clone())],
        AppError::Refused(refusal) => {
            let text = refusal.to_string();
            let each = text.lines().map(Fault::plain);
            if text.contains('\n') { each.collect() } else { Vec::new() }
        }
        _ => Vec::new(),
    }
}

impl From<Refusal> for Problem {
    fn from(why: Refusal) -> Self {
        Self::invalid(why.to_string())
    }
}

macro_rules! from_rejection {
    ($($rejection:ty),*) => {$(
        impl From<$rejection> for Problem {
            fn from(rejected: $rejection) -> Self {
                Self::new(rejected.status(), rejected.body_text())
            }
        }
    )*};
}

from_rejection!(BytesRejection, PathRejection, QueryRejection);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_resource_that_is_short_has_its_own_words() {
        let away = StoreError::Unreachable { location: "postgres://db".to_owned(), why: "secret".to_owned() };
        for (error, detail, seconds) in [
            (StoreError::Busy.into(), "the database is busy: try again", "1"),
            (away.into(), "the database cannot be reached: try again", "5"),
            (
                StoreError::Full.into(),
                "the disk of the database is full: nothing can be saved until there is room; try again",
                "60",
            ),
            (AppError::Starved("memory"), "the system has no memory left for this: try again", "2"),
            (
                AppError::Limit { what: "script tests", most: 8 },
                "8 script tests are under way, the most that this server does at the same time: try again",
                "2",
            ),
        ] {
            let problem = Problem::from(error);
            assert_eq!(problem.detail(), detail);
            let answer = problem.into_response();
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(answer.headers()[header::RETRY_AFTER], seconds);
        }
    }
}
