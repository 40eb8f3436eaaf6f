//! Extractors of requests. Everything that is wrong is reported as a [`Problem`] with its place.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use super::problem::{Fault, Problem};

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let mut bytes = axum::body::Bytes::from_request(request, state).await.map_err(Problem::from)?;
        if bytes.is_empty() {
            // Whoever has nothing to say may leave it out.
            bytes = axum::body::Bytes::from_static(b"{}");
        } else if !is_json {
            let why = "send JSON, with 'Content-Type: application/json'";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
        }
        // What reads an object by its keys would read a list by its places, too.
        if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
            return Err(Problem::invalid("the body is an object, not a list"));
        }
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let pointer = pointer(error.path());
            let error = error.into_inner();
            if error.is_data() {
                let why = format!("the body is not what is wanted here: {error}");
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why).at(Fault::at(pointer, error.to_string()))
            } else {
                Problem::new(StatusCode::BAD_REQUEST, format!("the body is not JSON: {error}"))
            }
        })?;
        json.end().map_err(|error| {
            Problem::new(StatusCode::BAD_REQUEST, format!("something follows the JSON: {error}"))
        })?;
        Ok(Self(read))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|given| given.to_str().ok()).unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// A place in a JSON document (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        pointer.push('/');
        match segment {
            Segment::Seq { index } => pointer.push_str(&index.to_string()),
            Segment::Map { key } => pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => pointer.push_str(variant),
            Segment::Unknown => pointer.push('?'),
        }
    }
    pointer
}

macro_rules! checked {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub(super) struct $name<T>(pub(super) T);

        impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for $name<T> {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
                let axum::extract::$name(read) = axum::extract::$name::from_request_parts(parts, state).await?;
                Ok(Self(read))
            }
        }
    };
}

checked! {
    /// What stands behind the question mark.
    Query
}
checked! {
    /// The changing parts of an address.
    Path
}
