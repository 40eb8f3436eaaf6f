//! The list of scripts, and the samples.

use askama::Template;
use axum::response::Response;
use rollcall_app::scripts::{SAMPLES, Sample};
use rollcall_domain::ScriptVersion;
use serde::Deserialize;

use super::address::Address;
use super::layout::{Shell, Visitor};
use super::template::{filters, routes};
use super::view::Pager;
use crate::extract::Query;
use crate::problem::Problem;
use crate::shared::listing::Wanted;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    cursor: String,
    trail: String,
    done: String,
}

struct Row {
    script: ScriptVersion,
    title: String,
    /// What keeps it from being run.
    faults: usize,
    /// What is probably a mistake.
    warnings: usize,
    last: Option<super::runs::Row>,
}

#[derive(Template)]
#[template(path = "scripts.html")]
struct Page {
    shell: Shell,
    done: String,
    rows: Vec<Row>,
    pager: Pager,
}

pub(super) async fn list(visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    let page = move |app: &rollcall_app::App, shell| {
        let cursor = Some(asked.cursor.as_str()).filter(|cursor| !cursor.is_empty());
        let wanted = Wanted::<String>::new(cursor, Some(50))?;
        let found = app.scripts().list_after(wanted.after.as_deref(), wanted.look_for())?;
        let row = |script: ScriptVersion| {
            let (title, faults, warnings) = match rollcall_app::scripts::read(&script.source, app.zone()) {
                Ok(read) => (read.title.unwrap_or_default(), 0, read.warnings.len()),
                Err(faults) => (String::new(), faults.len(), 0),
            };
            Row { script, title, faults, warnings, last: None }
        };
        let mut part = wanted.page(found, ScriptVersion::full_name, row);
        for row in &mut part.items {
            row.last = app.runs().find_last_of_script(&row.script.full_name())?.map(super::runs::Row::from);
        }
        let pager =
            Pager::new(&Address::new(routes::SCRIPTS), &asked.cursor, &asked.trail, part.next.as_deref());
        Ok(Page { shell, done: asked.done, rows: part.items, pager })
    };
    visitor.page("scripts", page).await
}

#[derive(Template)]
#[template(path = "samples.html")]
struct SamplesPage {
    shell: Shell,
    samples: Vec<(&'static Sample, String)>,
}

pub(super) async fn samples(visitor: Visitor) -> Result<Response, Problem> {
    let page = |app: &rollcall_app::App, shell| {
        let title = |sample: &Sample| {
            rollcall_app::scripts::read(sample.source, app.zone()).ok().and_then(|read| read.title)
        };
        let samples = SAMPLES.iter().map(|sample| (sample, title(sample).unwrap_or_default())).collect();
        Ok(SamplesPage { shell, samples })
    };
    visitor.page("scripts", page).await
}
