//! One script: its text, its problems, and a test on one user.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use rollcall_app::runs::{Script, ScriptTestRequest};
use rollcall_app::scripts::{self, Fault, Name, Source};
use rollcall_app::{App, AppError, Expected};
use rollcall_domain::{TargetOutcome, User};
use serde::Deserialize;

use super::address::Address;
use super::form::{Sent, Trimmed, TypedForm};
use super::layout::{Shell, Visitor};
use super::messages;
use super::params::{self, Params};
use super::see;
use super::template::{filters, routes};
use super::view::{Badge, Changes, DiffLine, diff_lines};
use crate::extract::{Path, Query};
use crate::problem::Problem;
use crate::shared::runs::execution;
use crate::{Server, aside, blocking};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    sample: String,
    version: Option<i64>,
    done: String,
}

/// What the script has done to the user it was tried on.
struct Trial {
    user: String,
    badge: Badge,
    outcome: TargetOutcome,
    changes: Changes,
    millis: String,
}

/// The version that another administrator saved since the editor was opened.
struct Newer {
    version: i64,
    saved: String,
    /// From there to what was typed.
    diff: Vec<DiffLine>,
}

/// What the editor has in it, and what has come of it.
#[derive(Default)]
struct Draft {
    /// Empty: it has no name yet.
    name: String,
    /// The latest version, which is saved over.
    latest: i64,
    shown: i64,
    saved: String,
    /// The text of the version that is shown.
    kept: String,
    source: String,
    sent: Sent,
    trial: Option<Trial>,
    checked: bool,
    newer: Option<Newer>,
}

impl Draft {
    /// Whether it is an earlier version, which stays as it is.
    fn is_old(&self) -> bool {
        self.shown != self.latest
    }

    /// The version that is shown, as runs name it.
    fn full_name(&self) -> String {
        format!("{}@{}", self.name, self.shown)
    }
}

#[derive(Template)]
#[template(path = "script.html")]
struct Page {
    shell: Shell,
    draft: Draft,
    done: String,
    title: String,
    /// Whether the version that is shown has errors, so that it cannot run.
    is_draft: bool,
    faults: Vec<Fault>,
    warnings: Vec<Fault>,
    params: Params,
    /// Everything that a script finds.
    world: Vec<Chapter>,
    /// Users to try it on.
    users: Vec<String>,
}

/// Names that scripts find, and what they are written behind.
struct Chapter {
    of: &'static str,
    names: Vec<Name>,
}

fn chapters() -> Vec<Chapter> {
    let mut chapters: Vec<Chapter> = Vec::new();
    for name in scripts::world() {
        let of = name.of.unwrap_or_default();
        match chapters.last_mut().filter(|chapter| chapter.of == of) {
            Some(chapter) => chapter.names.push(name),
            None => chapters.push(Chapter { of, names: vec![name] }),
        }
    }
    chapters
}

impl Page {
    fn sent(&self, name: &str) -> &str {
        self.draft.sent.get(name).map_or("", String::as_str)
    }

    /// The lines of the text that something is said about.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let failed = self.draft.trial.as_ref().and_then(|trial| trial.outcome.error.as_ref()?.line);
        let faults = self.faults.iter().chain(&self.warnings).map(|fault| fault.line);
        let lines: Vec<_> = faults.chain(failed).collect();
        let told = move |line: usize| lines.iter().any(|told| *told as usize == line);
        self.draft
            .source
            .lines()
            .enumerate()
            .map(|(at, text)| (at + 1, text))
            .filter(move |(at, _)| told(*at))
    }
}

async fn show(visitor: Visitor, draft: Draft, done: String) -> Result<Response, Problem> {
    let page = move |app: &App, shell: Shell| {
        let (read, faults) = match scripts::read(&draft.source, app.zone()) {
            Ok(read) => (read, Vec::new()),
            // Nothing typed yet is no mistake.
            Err(_) if draft.source.is_empty() => (Source::default(), Vec::new()),
            Err(faults) => (Source::default(), faults),
        };
        let some = app.users().list(None)?.take(20).collect::<Result<Vec<User>, AppError>>()?;
        Ok(Page {
            title: read.title.clone().unwrap_or_default(),
            // Nothing but a test needs them: they do not keep a script from being saved.
            params: Params::of(&read, &draft.sent).unforced(),
            is_draft: !draft.name.is_empty() && scripts::is_draft(&draft.kept),
            world: chapters(),
            warnings: read.warnings,
            faults,
            users: some.into_iter().map(|user| user.username).collect(),
            shell,
            draft,
            done,
        })
    };
    visitor.page("scripts", page).await
}

/// An empty editor, or a sample in it.
pub(super) async fn new_page(visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    let sample = scripts::sample(&asked.sample);
    let mut draft = Draft::default();
    if let Some(sample) = sample {
        draft.source = sample.source.to_owned();
        draft.sent.insert("name".to_owned(), sample.name.to_owned());
    }
    show(visitor, draft, asked.done).await
}

/// The latest version of a script, or another one.
pub(super) async fn page(
    visitor: Visitor,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let app = visitor.app.clone();
    let draft = blocking(move || draft(&app, &name, asked.version)).await?;
    show(visitor, draft, asked.done).await
}

fn draft(app: &App, name: &str, version: Option<i64>) -> Result<Draft, AppError> {
    let latest = app.scripts().find_version(name, None)?;
    let (full, number) = (latest.full_name(), latest.version);
    let shown = match version {
        Some(version) if version != number => app.scripts().find_version(name, Some(version))?,
        _ => latest,
    };
    Ok(Draft {
        name: full,
        latest: number,
        shown: shown.version,
        saved: format!("{}, {}", shown.administrator, app.zone().show(shown.saved_at.to_second())),
        kept: shown.source.clone(),
        source: shown.source,
        ..Draft::default()
    })
}

/// The acts of the editor.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ScriptAct {
    #[default]
    Save,
    /// Saves a script with errors, which cannot run.
    Draft,
    Check,
    /// Tests the script on one user.
    Try,
    Remove,
}

/// The form of the editor.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ScriptForm {
    act: ScriptAct,
    /// The name of a new script.
    name: Trimmed,
    note: String,
    source: String,
    /// The latest version and the one in the editor, as they were when it was opened.
    version: Trimmed,
    shown: Trimmed,
    /// The user of a test, and its row: lines of `COLUMN=CELL`.
    user: Trimmed,
    row: String,
}

impl ScriptForm {
    /// The text as it was typed. Browsers end its lines with CR LF.
    fn source(&self) -> String {
        self.source.replace("\r\n", "\n")
    }

    fn cells(&self) -> Vec<(String, String)> {
        let cells = self.row.lines().filter_map(|line| line.split_once('='));
        cells.map(|(column, cell)| (column.trim().to_owned(), cell.trim().to_owned())).collect()
    }
}

pub(super) async fn add(
    visitor: Visitor,
    State(server): State<Server>,
    TypedForm(form, sent): TypedForm<ScriptForm>,
) -> Result<Response, Problem> {
    let name = form.name.to_string();
    let draft = Draft { source: form.source(), sent, ..Draft::default() };
    work(visitor, server, draft, name, form).await
}

/// What a button below the editor asks for.
pub(super) async fn change(
    visitor: Visitor,
    State(server): State<Server>,
    Path(name): Path<String>,
    TypedForm(form, sent): TypedForm<ScriptForm>,
) -> Result<Response, Problem> {
    let (app, wanted) = (visitor.app.clone(), name.clone());
    let seen = blocking(move || draft(&app, &wanted, None)).await?;
    let latest = form.version.parse().unwrap_or(seen.latest);
    let shown = form.shown.parse().unwrap_or(latest);
    let draft = Draft { latest, shown, source: form.source(), sent, ..seen };
    work(visitor, server, draft, name, form).await
}

async fn work(
    visitor: Visitor,
    server: Server,
    mut draft: Draft,
    name: String,
    form: ScriptForm,
) -> Result<Response, Problem> {
    let app = visitor.app.clone();
    let (source, sent) = (draft.source.clone(), draft.sent.clone());
    match form.act {
        ScriptAct::Check => {
            draft.checked = true;
            show(visitor, draft, String::new()).await
        }
        ScriptAct::Try => {
            let title = if name.is_empty() { "draft".to_owned() } else { name };
            match attempt(app, &server, title, source, form, sent).await {
                Ok(trial) => {
                    draft.trial = Some(trial);
                    show(visitor, draft, String::new()).await
                }
                Err(problem) => show(visitor.told(problem), draft, String::new()).await,
            }
        }
        ScriptAct::Remove => {
            let latest = draft.latest.to_string();
            match blocking(move || app.scripts().remove_if_match(&name, Expected::Revision(&latest))).await {
                Ok(()) => Ok(see(Address::new(routes::SCRIPTS).with("done", "removed").text())),
                Err(problem) => show(visitor.told(problem), draft, String::new()).await,
            }
        }
        act @ (ScriptAct::Save | ScriptAct::Draft) => {
            if draft.is_old() {
                let problem = Problem::new(StatusCode::CONFLICT, messages::read_only(draft.shown));
                return show(visitor.told(problem), draft, String::new()).await;
            }
            let latest = draft.latest.to_string();
            let (is_new, with_errors) = (draft.name.is_empty(), act == ScriptAct::Draft);
            let (seen, wanted, typed) = (app.clone(), name.clone(), source.clone());
            let save = move || {
                let expected = if is_new { Expected::Nothing } else { Expected::Revision(&latest) };
                match with_errors {
                    true => app.scripts().save_draft(&name, &source, &form.note, expected),
                    false => Ok(app.scripts().save_if_match(&name, &source, &form.note, expected)?.0),
                }
            };
            match blocking(save).await {
                Ok(saved) => {
                    let there = Address::new(routes::script(saved.full_name()));
                    Ok(see(there.with("done", "saved").text()))
                }
                Err(problem) if problem.status() == StatusCode::PRECONDITION_FAILED && !is_new => {
                    let newer = blocking(move || newer(&seen, &wanted, &typed)).await?;
                    // The page shows both versions now, so the next save may follow the newer one.
                    (draft.latest, draft.shown) = (newer.version, newer.version);
                    draft.newer = Some(newer);
                    show(visitor.told(problem), draft, String::new()).await
                }
                Err(problem) => show(visitor.told(problem), draft, String::new()).await,
            }
        }
    }
}

/// The latest version, and how it differs from what was typed.
fn newer(app: &App, name: &str, typed: &str) -> Result<Newer, AppError> {
    let latest = app.scripts().find_version(name, None)?;
    let titles = (messages::version(latest.version), messages::YOUR_TEXT);
    Ok(Newer {
        version: latest.version,
        saved: format!("{}, {}", latest.administrator, app.zone().show(latest.saved_at.to_second())),
        diff: diff_lines((&titles.0, &latest.source), (titles.1, typed)),
    })
}

async fn attempt(
    app: App,
    server: &Server,
    name: String,
    source: String,
    form: ScriptForm,
    sent: Sent,
) -> Result<Trial, Problem> {
    let execution = execution(server, None)?;
    aside(move || {
        let username = form.user.to_string();
        let script = Script { name, version: None, source };
        let request = ScriptTestRequest {
            script,
            username: username.clone(),
            params: params::given(&sent),
            row: form.cells(),
            execution,
        };
        let outcome = app.scripts().test(&request)?;
        Ok(Trial {
            user: username,
            badge: Badge::of_outcome(outcome.outcome),
            changes: Changes::of(&outcome.changes, app.zone()),
            millis: format!("{:.1}", outcome.micros as f64 / 1_000.0),
            outcome,
        })
    })
    .await
}
