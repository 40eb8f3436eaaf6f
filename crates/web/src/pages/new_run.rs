//! A new run: its selection and parameters, and then its preview.

use std::collections::BTreeSet;
use std::str::FromStr;

use askama::Template;
use axum::extract::{Multipart, State};
use axum::response::Response;
use rollcall_app::runs::{Choice, KEY_FIELDS, RunOptions, RunRequest, Script, Stop};
use rollcall_app::scripts::Source;
use rollcall_app::{App, SelectedUsers, UserSelection};
use rollcall_domain::{Brakes, Mode, Outcome, Right, Upload};
use serde::Deserialize;

use super::address::Address;
use super::fault::{FilterFault, PageSelection, select_users};
use super::file_fields::FileFields;
use super::files::keep_file;
use super::form::{Sent, Trimmed, TypedForm};
use super::layout::{Shell, Visitor};
use super::messages;
use super::params::{self, Params};
use super::rows::{FileRows, SHOWN, Tab};
use super::see;
use super::selection::SelectionQuery;
use super::steps::Steps;
use super::template::{filters, routes};
use super::view::number;
use crate::extract::Query;
use crate::problem::Problem;
use crate::shared::files::{choose, read};
use crate::shared::runs::{Nobody, execution, saved};
use crate::{Server, aside, log};
use rollcall_api::{DuplicatePolicy, FileTargets};

/// Nobody waits for more to be counted.
const COUNTED: u64 = 10_000;

/// What was said so far.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    script: String,
    who: TargetSource,
    #[serde(flatten)]
    selection: SelectionQuery,
    upload: String,
    /// The column that names the users, and the field that it holds; or both as `COLUMN=FIELD`.
    column: String,
    field: String,
    key: String,
    /// How the file is read.
    #[serde(flatten)]
    format: FileFields,
    /// Which of its rows are shown.
    tab: String,
    skip: String,
    /// Which rows run where several name one user.
    duplicates: String,
    run: String,
    outcome: String,
}

/// The kinds of lists that a run can be for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TargetSource {
    /// None is chosen yet.
    #[default]
    #[serde(rename = "")]
    Unset,
    All,
    Filter,
    /// The rows of a file.
    Rows,
    /// The targets of an earlier run.
    Run,
}

impl TargetSource {
    fn name(self) -> &'static str {
        match self {
            Self::Unset => "",
            Self::All => "all",
            Self::Filter => "filter",
            Self::Rows => "rows",
            Self::Run => "run",
        }
    }
}

/// Which rows run where several name one user, other than all of them.
const DUPLICATES: [(&str, &str); 3] =
    [("first", messages::FIRST_ROW), ("last", messages::LAST_ROW), ("refuse", messages::REFUSE_ROWS)];

impl Asked {
    fn key(&self) -> Option<String> {
        match (self.column.as_str(), self.field.as_str()) {
            ("", _) => some(&self.key),
            (column, "") => Some(column.to_owned()),
            (column, field) => Some(format!("{column}={field}")),
        }
    }

    fn rows(&self) -> Result<FileTargets, Problem> {
        let upload = self.upload.parse().map_err(|_| Problem::invalid(messages::CHOOSE_FILE))?;
        Ok(FileTargets {
            key: self.key(),
            skip_unmatched: !self.skip.is_empty(),
            duplicates: self.duplicates(),
            ..FileTargets::new(upload, self.format.format()?)
        })
    }

    fn duplicates(&self) -> DuplicatePolicy {
        DuplicatePolicy::from_name(&self.duplicates).unwrap_or_default()
    }

    /// The same page, with everything that was said of the file.
    fn address(&self) -> Address {
        let address = Address::new(routes::NEW_RUN).with("script", &self.script).with("who", self.who.name());
        let address = address.with("upload", &self.upload).with("column", &self.column);
        let address = address.with("field", &self.field).with("key", &self.key);
        let address = self.format.on(address).with("skip", &self.skip).with("duplicates", &self.duplicates);
        address.with("organization_id", &self.selection.organization_id)
    }

    /// The address of the file of bad rows, for a script that can read these columns.
    fn bad_rows(&self, read_columns: Option<&BTreeSet<String>>) -> String {
        let file = Address::new(format!("/api/v1/uploads/{}/bad-rows.csv", self.upload));
        let file = file.with("key", &self.key().unwrap_or_default());
        let query = self.format.format().unwrap_or_default().query();
        let file =
            query.into_iter().fold(file, |file, (name, value)| file.with(name, &value.unwrap_or_default()));
        let read_columns = read_columns.and_then(|columns| serde_json::to_string(columns).ok());
        file.with("read_columns", &read_columns.unwrap_or_default()).text()
    }

    fn outcome(&self) -> Result<Option<Outcome>, Problem> {
        if self.outcome.is_empty() {
            return Ok(None);
        }
        let read = self.outcome.parse().map(Some);
        read.map_err(|why: rollcall_domain::Rejection| Problem::invalid(why.to_string()))
    }

    /// The users that are meant where it is neither a file nor an earlier run.
    fn users(&self) -> Result<UserSelection, Problem> {
        if self.who == TargetSource::All {
            return self.selection.everyone().read();
        }
        let selection = self.selection.read()?;
        if selection.is_everyone() {
            return Err(Problem::invalid(messages::WRITE_FILTER));
        }
        Ok(selection)
    }

    fn run(&self) -> Result<i64, Problem> {
        self.run.trim().parse().map_err(|_| Problem::invalid(messages::EARLIER_RUN))
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// How many users a list has.
#[derive(Default)]
struct Who {
    count: u64,
    more: bool,
    usable: bool,
}

/// Whatever is known of a list.
#[derive(Default)]
struct Found {
    who: Option<Who>,
    /// What is wrong with it.
    wrong: Option<String>,
    fault: Option<FilterFault>,
    file: Option<FileRows>,
}

#[derive(Template)]
#[template(path = "new_run.html")]
struct Page {
    shell: Shell,
    asked: Asked,
    scripts: Vec<String>,
    /// The script that is chosen, as the form names it: with its version unless that is the latest.
    chosen: String,
    /// The latest version of the script, where that is a later one.
    newer: Option<i64>,
    filters: Vec<String>,
    uploads: Vec<Upload>,
    steps: Steps,
    /// What is wrong with the list.
    wrong: Option<String>,
    /// What is wrong with the filter.
    fault: Option<FilterFault>,
    who: Option<Who>,
    /// The rows of the file, as far as it can be read.
    file: Option<FileRows>,
    script: Option<Script>,
    /// The columns of the file that the script can read; none: any of them.
    read_columns: Option<BTreeSet<String>>,
    title: String,
    params: Params,
    sent: Sent,
    once: String,
    /// Seconds for one user, where nothing is said.
    time_limit: f64,
}

impl Page {
    /// What goes along with the second form.
    fn said(&self) -> Vec<(&'static str, &str)> {
        let Asked { who, selection, upload, skip, duplicates, run, outcome, .. } = &self.asked;
        let mut said = vec![("who", who.name()), ("upload", upload)];
        said.extend(self.said_of_columns());
        said.extend([
            ("skip", skip.as_str()),
            ("duplicates", duplicates),
            ("run", run),
            ("outcome", outcome),
        ]);
        said.extend(selection.fields());
        said
    }

    /// The script with the version that the page shows, which is the one that runs.
    fn pinned(script: &Script) -> String {
        match script.version {
            Some(version) => format!("{}@{version}", script.name),
            None => script.name.clone(),
        }
    }

    /// The hidden fields of the form that maps the columns or chooses the file's format: names and values.
    fn said_of_file(&self) -> [(&'static str, &str); 5] {
        let Asked { script, upload, skip, duplicates, selection, .. } = &self.asked;
        let organization = selection.organization_id.as_str();
        [
            ("script", script),
            ("upload", upload),
            ("skip", skip),
            ("duplicates", duplicates),
            ("organization_id", organization),
        ]
    }

    /// The fields on the file's columns and format, hidden in the other forms: names and values.
    fn said_of_columns(&self) -> Vec<(&'static str, &str)> {
        let Asked { column, field, key, format, .. } = &self.asked;
        let mut said = vec![("column", column.as_str()), ("field", field), ("key", key)];
        said.extend(format.named());
        said
    }

    fn tab(&self, tab: &Tab) -> String {
        self.asked.address().with("tab", tab.name()).text()
    }

    /// The address of the list with another choice of which rows of a user run.
    fn with_duplicates(&self, which: &str) -> String {
        Asked { duplicates: which.to_owned(), ..self.asked.clone() }.address().with("tab", "duplicate").text()
    }

    /// The same list without the rows that cannot be used.
    fn without_bad(&self) -> String {
        Asked { skip: "yes".to_owned(), ..self.asked.clone() }.address().text()
    }

    /// The address of the file of bad rows.
    fn bad_rows(&self) -> String {
        self.asked.bad_rows(self.read_columns.as_ref())
    }

    fn sent(&self, name: &str) -> &str {
        self.sent.get(name).map_or("", String::as_str)
    }
}

fn find(app: &App, asked: &Asked, script: &Source) -> Result<Found, Problem> {
    let mut found = Found::default();
    match count(app, asked, script, &mut found) {
        Ok(who) => found.who = who,
        Err(problem) if problem.status().is_server_error() => return Err(problem),
        Err(problem) => found.wrong = Some(problem.detail().to_owned()),
    }
    Ok(found)
}

fn count(app: &App, asked: &Asked, script: &Source, found: &mut Found) -> Result<Option<Who>, Problem> {
    let counted = |selected: &SelectedUsers| -> Result<_, Problem> {
        let counted = selected.count_to(COUNTED)?;
        Ok(Some(Who { count: counted.users, more: counted.more, usable: counted.users > 0 }))
    };
    match asked.who {
        TargetSource::All | TargetSource::Filter => match select_users(app, &asked.users()?)? {
            PageSelection::Users(selected) => counted(&selected),
            PageSelection::Faulty(fault) => {
                found.fault = Some(fault);
                Ok(None)
            }
        },
        TargetSource::Rows if asked.upload.is_empty() => Err(Problem::invalid(messages::SEND_FILE)),
        TargetSource::Rows => {
            let rows = asked.rows()?;
            let file = found.file.insert(FileRows::new(asked.tab.parse().ok()));
            let read = read(app, &rows, script.row_columns.as_ref(), file)?;
            // Several rows of a user are one user.
            let count = read.report.matched - read.report.duplicate;
            let usable = read.chosen.is_some() && count > 0;
            file.report = Some(read.report);
            Ok(Some(Who { count, more: false, usable }))
        }
        TargetSource::Run => {
            let run = app.runs().find(asked.run()?)?;
            let count = match asked.outcome()? {
                None => run.targets,
                Some(outcome) => run.final_tally().get(outcome),
            };
            Ok(Some(Who { count, more: false, usable: count > 0 }))
        }
        TargetSource::Unset => Ok(None),
    }
}

async fn show(visitor: Visitor, server: &Server, mut asked: Asked, sent: Sent) -> Result<Response, Problem> {
    let time_limit = server.execution.limits.time.as_secs_f64();
    let visitor = visitor.asking_for(&asked.selection.organization_id)?;
    let page = move |app: &App, shell: Shell| {
        let app = &shell.narrowed(app);
        asked.selection = asked.selection.narrowed(&shell);
        let script = match asked.script.is_empty() {
            true => None,
            false => Some(saved(app, &asked.script)?),
        };
        let none = || Ok(Source::default());
        let read =
            script.as_ref().map_or_else(none, |script| app.scripts().parse(&script.name, &script.source))?;
        let found = find(app, &asked, &read)?;
        let told = found.who.as_ref().map(|who| {
            let (plus, s) = (if who.more { "+" } else { "" }, if who.count == 1 { "" } else { "s" });
            format!("{}{plus} user{s}", number(who.count))
        });
        let scripts = app.scripts().list()?;
        let latest = script.as_ref().and_then(|script| {
            let latest = scripts.iter().find(|each| each.full_name() == script.name)?;
            Some((script.version? == latest.version, latest.version))
        });
        let chosen = match (&script, latest) {
            (Some(script), Some((true, _))) => script.name.clone(),
            (Some(script), _) => Page::pinned(script),
            (None, _) => String::new(),
        };
        let goes_on = script.is_some() && found.who.as_ref().is_some_and(|who| who.usable);
        let scope = app.actor().rights().scope(Right::Report);
        Ok(Page {
            steps: Steps::new(
                app,
                if goes_on { 2 } else { 1 },
                told,
                scope.as_ref(),
                script.as_ref().map(Page::pinned),
            )?,
            scripts: scripts.iter().map(rollcall_domain::ScriptVersion::full_name).collect(),
            chosen,
            newer: latest.filter(|(is_latest, _)| !is_latest).map(|(_, version)| version),
            filters: app.filters().list()?.iter().map(rollcall_domain::SavedFilter::full_name).collect(),
            uploads: app.uploads().list_after(None, 20)?,
            wrong: found.wrong,
            fault: found.fault,
            who: found.who,
            file: found.file,
            title: read.title.clone().unwrap_or_default(),
            params: Params::of(&read, &sent),
            read_columns: read.row_columns,
            script,
            sent,
            once: log::request_id().unwrap_or_default(),
            time_limit,
            shell,
            asked,
        })
    };
    visitor.page("runs", page).await
}

pub(super) async fn page(
    visitor: Visitor,
    State(server): State<Server>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    show(visitor, &server, asked, Sent::new()).await
}

/// A file with rows, which is kept for a day.
pub(super) async fn file(
    visitor: Visitor,
    State(server): State<Server>,
    Query(mut asked): Query<Asked>,
    parts: Multipart,
) -> Result<Response, Problem> {
    if let Some(kept) = keep_file(visitor.app.clone(), parts).await? {
        let there = Address::new(routes::NEW_RUN).with("script", &asked.script).with("who", "rows");
        return Ok(see(there.with("upload", &kept.id.to_string()).text()));
    }
    asked.who = TargetSource::Rows;
    show(visitor, &server, asked, Sent::new()).await
}

/// The form that starts a preview.
#[derive(Deserialize)]
pub(super) struct StartForm {
    #[serde(flatten)]
    asked: Asked,
    /// Whether the script only reports: the box is checked.
    report: Option<String>,
    /// Seconds for one user; empty: the default.
    #[serde(default)]
    time_limit: Trimmed,
    #[serde(flatten)]
    limits: LimitFields,
}

impl StartForm {
    fn choice(&self, app: &App, script: &Script) -> Result<Choice, Problem> {
        let asked = &self.asked;
        match asked.who {
            TargetSource::All | TargetSource::Filter => Ok(Choice::Users(asked.users()?)),
            TargetSource::Run => Ok(Choice::Outcomes(asked.run()?, asked.outcome()?)),
            TargetSource::Rows => Ok(Choice::Rows(Box::new(choose(app, &asked.rows()?, script)?))),
            TargetSource::Unset => Err(Problem::invalid(messages::FOR_WHOM)),
        }
    }
}

/// Freezes the list and queues the preview.
pub(super) async fn start(
    visitor: Visitor,
    State(server): State<Server>,
    TypedForm(form, sent): TypedForm<StartForm>,
) -> Result<Response, Problem> {
    let asked = form.asked.clone();
    let (app, given, here) = (visitor.as_shown(&sent), sent.clone(), server.clone());
    let started = aside(move || {
        let script = saved(&app, &form.asked.script)?;
        let choice = form.choice(&app, &script)?;
        let time_limit =
            form.time_limit.parse_filled().map_err(|_| Problem::invalid(messages::TIME_LIMIT))?;
        let request = RunRequest {
            script,
            mode: Mode::Preview,
            report: form.report.is_some(),
            choice,
            params: params::given(&given),
            execution: execution(&here, time_limit)?,
            options: RunOptions { key: params::once(routes::NEW_RUN, &given)?, ..form.limits.run_options()? },
        };
        Ok(app.runs().create(&request, &Stop::default(), &mut Nobody)?)
    });
    match started.await {
        Ok(run) => Ok(see(routes::run(run.id))),
        Err(problem) => show(visitor.told(problem), &server, asked, sent).await,
    }
}

/// The fields of a form for the limits that stop a run. An administrator who sends it has confirmed the run.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct LimitFields {
    max_failures: Trimmed,
    max_changes: Trimmed,
    max_deactivations: Trimmed,
    canary: Trimmed,
}

impl LimitFields {
    /// Reads the limits of failures, changes and deactivations.
    pub(super) fn brakes(&self) -> Result<Brakes, Problem> {
        Ok(Brakes {
            max_failures: number_field("max_failures", &self.max_failures)?,
            max_changes: number_field("max_changes", &self.max_changes)?,
            max_deactivations: number_field("max_deactivations", &self.max_deactivations)?,
        })
    }

    /// Reads the options of a run with these limits.
    pub(super) fn run_options(&self) -> Result<RunOptions, Problem> {
        let brakes = self.brakes()?;
        let canary = number_field("canary", &self.canary)?.filter(|canary| *canary > 0);
        Ok(RunOptions { brakes, canary, confirmed: true, queue: true, hold: false, key: None, strict: false })
    }
}

/// Reads a whole number; its field is named if there is another text in it.
fn number_field<T: FromStr>(name: &str, field: &Trimmed) -> Result<Option<T>, Problem> {
    field.parse_filled().map_err(|_| Problem::invalid(messages::whole_number(name)))
}
