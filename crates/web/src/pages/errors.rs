//! Problems as pages, for clients that accept HTML. Requests without a session lead to the sign-in page and back.

use askama::Template;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::address::Address;
use super::layout::Theme;
use super::template::routes;
use super::{html, see};
use crate::problem::Problem;

#[derive(Template)]
#[template(path = "problem.html")]
struct Page {
    theme: Theme,
    problem: Problem,
}

/// Turns problems into pages for browsers. Whoever is not signed in is asked to, and then sent where they wanted to go.
pub(crate) async fn show_problems(request: Request, next: Next) -> Response {
    if !wants_page(request.headers()) || request.headers().contains_key(header::AUTHORIZATION) {
        return next.run(request).await;
    }
    let theme = Theme::of(request.headers());
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let here = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let is_api = here.starts_with(rollcall_api::PREFIX);
    let mut answer = next.run(request).await;
    let Some(problem) = answer.extensions_mut().remove::<Problem>() else { return answer };
    if problem.status() == StatusCode::UNAUTHORIZED && !is_api {
        let next = if reads && here != "/" { here.as_str() } else { "" };
        return see(Address::new(routes::LOGIN).with("next", next).text());
    }
    let mut page = html(problem.status(), &Page { theme, problem }).into_response();
    if let Some(wait) = answer.headers_mut().remove(header::RETRY_AFTER) {
        page.headers_mut().insert(header::RETRY_AFTER, wait);
    }
    page
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}
