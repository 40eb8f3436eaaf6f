//! Saved filters.

use askama::Template;
use axum::response::Response;
use rollcall_app::{App, Expected, revision};
use rollcall_domain::SavedFilter;
use serde::Deserialize;

use super::fault::{FilterFault, find_fault};
use super::form::{SaveOrRemove, Trimmed, TypedForm};
use super::layout::{Shell, Visitor};
use super::see;
use super::template::{filters, routes};
use crate::blocking;
use crate::extract::Query;
use crate::problem::Problem;

/// What is to be in the form.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    name: String,
    filter: String,
    /// The state of the one that is edited; empty: it is new.
    seen: String,
    done: String,
}

#[derive(Template)]
#[template(path = "filters.html")]
struct Page {
    shell: Shell,
    asked: Asked,
    filters: Vec<SavedFilter>,
    /// What is wrong with the one that was sent.
    wrong: Option<FilterFault>,
}

async fn show(visitor: Visitor, mut asked: Asked) -> Result<Response, Problem> {
    let page = move |app: &App, shell: Shell| {
        // Whoever follows a link to one edits it as it is; what was typed stays.
        if !asked.name.is_empty() && shell.problem.is_none() {
            let saved = app.filters().find(&asked.name)?;
            (asked.seen, asked.filter) = (revision(&saved), saved.filter);
        }
        let wrong = match shell.problem.is_some() {
            true => find_fault(app, &asked.filter)?,
            false => None,
        };
        Ok(Page { filters: app.filters().list()?, wrong, shell, asked })
    };
    visitor.page("filters", page).await
}

pub(super) async fn page(visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    show(visitor, asked).await
}

/// The form of one filter.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct FilterForm {
    act: SaveOrRemove,
    name: Trimmed,
    filter: Trimmed,
    seen: Trimmed,
}

pub(super) async fn change(
    visitor: Visitor,
    TypedForm(form, _): TypedForm<FilterForm>,
) -> Result<Response, Problem> {
    let FilterForm { act, name, filter, seen } = form;
    let text = |field: Trimmed| field.to_string();
    let asked = Asked { name: text(name), filter: text(filter), seen: text(seen), done: String::new() };
    let (app, name, filter, seen) =
        (visitor.app.clone(), asked.name.clone(), asked.filter.clone(), asked.seen.clone());
    let done = blocking(move || {
        let expected = if seen.is_empty() { Expected::Nothing } else { Expected::Revision(&seen) };
        match act {
            SaveOrRemove::Remove => app.filters().remove_if_match(&name, expected),
            SaveOrRemove::Save => app.filters().save_if_match(&name, &filter, expected).map(drop),
        }
    });
    match done.await {
        Ok(()) => Ok(see(match act {
            SaveOrRemove::Save => "/filters?done=saved",
            SaveOrRemove::Remove => "/filters?done=removed",
        })),
        Err(problem) => show(visitor.told(problem), asked).await,
    }
}
