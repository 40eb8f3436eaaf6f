//! The first page: how many users there are, when they expire, and the latest runs. Where there are none it leads to the
//! first of each.

use askama::Template;
use axum::response::Response;
use rollcall_app::scripts::{self, Sample};
use rollcall_app::{App, Counted};
use rollcall_domain::{Clock, Grant, RunQuery, Status, SystemClock};
use serde::Deserialize;

use super::layout::{Shell, Visitor};
use super::runs::Row;
use super::see;
use super::selection::SelectionQuery;
use super::template::{filters, routes};
use crate::blocking;
use crate::extract::Query;
use crate::problem::Problem;

/// Nobody waits for more to be counted.
const COUNTED: u64 = 10_000;
/// So many months ahead are shown.
const MONTHS: i16 = 12;
/// Enough to see how lists, filters and runs behave, and made within a second.
const SAMPLES: u64 = 1_000;
/// The height of the highest column of the picture.
const HEIGHT: u64 = 90;

/// Users that a filter selects.
struct Count {
    status: Status,
    link: String,
    counted: Counted,
    /// Of a bar of a thousand.
    at: u64,
    width: u64,
}

/// Active users who expire in a month.
struct Month {
    name: String,
    link: String,
    counted: Counted,
    at: usize,
    height: u64,
}

#[derive(Template)]
#[template(path = "home.html")]
struct Page {
    shell: Shell,
    done: String,
    /// How many samples would be made.
    samples: u64,
    /// Whether they may be: there is nothing here, and whoever looks may fill it.
    fillable: bool,
    /// Scripts to begin with.
    first: Vec<(&'static Sample, String)>,
    has_scripts: bool,
    all: Counted,
    counts: Vec<Count>,
    months: Vec<Month>,
    runs: Vec<Row>,
}

fn count(app: &App, everyone: &SelectionQuery, filter: &str) -> Result<(Counted, String), Problem> {
    let selection = everyone.filtered(filter);
    let counted = app.users().select(&selection.read()?)?.count_to(COUNTED)?;
    Ok((counted, selection.list().text()))
}

fn counts(app: &App, everyone: &SelectionQuery) -> Result<Vec<Count>, Problem> {
    let mut counts = Vec::new();
    for status in Status::ALL {
        let (counted, link) = count(app, everyone, status.filter())?;
        counts.push(Count { status, link, counted, at: 0, width: 0 });
    }
    let all = counts.iter().map(|count| count.counted.users).sum::<u64>().max(1);
    let mut before = 0;
    for count in &mut counts {
        count.at = before * 1_000 / all;
        before += count.counted.users;
        count.width = before * 1_000 / all - count.at;
    }
    Ok(counts)
}

fn months(app: &App, everyone: &SelectionQuery) -> Result<Vec<Month>, Problem> {
    let today = app.zone().date(SystemClock.now());
    let first = |ahead: i16| {
        let month = i16::from(today.month()) - 1 + ahead;
        format!("{:04}-{:02}", today.year() + month / 12, month % 12 + 1)
    };
    let mut months = Vec::new();
    for (at, ahead) in (0..MONTHS).enumerate() {
        let (from, to) = (first(ahead), first(ahead + 1));
        // Who has expired already is counted elsewhere.
        let filter = match ahead {
            0 => format!("is_active eq true and expiration gt now and expiration lt \"{to}-01\""),
            _ => format!("is_active eq true and expiration ge \"{from}-01\" and expiration lt \"{to}-01\""),
        };
        let (counted, link) = count(app, everyone, &filter)?;
        months.push(Month { name: from, link, counted, at, height: 0 });
    }
    let most = months.iter().map(|month| month.counted.users).max().unwrap_or(0).max(1);
    for month in &mut months {
        // Whatever is there is seen.
        month.height = (month.counted.users * HEIGHT).div_ceil(most);
    }
    Ok(months)
}

/// What was done on the way here.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    done: String,
}

/// The scripts that somebody new begins with, by how much they dare to do.
const FIRST: [&str; 3] = ["report-no-email", "extend-by-days", "set-klass"];

fn first(app: &App) -> Vec<(&'static Sample, String)> {
    let title = |sample: &Sample| {
        let read = scripts::read(sample.source, app.zone()).ok();
        read.and_then(|read| read.title).unwrap_or_default()
    };
    FIRST.iter().filter_map(|name| scripts::sample(name)).map(|sample| (sample, title(sample))).collect()
}

pub(super) async fn page(visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    show(visitor, asked.done).await
}

/// Fills an empty installation with samples.
pub(super) async fn fill(visitor: Visitor) -> Result<Response, Problem> {
    let app = visitor.app.clone();
    match blocking(move || app.maintenance().add_sample_data(SAMPLES, |_| {})).await {
        Ok(()) => Ok(see("/?done=filled")),
        Err(problem) => show(visitor.told(problem), String::new()).await,
    }
}

async fn show(visitor: Visitor, done: String) -> Result<Response, Problem> {
    let page = move |all: &App, shell: Shell| {
        let app = &shell.narrowed(all);
        let everyone = SelectionQuery::default().narrowed(&shell);
        let runs = all.runs().list_after(&RunQuery::default(), None, 5)?;
        let is_empty = all.users().count_up_to(None, 1)?.users == 0 && all.profiles().list()?.is_empty();
        Ok(Page {
            done,
            samples: SAMPLES,
            fillable: is_empty && all.actor().rights().cover(&Grant::EVERYTHING),
            first: first(all),
            has_scripts: !all.scripts().list_after(None, 1)?.is_empty(),
            all: app.users().count_up_to(None, COUNTED)?,
            counts: counts(app, &everyone)?,
            months: months(app, &everyone)?,
            runs: runs.into_iter().map(Row::from).collect(),
            shell,
        })
    };
    visitor.page("home", page).await
}
