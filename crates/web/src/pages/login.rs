//! Signing in and out.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::{Form, extract::rejection::FormRejection};
use rollcall_domain::Session;
use serde::Deserialize;

use super::address::{Address, ours};
use super::layout::{ORGANIZATION, Theme, keep};
use super::template::routes;
use super::{html, see};
use crate::auth::Caller;
use crate::extract::Query;
use crate::problem::Problem;
use crate::sessions::{Origin, SignInRequest, sign_in as let_in};
use crate::{Server, blocking, cookie};

/// Where somebody wanted to go.
#[derive(Deserialize)]
pub(super) struct Wanted {
    next: Option<String>,
}

/// What was typed.
#[derive(Deserialize)]
pub(super) struct Typed {
    name: String,
    password: String,
    #[serde(default)]
    code: String,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "login.html")]
struct Page {
    theme: Theme,
    name: String,
    wrong: String,
    next: String,
}

fn show(headers: &HeaderMap, status: StatusCode, name: String, wrong: String, next: &str) -> Response {
    html(status, &Page { theme: Theme::of(headers), name, wrong, next: next.to_owned() })
}

/// The form; whoever is signed in is where they wanted to go.
pub(super) async fn page(
    caller: Result<Caller, Problem>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Response {
    let next = ours(wanted.next.as_deref());
    match caller {
        Ok(_) => see(next),
        Err(_) => show(&headers, StatusCode::OK, String::new(), String::new(), next),
    }
}

pub(super) async fn sign_in(
    State(server): State<Server>,
    origin: Origin,
    headers: HeaderMap,
    typed: Result<Form<Typed>, FormRejection>,
) -> Response {
    let Form(Typed { name, password, code, next }) = match typed {
        Ok(typed) => typed,
        Err(rejected) => {
            return show(&headers, rejected.status(), String::new(), rejected.body_text(), "/");
        }
    };
    let next = ours(next.as_deref());
    let https = origin.https;
    let code = Some(code.trim().to_owned()).filter(|code| !code.is_empty());
    let proof = SignInRequest { name: name.clone(), password, code };
    match let_in(server, origin, cookie::shown(&headers, https), proof).await {
        Ok(signed_in) => {
            let mut answer = see(next);
            cookie::set(&mut answer, https, signed_in.token.reveal(), Session::LONGEST.as_secs());
            answer
        }
        Err(problem) => show(&headers, problem.status(), name, problem.detail().to_owned(), next),
    }
}

pub(super) async fn sign_out(
    State(server): State<Server>,
    Origin { https, .. }: Origin,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(token) = cookie::shown(&headers, https) {
        blocking(move || server.credentials.sign_out(&token)).await?;
    }
    let mut answer = see(Address::new(routes::LOGIN).text());
    cookie::set(&mut answer, https, "", 0);
    keep(&mut answer, ORGANIZATION, "", 0);
    Ok(answer)
}
