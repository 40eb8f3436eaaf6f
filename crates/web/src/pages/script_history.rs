//! Versions of a script and their differences.

use askama::Template;
use axum::Form;
use axum::response::Response;
use rollcall_app::App;
use rollcall_domain::ScriptVersion;
use serde::Deserialize;

use super::address::Address;
use super::layout::{Shell, Visitor};
use super::messages;
use super::see;
use super::template::{filters, routes};
use super::view::{DiffLine, Pager, diff_lines};
use crate::blocking;
use crate::extract::{Path, Query};
use crate::problem::Problem;
use crate::shared::listing::Wanted;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    from: Option<i64>,
    to: Option<i64>,
    cursor: String,
    trail: String,
}

#[derive(Template)]
#[template(path = "script_history.html")]
struct Page {
    shell: Shell,
    name: String,
    latest: i64,
    versions: Vec<ScriptVersion>,
    from: i64,
    to: i64,
    diff: Vec<DiffLine>,
    pager: Pager,
}

pub(super) async fn page(
    visitor: Visitor,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let page = move |app: &App, shell| {
        let cursor = Some(asked.cursor.as_str()).filter(|cursor| !cursor.is_empty());
        let wanted = Wanted::new(cursor, Some(50))?;
        let found = app.scripts().list_versions_after(&name, wanted.after, wanted.look_for())?;
        let part = wanted.page(found, |version| version.version, |version| version);
        let latest = app.scripts().find_version(&name, None)?;
        let to = match asked.to {
            Some(version) => app.scripts().find_version(&name, Some(version))?,
            None => latest.clone(),
        };
        let from = asked.from.unwrap_or(to.version - 1);
        let diff = match from {
            // Before the first version there was nothing.
            0 => diff_lines((messages::NOTHING, ""), (&messages::version(to.version), &to.source)),
            from => {
                let old = app.scripts().find_version(&name, Some(from))?;
                diff_lines(
                    (&messages::version(from), &old.source),
                    (&messages::version(to.version), &to.source),
                )
            }
        };
        let base = Address::new(routes::script_history(&name));
        let pager = Pager::new(&base, &asked.cursor, &asked.trail, part.next.as_deref());
        let versions = part.items;
        Ok(Page {
            shell,
            name: latest.full_name(),
            latest: latest.version,
            versions,
            from,
            to: to.version,
            diff,
            pager,
        })
    };
    visitor.page("scripts", page).await
}

/// Which version is to be restored.
#[derive(Deserialize)]
pub(super) struct Restored {
    version: i64,
}

pub(super) async fn restore(
    visitor: Visitor,
    Path(name): Path<String>,
    Form(Restored { version }): Form<Restored>,
) -> Result<Response, Problem> {
    let there = Address::new(routes::script(&name));
    blocking(move || visitor.app.scripts().restore_version(&name, version, "")).await?;
    Ok(see(there.with("done", "restored").text()))
}
