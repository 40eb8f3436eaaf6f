//! The list of runs.

use askama::Template;
use axum::response::Response;
use rollcall_app::App;
use rollcall_domain::{Mode, Run, RunQuery, RunState};
use serde::Deserialize;

use super::address::Address;
use super::layout::{Shell, Visitor};
use super::template::{filters, routes};
use super::view::{Badge, Bar, Pager};
use crate::extract::Query;
use crate::problem::Problem;
use crate::shared::listing::Wanted;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    state: String,
    script: String,
    mode: String,
    administrator: String,
    cursor: String,
    trail: String,
}

pub(super) struct Row {
    pub(super) run: Run,
    pub(super) badge: Badge,
    pub(super) bar: Bar,
}

impl From<Run> for Row {
    fn from(run: Run) -> Self {
        Self { badge: Badge::of_run(&run), bar: Bar::of(&run), run }
    }
}

#[derive(Template)]
#[template(path = "runs.html")]
struct Page {
    shell: Shell,
    asked: Asked,
    states: [RunState; 7],
    rows: Vec<Row>,
    pager: Pager,
}

pub(super) async fn list(visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    let page = move |app: &App, shell| {
        let some = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let query = RunQuery {
            state: RunState::parse(&asked.state).ok(),
            script: some(&asked.script),
            mode: [Mode::Preview, Mode::Apply].into_iter().find(|mode| mode.name() == asked.mode),
            administrator: some(&asked.administrator),
        };
        let cursor = Some(asked.cursor.as_str()).filter(|cursor| !cursor.is_empty());
        let wanted = Wanted::new(cursor, Some(50))?;
        let found = app.runs().list_after(&query, wanted.after, wanted.look_for())?;
        let part = wanted.page(found, |run| run.id, Row::from);
        let base = Address::new(routes::RUNS)
            .with("state", &asked.state)
            .with("script", &asked.script)
            .with("mode", &asked.mode)
            .with("administrator", &asked.administrator);
        let pager = Pager::new(&base, &asked.cursor, &asked.trail, part.next.as_deref());
        Ok(Page { shell, states: RunState::ALL, rows: part.items, pager, asked })
    };
    visitor.page("runs", page).await
}
