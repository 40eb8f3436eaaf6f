//! A new run: for whom, what the script is told, and then its preview.

use askama::Template;
use axum::Form;
use axum::extract::{Multipart, State};
use axum::response::Response;
use rollcall_app::App;
use rollcall_app::runs::{Choice, Request, Script, Stop, Terms};
use rollcall_app::scripts::Source;
use rollcall_domain::{Brakes, Mode, Outcome, Upload};
use serde::Deserialize;

use super::address::Address;
use super::params::{self, Params};
use super::see;
use super::shell::{Shell, Visitor};
use super::users::Sent;
use super::words;
use crate::contract::{RowsOf, RowsReport};
use crate::http::api::runs::{Nobody, engine, saved};
use crate::http::api::uploads::{Noted, choose, read};
use crate::http::extract::Query;
use crate::http::problem::Problem;
use crate::http::{Server, aside, blocking, log};

/// Nobody waits for more to be counted.
const COUNTED: u64 = 10_000;

/// What was said so far.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    script: String,
    who: String,
    filter: String,
    upload: String,
    key: String,
    skip: String,
    run: String,
    outcome: String,
}

impl Asked {
    fn of(sent: &Sent) -> Self {
        let text = |name: &str| sent.get(name).cloned().unwrap_or_default();
        Self {
            script: text("script"),
            who: text("who"),
            filter: text("filter"),
            upload: text("upload"),
            key: text("key"),
            skip: text("skip"),
            run: text("run"),
            outcome: text("outcome"),
        }
    }

    fn rows(&self) -> Result<RowsOf, Problem> {
        let upload = self.upload.parse().map_err(|_| Problem::invalid(words::CHOOSE_FILE))?;
        let key = Some(self.key.clone()).filter(|key| !key.is_empty());
        let skip_unmatched = !self.skip.is_empty();
        Ok(RowsOf { upload, key, skip_unmatched, encoding: None, delimiter: None, quote: None, sheet: None })
    }

    fn outcome(&self) -> Result<Option<Outcome>, Problem> {
        if self.outcome.is_empty() {
            return Ok(None);
        }
        let read = self.outcome.parse().map(Some);
        read.map_err(|why: rollcall_domain::Refusal| Problem::invalid(why.to_string()))
    }

    fn run(&self) -> Result<i64, Problem> {
        self.run.trim().parse().map_err(|_| Problem::invalid(words::EARLIER_RUN))
    }
}

/// How many users a list has.
#[derive(Default)]
struct Who {
    count: u64,
    more: bool,
    report: Option<RowsReport>,
    usable: bool,
}

#[derive(Template)]
#[template(path = "new_run.html")]
struct Page {
    shell: Shell,
    asked: Asked,
    scripts: Vec<String>,
    filters: Vec<String>,
    uploads: Vec<Upload>,
    /// What is wrong with the list.
    wrong: Option<String>,
    who: Option<Who>,
    script: Option<Script>,
    title: String,
    params: Params,
    sent: Sent,
    once: String,
    /// The organization that the list is narrowed to.
    within: String,
}

impl Page {
    /// What goes along with the second form.
    fn said(&self) -> [(&'static str, &str); 10] {
        let Asked { script, who, filter, upload, key, skip, run, outcome } = &self.asked;
        [
            ("script", script),
            ("who", who),
            ("filter", filter),
            ("upload", upload),
            ("key", key),
            ("skip", skip),
            ("run", run),
            ("outcome", outcome),
            ("once", &self.once),
            ("organization_id", &self.within),
        ]
    }

    fn sent(&self, name: &str) -> &str {
        self.sent.get(name).map_or("", String::as_str)
    }
}

fn count(app: &App, asked: &Asked) -> Result<Option<Who>, Problem> {
    let counted = |tree| -> Result<_, Problem> {
        let counted = app.count_users_to(tree, COUNTED)?;
        Ok(Some(Who { count: counted.users, more: counted.more, report: None, usable: counted.users > 0 }))
    };
    match asked.who.as_str() {
        "all" => counted(None),
        "filter" if asked.filter.trim().is_empty() => Err(Problem::invalid(words::WRITE_FILTER)),
        "filter" => counted(Some(&app.filter(&asked.filter)?.tree)),
        "rows" if asked.upload.is_empty() => Err(Problem::invalid(words::SEND_FILE)),
        "rows" => {
            let rows = asked.rows()?;
            let mut noted = Noted::default();
            let read = read(app, &rows, &mut noted)?;
            let count = read.report.matched + read.report.duplicate;
            let usable = read.chosen.is_some() && count > 0;
            let report = Some(RowsReport::new(read.report, noted.columns, noted.bad));
            Ok(Some(Who { count, more: false, report, usable }))
        }
        "run" => {
            let run = app.find_run(asked.run()?)?;
            let count = match asked.outcome()? {
                None => run.targets,
                Some(outcome) => run.final_tally().get(outcome),
            };
            Ok(Some(Who { count, more: false, report: None, usable: count > 0 }))
        }
        _ => Ok(None),
    }
}

async fn show(visitor: Visitor, asked: Asked, sent: Sent) -> Result<Response, Problem> {
    let page = move |app: &App, shell: Shell| {
        let app = &shell.narrowed(app);
        let (who, wrong) = match count(app, &asked) {
            Ok(who) => (who, None),
            Err(problem) if problem.status().is_server_error() => return Err(problem),
            Err(problem) => (None, Some(problem.detail().to_owned())),
        };
        let script = match asked.script.is_empty() {
            true => None,
            false => Some(saved(app, &asked.script)?),
        };
        let none = Source { params: Default::default(), warnings: Vec::new(), title: None };
        let read =
            script.as_ref().map_or(Ok(none), |script| app.read_script(&script.name, &script.source))?;
        Ok(Page {
            scripts: app.scripts()?.iter().map(rollcall_domain::ScriptVersion::full_name).collect(),
            filters: app.saved_filters()?.iter().map(rollcall_domain::SavedFilter::full_name).collect(),
            uploads: app.uploads_after(None, 20)?,
            wrong,
            who,
            title: read.title.clone().unwrap_or_default(),
            params: Params::of(&read, &sent),
            script,
            sent,
            once: log::request_id().unwrap_or_default(),
            within: shell.organization_id(),
            shell,
            asked,
        })
    };
    visitor.page("runs", page).await
}

pub(super) async fn page(visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    show(visitor, asked, Sent::new()).await
}

/// A file with rows, which is kept for a day.
pub(super) async fn file(
    visitor: Visitor,
    Query(mut asked): Query<Asked>,
    mut parts: Multipart,
) -> Result<Response, Problem> {
    let wrong =
        |error: axum::extract::multipart::MultipartError| Problem::new(error.status(), error.body_text());
    while let Some(mut part) = parts.next_field().await.map_err(wrong)? {
        let name = match (part.name(), part.file_name()) {
            (Some("file"), Some(name)) if !name.is_empty() => name.to_owned(),
            _ => continue,
        };
        let app = visitor.app.clone();
        let mut uploading = blocking(move || app.begin_upload(&name)).await?;
        while let Some(piece) = part.chunk().await.map_err(wrong)? {
            uploading = blocking(move || {
                uploading.append(&piece)?;
                Ok(uploading)
            })
            .await?;
        }
        let kept = blocking(move || uploading.finish()).await?;
        let there = Address::new("/runs/new").with("script", &asked.script).with("who", "rows");
        return Ok(see(there.with("upload", &kept.id.to_string()).text()));
    }
    asked.who = "rows".to_owned();
    show(visitor, asked, Sent::new()).await
}

/// Freezes the list and queues the preview.
pub(super) async fn start(
    visitor: Visitor,
    State(server): State<Server>,
    Form(sent): Form<Sent>,
) -> Result<Response, Problem> {
    let asked = Asked::of(&sent);
    let (app, wanted, given) = (visitor.as_shown(&sent), asked.clone(), sent.clone());
    let started = aside(move || {
        let script = saved(&app, &wanted.script)?;
        let choice = match wanted.who.as_str() {
            "all" => Choice::All,
            "filter" => Choice::Filter(wanted.filter.clone()),
            "run" => Choice::Outcomes(wanted.run()?, wanted.outcome()?),
            "rows" => Choice::Rows(Box::new(choose(&app, &wanted.rows()?)?)),
            _ => {
                return Err(Problem::invalid(words::FOR_WHOM));
            }
        };
        let time_limit = match given.get("time_limit").map(|text| text.trim()).filter(|text| !text.is_empty())
        {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| Problem::invalid(words::TIME_LIMIT))?),
        };
        let request = Request {
            script,
            mode: Mode::Preview,
            report: given.contains_key("report"),
            choice,
            params: params::given(&given),
            engine: engine(&server, time_limit)?,
            terms: Terms { key: params::once("/runs/new", &given)?, ..terms(&given)? },
        };
        Ok(app.run(&request, &Stop::default(), &mut Nobody)?)
    });
    match started.await {
        Ok(run) => Ok(see(format!("/runs/{}", run.id))),
        Err(problem) => show(visitor.told(problem), asked, sent).await,
    }
}

/// What a form says of when a run stops by itself. Whoever sends it has said yes with it.
pub(super) fn terms(sent: &Sent) -> Result<Terms, Problem> {
    let number = |name: &str| match sent.get(name).map(|text| text.trim()).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| Problem::invalid(words::whole_number(name))),
    };
    let brakes = Brakes {
        max_failures: number("max_failures")?,
        max_changes: number("max_changes")?,
        max_deactivations: number("max_deactivations")?,
    };
    let canary = number("canary")?.filter(|canary| *canary > 0);
    Ok(Terms { brakes, canary, confirmed: true, queue: true, hold: false, key: None, strict: false })
}
