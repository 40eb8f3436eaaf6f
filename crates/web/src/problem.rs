//! Problem documents of RFC 9457: the status gives the kind, `detail` is the sentence that the command line prints,
//! `errors` has every place where something is wrong, and `suggestions` has the actions that correct it.

use axum::Json;
use axum::extract::rejection::{BytesRejection, FormRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rollcall_app::{AppError, Kind, TableError};
use rollcall_domain::{Rejection, Suggestion};

use super::log;

/// A [`rollcall_api::Problem`] as the answer to a request.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    told: Box<rollcall_api::Problem>,
    status: StatusCode,
    /// Seconds after which the request may be repeated.
    wait: Option<u32>,
}

pub(crate) use rollcall_api::InputError as Fault;

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let told = rollcall_api::Problem {
            kind: "about:blank".into(),
            title: status.canonical_reason().unwrap_or_default().into(),
            status: status.as_u16(),
            detail: detail.into().into_boxed_str(),
            suggestions: Vec::new(),
            errors: Vec::new(),
            request_id: None,
        };
        Self { told: Box::new(told), status, wait: None }
    }

    /// Adds a place where something is wrong.
    pub(crate) fn at(mut self, fault: Fault) -> Self {
        self.told.errors.push(fault);
        self
    }

    /// Replaces the places where something is wrong.
    pub(crate) fn with(mut self, errors: Vec<Fault>) -> Self {
        self.told.errors = errors;
        self
    }

    /// Replaces the actions that correct it.
    fn suggesting(mut self, suggestions: Vec<Suggestion>) -> Self {
        self.told.suggestions = suggestions.into_iter().map(Into::into).collect();
        self
    }

    /// Names the place `from` of the faults `to`.
    pub(crate) fn moved(mut self, from: &str, to: &str) -> Self {
        for fault in self.told.errors.iter_mut().filter(|fault| fault.pointer.as_deref() == Some(from)) {
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
        &self.told.detail
    }

    /// The name of the status.
    pub(crate) fn title(&self) -> &str {
        &self.told.title
    }

    /// All places where something is wrong.
    pub(crate) fn faults(&self) -> &[Fault] {
        &self.told.errors
    }

    /// The places where something is wrong, if they say more than the detail.
    pub(crate) fn errors(&self) -> &[Fault] {
        self.told.errors()
    }

    /// What is wrong at a place in the body.
    pub(crate) fn at_place(&self, pointer: &str) -> Option<&str> {
        self.told.at_place(pointer)
    }

    /// The ID of the request, where it is known.
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.told.request_id.as_deref()
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        self.told.request_id = log::request_id().map(Into::into);
        let mut answer = (self.status, Json(&*self.told)).into_response();
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
                tracing::warn!("{error}{}", of_request());
                let (detail, seconds) = error.when_to_repeat();
                return Self::later(detail, seconds);
            }
            Kind::Internal => {
                tracing::error!("{error}{}", of_request());
                return Self::internal();
            }
        };
        let problem = Self::new(status, error.to_string()).with(places(&error));
        Self { wait, ..problem.suggesting(error.suggestions()) }
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
        AppError::Params(rejections) => {
            rejections.iter().map(|each| Fault::at("/params", each.to_string())).collect()
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
        AppError::Rejected(rejection) => {
            let text = rejection.to_string();
            let each = text.lines().map(Fault::plain);
            if text.contains('\n') { each.collect() } else { Vec::new() }
        }
        _ => Vec::new(),
    }
}

impl From<Rejection> for Problem {
    fn from(why: Rejection) -> Self {
        Self::invalid(why.to_string()).suggesting(why.suggestions().to_vec())
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

from_rejection!(BytesRejection, FormRejection, PathRejection, QueryRejection);

/// The answer at an address of nothing.
pub(crate) async fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this address")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_resource_that_is_short_has_its_own_words() {
        for (error, detail, seconds) in [
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
