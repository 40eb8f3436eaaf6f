//! Conditions of requests: the version that an edit was based on, and idempotency keys.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use rollcall_app::Expected;
use rollcall_domain::RequestKey;
use serde::Serialize;

use crate::problem::Problem;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static(rollcall_api::IDEMPOTENCY_KEY);

/// Names the state that an answer shows.
pub(super) fn tagged(mut answer: Response, state: &str) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{state}\"")) {
        answer.headers_mut().insert(header::ETAG, tag);
    }
    answer
}

/// What `If-Match` and `If-None-Match` say of the state that something has to be in.
pub(super) struct Seen {
    nothing: bool,
    state: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Seen {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let nothing = text(&parts.headers, &header::IF_NONE_MATCH)?.is_some_and(|tag| tag == "*");
        let state = match text(&parts.headers, &header::IF_MATCH)? {
            None | Some("*") => None,
            Some(tag) => match tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) {
                Some(state) if !state.contains('"') => Some(state.to_owned()),
                _ => {
                    let why = "If-Match: give the ETag of the state that was seen, in its quotation marks";
                    return Err(Problem::new(StatusCode::BAD_REQUEST, why));
                }
            },
        };
        Ok(Self { nothing, state })
    }
}

impl Seen {
    pub(super) fn expected(&self) -> Expected<'_> {
        match &self.state {
            _ if self.nothing => Expected::Nothing,
            Some(state) => Expected::Revision(state),
            None => Expected::Anything,
        }
    }

    /// The version of a user; none: whichever.
    pub(super) fn version(&self) -> Result<Option<i64>, Problem> {
        let read = |state: &String| {
            let version = state.strip_prefix('v').and_then(|version| version.parse().ok());
            version.ok_or_else(|| {
                Problem::new(
                    StatusCode::PRECONDITION_FAILED,
                    format!("no state of a user is called {state:?}"),
                )
            })
        };
        self.state.as_ref().map(read).transpose()
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Problem> {
    let text = headers.get(name).map(HeaderValue::to_str).transpose();
    text.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, format!("{name}: write it in ASCII")))
}

/// Whether a request is to be done once, however often it is sent within a day: the name that its sender has given it.
pub(super) struct Once {
    key: Option<String>,
    method: Method,
    uri: Uri,
}

impl<S: Sync> FromRequestParts<S> for Once {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let key = text(&parts.headers, &IDEMPOTENCY_KEY)?.map(str::to_owned);
        Ok(Self { key, method: parts.method.clone(), uri: parts.uri.clone() })
    }
}

impl Once {
    /// Its key, with what it asks for: another request under that name is refused.
    pub(super) fn key(&self, body: &impl Serialize) -> Result<Option<RequestKey>, Problem> {
        let Some(key) = &self.key else { return Ok(None) };
        let asked = (self.method.as_str(), self.uri.path(), body);
        let asked = serde_json::to_vec(&asked).unwrap_or_default();
        let key = RequestKey::new(key, &asked);
        Ok(Some(key.map_err(|why| Problem::new(StatusCode::BAD_REQUEST, why.to_string()))?))
    }
}
