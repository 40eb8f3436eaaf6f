//! The first administrator: a link that works once. The server prints it while no administrator can sign in.

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use rollcall_domain::Secret;
use serde::Deserialize;

use super::pages::html;
use super::problem::Problem;
use super::{Server, blocking};
use crate::pages::template::routes;

/// Who the first administrator is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct First {
    name: String,
    password: String,
}

pub(super) async fn set_up(
    server: Server,
    link: String,
    name: String,
    password: String,
) -> Result<String, Problem> {
    let (link, password) = (Secret::new(link), Secret::new(password));
    blocking(move || {
        server.credentials.set_up(&link, &name, &password)?;
        Ok(name)
    })
    .await
}

/// The page behind the link.
pub(super) async fn page(State(server): State<Server>, Path(link): Path<String>) -> Response {
    let counts = blocking(move || server.credentials.check_set_up_link(&Secret::new(link))).await;
    match counts {
        Ok(()) => form_page(StatusCode::OK, "", ""),
        Err(problem) => refused_page(&problem),
    }
}

/// What was typed there.
pub(super) async fn form(
    State(server): State<Server>,
    Path(link): Path<String>,
    first: Result<Form<First>, FormRejection>,
) -> Response {
    let first = match first {
        Ok(Form(first)) => first,
        Err(rejected) => return form_page(rejected.status(), "", &rejected.body_text()),
    };
    let name = first.name.clone();
    match set_up(server, link, first.name, first.password).await {
        Ok(name) => done_page(&name),
        Err(problem) if problem.status() == StatusCode::FORBIDDEN => refused_page(&problem),
        Err(problem) => form_page(problem.status(), &name, problem.detail()),
    }
}

#[derive(Template)]
#[template(path = "set_up.html")]
struct SetUpPage<'a> {
    name: &'a str,
    wrong: &'a str,
}

#[derive(Template)]
#[template(path = "notice.html")]
struct Notice<'a> {
    /// Who may sign in from now on.
    name: &'a str,
    /// Why the link counts for nothing; empty: it did.
    wrong: &'a str,
}

fn form_page(status: StatusCode, name: &str, wrong: &str) -> Response {
    html(status, &SetUpPage { name, wrong })
}

fn done_page(name: &str) -> Response {
    html(StatusCode::CREATED, &Notice { name, wrong: "" })
}

fn refused_page(problem: &Problem) -> Response {
    html(problem.status(), &Notice { name: "", wrong: problem.detail() })
}
