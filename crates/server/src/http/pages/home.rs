//! The first page: how many users there are, when they expire, and the latest runs.

use askama::Template;
use axum::response::Response;
use rollcall_app::{App, Counted};
use rollcall_domain::{Clock, RunQuery, SystemClock};

use super::address::Address;
use super::runs::Row;
use super::shell::{Shell, Visitor};
use crate::http::problem::Problem;

/// Nobody waits for more to be counted.
const COUNTED: u64 = 10_000;
/// So many months ahead are shown.
const MONTHS: i16 = 12;
/// The height of the highest column of the picture.
const HEIGHT: u64 = 90;

/// Users that a filter selects.
struct Count {
    name: &'static str,
    class: &'static str,
    link: String,
    counted: Counted,
    /// Of a bar of a thousand.
    at: u64,
    width: u64,
}

/// Users who expire in a month.
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
    all: Counted,
    counts: Vec<Count>,
    months: Vec<Month>,
    runs: Vec<Row>,
}

fn count(app: &App, filter: &str) -> Result<(Counted, String), Problem> {
    let counted = app.count_users_to(Some(&app.filter(filter)?.tree), COUNTED)?;
    Ok((counted, Address::new("/users").with("filter", filter).text()))
}

fn counts(app: &App) -> Result<Vec<Count>, Problem> {
    let mut counts = Vec::new();
    for (name, class, filter) in [
        ("active", "active", "is_active eq true and not (expiration lt now)"),
        ("active, but expired", "expired", "is_active eq true and expiration lt now"),
        ("inactive", "inactive", "is_active eq false"),
    ] {
        let (counted, link) = count(app, filter)?;
        counts.push(Count { name, class, link, counted, at: 0, width: 0 });
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

fn months(app: &App) -> Result<Vec<Month>, Problem> {
    let today = SystemClock.now().date();
    let first = |ahead: i16| {
        let month = i16::from(today.month()) - 1 + ahead;
        format!("{:04}-{:02}", today.year() + month / 12, month % 12 + 1)
    };
    let mut months = Vec::new();
    for (at, ahead) in (0..MONTHS).enumerate() {
        let (from, to) = (first(ahead), first(ahead + 1));
        let filter = format!("expiration ge \"{from}-01\" and expiration lt \"{to}-01\"");
        let (counted, link) = count(app, &filter)?;
        months.push(Month { name: from, link, counted, at, height: 0 });
    }
    let most = months.iter().map(|month| month.counted.users).max().unwrap_or(0).max(1);
    for month in &mut months {
        // Whatever is there is seen.
        month.height = (month.counted.users * HEIGHT).div_ceil(most);
    }
    Ok(months)
}

pub(super) async fn page(visitor: Visitor) -> Result<Response, Problem> {
    let page = |all: &App, shell: Shell| {
        let app = &shell.narrowed(all);
        let runs = all.runs_after(&RunQuery::default(), None, 5)?;
        Ok(Page {
            all: app.count_users_to(None, COUNTED)?,
            counts: counts(app)?,
            months: months(app)?,
            runs: runs.into_iter().map(Row::from).collect(),
            shell,
        })
    };
    visitor.page("home", page).await
}
