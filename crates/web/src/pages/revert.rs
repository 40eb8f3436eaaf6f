//! Restoring the values of a user before one entry of the history, after a preview.

use askama::Template;
use axum::Form;
use axum::response::Response;
use rollcall_app::{App, RestorePlan};
use rollcall_domain::EventKey;
use serde::Deserialize;

use super::address::Address;
use super::layout::{Shell, Visitor};
use super::see;
use super::template::{filters, routes};
use super::view::Changes;
use crate::blocking;
use crate::extract::{Path, Query};
use crate::problem::Problem;
use crate::shared::listing::Wanted;

/// Which change, and on which version of the user that was decided.
#[derive(Deserialize)]
pub(super) struct Asked {
    event: String,
    version: Option<i64>,
}

impl Asked {
    fn key(&self) -> Result<EventKey, Problem> {
        let wanted = Wanted::new(Some(&self.event), None)?;
        Ok(wanted.after.unwrap_or((rollcall_domain::Timestamp::MIN, 0, 0)))
    }
}

#[derive(Template)]
#[template(path = "revert.html")]
struct Page {
    shell: Shell,
    plan: RestorePlan,
    /// The address of the user's page.
    there: String,
    token: String,
    was: Changes,
    will: Changes,
    /// What is not as it was left.
    moved: Vec<String>,
}

async fn show(visitor: Visitor, username: String, asked: Asked) -> Result<Response, Problem> {
    let page = move |app: &App, shell: Shell| {
        let plan = app.users().plan_restore(&username, asked.key()?)?;
        let (will, moved) = match &plan.changes {
            Ok(changes) => (Changes::of(changes, &shell.zone), Vec::new()),
            Err(moved) => (Changes::of(&[], &shell.zone), moved.iter().map(ToString::to_string).collect()),
        };
        Ok(Page {
            there: routes::user(&plan.user.username),
            token: asked.event,
            was: Changes::of(&plan.event.changes, &shell.zone),
            will,
            moved,
            plan,
            shell,
        })
    };
    visitor.page("users", page).await
}

pub(super) async fn page(
    visitor: Visitor,
    Path(username): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    show(visitor, username, asked).await
}

pub(super) async fn revert(
    visitor: Visitor,
    Path(username): Path<String>,
    Form(asked): Form<Asked>,
) -> Result<Response, Problem> {
    let (app, name, key) = (visitor.app.clone(), username.clone(), asked.key()?);
    let version = asked.version;
    match blocking(move || app.users().restore(&name, key, version)).await {
        Ok((user, _)) => {
            let there = Address::new(routes::user(&user.username));
            Ok(see(there.with("tab", "history").with("done", "reverted").text()))
        }
        Err(problem) if problem.status() == axum::http::StatusCode::NOT_FOUND => Err(problem),
        Err(problem) => show(visitor.told(problem), username, asked).await,
    }
}
