//! Organizations.

use askama::Template;
use axum::response::Response;
use rollcall_app::App;
use rollcall_domain::Organization;
use serde::Deserialize;

use super::form::{Trimmed, TypedForm};
use super::layout::{Shell, Visitor};
use super::see;
use super::template::routes;
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

/// The forms of the page.
#[derive(Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub(super) enum OrganizationForm {
    Add { new: Trimmed },
    Rename { name: Trimmed, new: Trimmed },
    Remove { name: Trimmed },
}

pub(super) async fn change(
    visitor: Visitor,
    TypedForm(form, _): TypedForm<OrganizationForm>,
) -> Result<Response, Problem> {
    let app = visitor.app.clone();
    let done = blocking(move || match form {
        OrganizationForm::Add { new } => app.organizations().add(&new).map(drop),
        OrganizationForm::Rename { name, new } => app.organizations().rename(&name, &new),
        OrganizationForm::Remove { name } => app.organizations().remove(&name),
    });
    match done.await {
        Ok(()) => Ok(see(routes::ORGANIZATIONS)),
        Err(problem) => page(visitor.told(problem)).await,
    }
}
