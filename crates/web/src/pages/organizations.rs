//! Organizations.

use askama::Template;
use axum::Form;
use axum::response::Response;
use rollcall_app::App;
use rollcall_domain::Organization;

use super::layout::{Shell, Visitor};
use super::see;
use super::template::routes;
use super::users::Sent;
use crate::blocking;
use crate::problem::Problem;

#[derive(Template)]
#[template(path = "organizations.html")]
struct Page {
    shell: Shell,
    organizations: Vec<Organization>,
}

pub(super) async fn page(visitor: Visitor) -> Result<Response, Problem> {
    let page = |app: &App, shell| Ok(Page { shell, organizations: app.organizations().list()? });
    visitor.page("organizations", page).await
}

pub(super) async fn change(visitor: Visitor, Form(sent): Form<Sent>) -> Result<Response, Problem> {
    let app = visitor.app.clone();
    let done = blocking(move || {
        let text = |name: &str| sent.get(name).map(|text| text.trim()).unwrap_or_default();
        match text("act") {
            "rename" => app.organizations().rename(text("name"), text("new")),
            "remove" => app.organizations().remove(text("name")),
            _ => app.organizations().add(text("new")).map(drop),
        }
    });
    match done.await {
        Ok(()) => Ok(see(routes::ORGANIZATIONS)),
        Err(problem) => page(visitor.told(problem)).await,
    }
}
