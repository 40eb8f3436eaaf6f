//! The audit log.

use askama::Template;
use axum::Form;
use axum::response::Response;
use rollcall_app::App;
use rollcall_domain::{Action, AuditEntry, AuditQuery, Head, Timestamp};
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
    actor: String,
    action: String,
    since: String,
    cursor: String,
    trail: String,
}

/// What a look at all of it has come to.
struct Verdict {
    rows: u64,
    head: String,
    flaw: Option<String>,
}

/// A row, with what more is worth knowing by name.
struct Row {
    entry: AuditEntry,
    details: Vec<(String, String)>,
}

impl From<AuditEntry> for Row {
    fn from(entry: AuditEntry) -> Self {
        let read: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&entry.detail).unwrap_or_default();
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        Self { details: read.into_iter().map(|(name, value)| (name, text(value))).collect(), entry }
    }
}

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    shell: Shell,
    asked: Asked,
    wrong: Option<String>,
    actions: Vec<&'static str>,
    entries: Vec<Row>,
    /// The last row, which all before it can be told by.
    head: Head,
    pager: Pager,
    verdict: Option<Verdict>,
}

fn query(app: &App, asked: &Asked) -> Result<AuditQuery, rollcall_domain::Rejection> {
    let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    Ok(AuditQuery {
        who: some(&asked.actor),
        action: some(&asked.action).map(|text| text.parse()).transpose()?,
        since: some(&asked.since).map(|text| Timestamp::parse(&text, app.zone())).transpose()?,
    })
}

async fn show(visitor: Visitor, asked: Asked, verify: Option<Option<Head>>) -> Result<Response, Problem> {
    let page = move |app: &App, shell| {
        let (query, wrong) = match query(app, &asked) {
            Ok(query) => (query, None),
            Err(why) => (AuditQuery::default(), Some(why.to_string())),
        };
        let cursor = Some(asked.cursor.as_str()).filter(|cursor| !cursor.is_empty());
        let wanted = Wanted::new(cursor, Some(50))?;
        let found = app.audit().list_before(&query, wanted.after, wanted.look_for())?;
        let part = wanted.page(found, |entry| entry.number, Row::from);
        let verdict = match verify {
            None => None,
            Some(kept) => {
                let mut rows = 0;
                let (head, flaw) = match app.audit().verify(kept.as_ref(), |read| rows = read)? {
                    Ok(head) => (head.to_string(), None),
                    Err(flaw) => (String::new(), Some(flaw.to_string())),
                };
                Some(Verdict { rows, head, flaw })
            }
        };
        let base = Address::new(routes::AUDIT)
            .with("actor", &asked.actor)
            .with("action", &asked.action)
            .with("since", &asked.since);
        let pager = Pager::new(&base, &asked.cursor, &asked.trail, part.next.as_deref());
        let actions = Action::ALL.iter().map(|action| action.name()).collect();
        let head = app.audit().head()?;
        Ok(Page { shell, asked, wrong, actions, entries: part.items, head, pager, verdict })
    };
    visitor.page("audit", page).await
}

pub(super) async fn page(visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    show(visitor, asked, None).await
}

/// A head that was kept elsewhere.
#[derive(Deserialize)]
pub(super) struct Kept {
    #[serde(default)]
    head: String,
}

pub(super) async fn verify(visitor: Visitor, Form(kept): Form<Kept>) -> Result<Response, Problem> {
    let kept = Some(kept.head.trim()).filter(|head| !head.is_empty()).map(str::parse::<Head>).transpose();
    match kept {
        Ok(kept) => show(visitor, Asked::default(), Some(kept)).await,
        Err(why) => show(visitor.told(Problem::invalid(why.to_string())), Asked::default(), None).await,
    }
}
