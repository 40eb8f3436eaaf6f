//! Pages and forms as answers.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};

use crate::problem::Problem;

/// What pages may load: nothing but what this server has, and no script or style that stands in them. Their script makes
/// no markup of text: nothing there may, not even by a policy (Trusted Types).
const MAY_LOAD: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
);

/// A page as an answer.
pub(crate) fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(page) => (status, [(header::CONTENT_SECURITY_POLICY, MAY_LOAD)], Html(page)).into_response(),
        Err(error) => {
            tracing::error!("{error}");
            Problem::internal().into_response()
        }
    }
}

/// Where a form leads when it was done.
pub(crate) fn see(address: impl AsRef<str>) -> Response {
    Redirect::to(address.as_ref()).into_response()
}
