//! One run: its progress, its outcomes and the actions that can follow.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use rollcall_app::App;
use rollcall_app::runs::{
    Again, ApplyRequest, Failure, Group, ResumeRequest, RetryRequest, RunOptions, Stop, Troubles, UndoRequest,
};
use rollcall_domain::{Approval, Entries, Mode, Outcome, Run, RunId, RunState, Scope, TargetOutcome, Zone};
use serde::Deserialize;

use super::address::Address;
use super::course::Course;
use super::form::{Sent, Trimmed, TypedForm};
use super::layout::{Shell, Visitor};
use super::messages;
use super::new_run::LimitFields;
use super::params::once;
use super::progress::{Counters, Progress};
use super::see;
use super::steps::Steps;
use super::template::{filters, routes};
use super::timeline::{self, Timeline};
use super::view::{Badge, Changes, DiffLine, Pager, diff_all, number};
use crate::extract::{Path, Query};
use crate::problem::Problem;
use crate::shared::listing::Wanted;
use crate::shared::organizations;
use crate::shared::runs::{Nobody, execution};
use crate::{Server, aside, log};
use rollcall_domain::Times;

/// Above so many changes, their number is to be typed before they are written.
const TYPED_ABOVE: u64 = 1_000;
/// The changes of so many targets are grouped without being asked for.
const GROUPED: u64 = 100_000;
/// The list of targets is shown in so many parts.
pub(super) const COURSE: u64 = 60;
/// So many groups are shown.
const GROUPS: usize = 20;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    outcome: String,
    groups: String,
    cursor: String,
    trail: String,
    /// The target whose answer of FreeRADIUS is wanted.
    reply: Option<i64>,
}

/// Targets that can be tried again.
struct Retry {
    which: &'static str,
    count: u64,
}

/// What happened to one target.
struct Row {
    outcome: TargetOutcome,
    badge: Badge,
    changes: Changes,
    /// Its row in the file, column and cell.
    cells: Vec<(String, String)>,
    millis: String,
    /// What FreeRADIUS answers before and after, where it is asked for.
    reply: Option<Around>,
}

/// What FreeRADIUS answers before and after a target.
enum Around {
    /// The same.
    Same(Vec<String>),
    Differs(Vec<DiffLine>),
    /// The user is not as the run knows them any more.
    Moved,
}

#[derive(Template)]
#[template(path = "run.html")]
struct Page {
    shell: Shell,
    asked: Asked,
    /// On the way from a list to changed users.
    steps: Option<Steps>,
    run: Run,
    badge: Badge,
    progress: Progress,
    counters: Counters,
    /// None: there are too many targets to group them unasked.
    groups: Option<Vec<Group>>,
    /// The warnings and failures of as many, in groups.
    troubles: Option<Troubles>,
    /// The number of targets that calls of the script were refused for, where its plan can be applied.
    refused: u64,
    /// None: there are too many to look at them unasked, or too few to be worth it.
    course: Option<Course>,
    timeline: Option<Timeline>,
    rows: Vec<Row>,
    pager: Pager,
    applied_by: Option<RunId>,
    undone_by: Option<RunId>,
    approvals: Vec<Approval>,
    /// The organizations whose users it was for; empty: everybody's.
    within: Vec<String>,
    unapproved: Option<String>,
    once: String,
}

impl Page {
    /// The address of this part of the targets, with the answer to one of them.
    fn reply_to(&self, target: &i64) -> String {
        Address::new(routes::run(self.run.id))
            .with("outcome", &self.asked.outcome)
            .with("groups", &self.asked.groups)
            .with("cursor", &self.asked.cursor)
            .with("trail", &self.asked.trail)
            .with("reply", &target.to_string())
            .text()
    }

    fn count(&self, outcome: &str) -> u64 {
        let chip = self.counters.chips.iter().find(|chip| chip.outcome.name() == outcome);
        chip.map_or(0, |chip| chip.count)
    }

    fn is_preview(&self) -> bool {
        self.run.mode == Mode::Preview
    }

    /// What went wrong, by outcome.
    fn failures<'a>(&self, troubles: &'a Troubles) -> Vec<(Outcome, Vec<&'a Failure>)> {
        let of =
            |outcome| (outcome, troubles.failures.iter().filter(|each| each.outcome == outcome).collect());
        let each = [Outcome::Failed, Outcome::TimedOut, Outcome::Conflict].map(of);
        each.into_iter().filter(|(_, failures): &(_, Vec<_>)| !failures.is_empty()).collect()
    }

    /// Whether the script has parameters.
    fn is_told(&self) -> bool {
        !Entries::read(Some(&self.run.params)).0.is_empty()
    }

    fn failed(&self) -> u64 {
        self.count("failed") + self.count("timed_out")
    }

    fn can_apply(&self) -> bool {
        self.is_preview()
            && self.run.state == RunState::Finished
            && self.run.pruned_at.is_none()
            && self.applied_by.is_none()
            && !self.run.settings.report
            && self.count("changed") > 0
    }

    fn can_undo(&self) -> bool {
        !self.is_preview()
            && self.run.state.at_rest()
            && self.run.pruned_at.is_none()
            && self.undone_by.is_none()
            && self.count("changed") > 0
    }

    /// What can be tried again.
    fn again(&self) -> Vec<Retry> {
        let each = [
            ("failed", self.failed()),
            ("conflicts", self.count("conflict")),
            // Whoever can go on needs no other run for it.
            ("not_run", if self.can_resume() { 0 } else { self.count("not_run") }),
        ];
        let some = each.into_iter().filter(|(_, count)| *count > 0);
        some.map(|(which, count)| Retry { which, count }).collect()
    }

    fn can_resume(&self) -> bool {
        matches!(self.run.state, RunState::Interrupted | RunState::Stopped)
    }

    /// Whether it goes on with a plan, which was previewed already.
    fn is_planned(&self, again: &Retry) -> bool {
        again.which == "not_run" && self.run.replays().is_some()
    }

    /// Whether the number of changes is to be typed.
    fn is_typed(&self) -> bool {
        must_type(&self.run)
    }

    fn is_under_way(&self) -> bool {
        !self.run.state.at_rest() && !self.run.is_held()
    }
}

fn must_type(preview: &Run) -> bool {
    preview.tally.get(Outcome::Changed) > TYPED_ABOVE || preview.deactivated > 0
}

pub(super) async fn page(
    visitor: Visitor,
    Path(run): Path<RunId>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    show(visitor, run, asked).await
}

async fn show(visitor: Visitor, run: RunId, asked: Asked) -> Result<Response, Problem> {
    let page = move |app: &App, mut shell: Shell| {
        let run = app.runs().find(run)?;
        let kind = asked.outcome.parse().ok();
        let cursor = Some(asked.cursor.as_str()).filter(|cursor| !cursor.is_empty());
        let wanted = Wanted::new(cursor, Some(50))?;
        let found = app.runs().list_outcomes_after(&run, kind, wanted.after, wanted.look_for())?;
        let mut part =
            wanted.page(found, |outcome| outcome.target, |outcome| row(outcome, &run, &shell.zone));
        for row in part.items.iter_mut().filter(|row| Some(row.outcome.target) == asked.reply) {
            row.reply = Some(around(app, &run, &row.outcome)?);
        }
        let base =
            Address::new(routes::run(run.id)).with("outcome", &asked.outcome).with("groups", &asked.groups);
        let grouped = run.tally.total() <= GROUPED || !asked.groups.is_empty();
        let mut groups = grouped.then(|| app.runs().group_changes(&run, GROUPS)).transpose()?;
        let times = Times::for_people(&shell.zone);
        for text in groups.iter_mut().flatten().flat_map(|group| &mut group.changes) {
            *text = times.grouped_change(text);
        }
        let troubles = grouped.then(|| app.runs().group_problems(&run)).transpose()?;
        let can_change = run.mode == Mode::Preview && run.state == RunState::Finished;
        let refused = if can_change { app.runs().count_refused_targets(&run)? } else { 0 };
        let course = match grouped && run.tally.total() > 1 {
            true => Some(Course::of(&run, &app.runs().outcome_distribution(&run, COURSE)?)),
            false => None,
        };
        if !run.state.at_rest() && !run.is_held() {
            shell.refresh = Some(2);
        }
        let preview = run.mode == Mode::Preview;
        let step = match (run.undoes, run.applies) {
            (None, None) if preview => Some(3),
            (None, Some(_)) => Some(4),
            _ => None,
        };
        let s = if run.targets == 1 { "" } else { "s" };
        let told = format!("{} target{s}", number(run.targets));
        let script = run.script_version.map_or_else(String::new, |version| format!("@{version}"));
        let script = format!("{}{script}", run.script);
        Ok(Page {
            steps: step
                .map(|step| Steps::new(app, step, Some(told), Some(&run.scope), Some(script)))
                .transpose()?,
            badge: Badge::of_run(&run),
            progress: Progress::of(&run),
            counters: Counters::of(&run, &asked.outcome),
            groups,
            troubles,
            refused,
            course,
            timeline: app.runs().outcome_timeline(&run, timeline::PARTS)?.as_ref().and_then(Timeline::of),
            rows: part.items,
            pager: Pager::new(&base, &asked.cursor, &asked.trail, part.next.as_deref()),
            applied_by: if preview { app.runs().find_applying(run.id)? } else { None },
            undone_by: if preview { None } else { app.runs().find_undoing(run.id)? },
            approvals: app.runs().list_approvals(&run)?,
            within: within(app, &run)?,
            unapproved: match preview && run.state == RunState::Finished {
                true => app.runs().find_missing_approval(&run)?.map(|why| why.to_string()),
                false => None,
            },
            once: log::request_id().unwrap_or_default(),
            run,
            asked,
            shell,
        })
    };
    visitor.page("runs", page).await
}

fn within(app: &App, run: &Run) -> Result<Vec<String>, Problem> {
    let Scope::Within(ids) = &run.scope else { return Ok(Vec::new()) };
    let names = organizations(app)?;
    Ok(ids.iter().map(|id| names.get(id).cloned().unwrap_or_else(|| id.to_string())).collect())
}

fn row(outcome: TargetOutcome, run: &Run, zone: &Zone) -> Row {
    let columns = run.columns.iter().flatten().cloned();
    Row {
        badge: Badge::of_outcome(outcome.outcome),
        changes: Changes::of(&outcome.changes, zone),
        cells: columns.zip(outcome.cells.iter().flatten().cloned()).collect(),
        millis: format!("{:.1}", outcome.micros as f64 / 1_000.0),
        reply: None,
        outcome,
    }
}

fn around(app: &App, run: &Run, outcome: &TargetOutcome) -> Result<Around, Problem> {
    let Some((before, after)) = app.radius().compute_replies_around(run, outcome)? else {
        return Ok(Around::Moved);
    };
    let (before, after) = (before.lines(), after.lines());
    if before == after {
        return Ok(Around::Same(after));
    }
    let text = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    Ok(Around::Differs(diff_all(&text(&before), &text(&after))))
}

#[derive(Template)]
#[template(path = "run_script.html")]
struct ScriptPage {
    shell: Shell,
    run: Run,
    source: String,
}

/// The script as it was when the run was made, with lines to point at.
pub(super) async fn script(visitor: Visitor, Path(run): Path<RunId>) -> Result<Response, Problem> {
    let page = move |app: &App, shell| {
        let run = app.runs().find(run)?;
        Ok(ScriptPage { shell, source: app.runs().load_source(&run)?, run })
    };
    visitor.page("runs", page).await
}

/// The forms that change the run itself.
#[derive(Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub(super) enum RunForm {
    Begin {
        #[serde(default)]
        targets: String,
    },
    Cancel,
    Approve {
        plan: Option<String>,
    },
    Resume(LimitFields),
}

impl RunForm {
    fn submit(self, app: &App, server: &Server, run: RunId) -> Result<(), Problem> {
        match self {
            Self::Begin { targets } => {
                let targets = typed(&targets).ok_or_else(|| Problem::invalid(messages::TYPE_TARGETS))?;
                app.runs().start_held(run, targets)?;
            }
            Self::Cancel => drop(app.runs().cancel(run)?),
            Self::Approve { plan } => drop(app.runs().approve(run, plan.as_deref(), &mut |_| true)?),
            Self::Resume(limits) => {
                let request = ResumeRequest {
                    execution: execution(server, None)?,
                    time_limit: None,
                    brakes: limits.brakes()?,
                    confirmed: true,
                    queue: true,
                };
                app.runs().resume(run, &request, &Stop::default(), &mut Nobody)?;
            }
        }
        Ok(())
    }
}

/// Starts, cancels, approves or resumes a run.
pub(super) async fn act(
    visitor: Visitor,
    State(server): State<Server>,
    Path(run): Path<RunId>,
    TypedForm(form, _): TypedForm<RunForm>,
) -> Result<Response, Problem> {
    let app = visitor.app.clone();
    let done = aside(move || form.submit(&app, &server, run));
    answer(visitor, run, done.await.map(|()| run)).await
}

/// The form that applies the plan of a preview.
#[derive(Deserialize)]
pub(super) struct ApplyForm {
    plan: Option<String>,
    /// The number of changes, where there are many.
    #[serde(default)]
    typed: Trimmed,
    #[serde(flatten)]
    limits: LimitFields,
}

/// Creates the run that applies the plan of a preview.
pub(super) async fn apply(
    visitor: Visitor,
    Path(run): Path<RunId>,
    TypedForm(form, sent): TypedForm<ApplyForm>,
) -> Result<Response, Problem> {
    let app = visitor.app.clone();
    let made = aside(move || {
        let options = new_run_options(run, "apply", &form.limits, &sent)?;
        let preview = app.runs().find(run)?;
        let changes = preview.tally.get(Outcome::Changed);
        if must_type(&preview) && typed(&form.typed) != Some(changes) {
            return Err(Problem::invalid(messages::type_changes(changes)));
        }
        let request = ApplyRequest { plan: form.plan, options };
        Ok(app.runs().apply(run, &request, &Stop::default(), &mut Nobody)?.id)
    });
    answer(visitor, run, made.await).await
}

/// The form that undoes a run, for all users or for one.
#[derive(Deserialize)]
pub(super) struct UndoForm {
    #[serde(default)]
    user: String,
    #[serde(flatten)]
    limits: LimitFields,
}

/// Creates the preview that undoes a run.
pub(super) async fn undo(
    visitor: Visitor,
    Path(run): Path<RunId>,
    TypedForm(form, sent): TypedForm<UndoForm>,
) -> Result<Response, Problem> {
    let app = visitor.app.clone();
    let made = aside(move || {
        let options = new_run_options(run, "undo", &form.limits, &sent)?;
        let user = Some(form.user).filter(|user| !user.is_empty());
        let request = UndoRequest { mode: Mode::Preview, user, options };
        Ok(app.runs().undo(run, &request, &Stop::default(), &mut Nobody)?.id)
    });
    answer(visitor, run, made.await).await
}

/// The targets that a retry is for.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RetriedTargets {
    #[default]
    Failed,
    Conflicts,
    NotRun,
}

impl From<RetriedTargets> for Again {
    fn from(which: RetriedTargets) -> Self {
        match which {
            RetriedTargets::Failed => Self::Failed,
            RetriedTargets::Conflicts => Self::Conflicts,
            RetriedTargets::NotRun => Self::NotRun,
        }
    }
}

/// The form that retries targets of a run.
#[derive(Deserialize)]
pub(super) struct RetryForm {
    #[serde(default)]
    which: RetriedTargets,
    #[serde(flatten)]
    limits: LimitFields,
}

/// Creates the run that retries targets of another one.
pub(super) async fn retry(
    visitor: Visitor,
    State(server): State<Server>,
    Path(run): Path<RunId>,
    TypedForm(form, sent): TypedForm<RetryForm>,
) -> Result<Response, Problem> {
    let app = visitor.app.clone();
    let made = aside(move || {
        let options = new_run_options(run, "retry", &form.limits, &sent)?;
        let again = form.which.into();
        // What is left of a plan was previewed already.
        let planned = app.runs().find(run)?.replays().is_some() && again == Again::NotRun;
        let execution = execution(&server, None)?;
        let request = RetryRequest { again, preview: !planned, execution, time_limit: None, options };
        Ok(app.runs().retry(run, &request, &Stop::default(), &mut Nobody)?.id)
    });
    answer(visitor, run, made.await).await
}

/// The options of a run that follows another one: its limits, and the key that keeps it from being created twice.
fn new_run_options(run: RunId, act: &str, limits: &LimitFields, sent: &Sent) -> Result<RunOptions, Problem> {
    Ok(RunOptions { key: once(&routes::run_act(run, act), sent)?, ..limits.run_options()? })
}

/// A number as people type it.
fn typed(text: &str) -> Option<u64> {
    text.replace([',', ' ', '.', '\''], "").parse().ok()
}

async fn answer(visitor: Visitor, run: RunId, done: Result<RunId, Problem>) -> Result<Response, Problem> {
    match done {
        Ok(there) => Ok(see(routes::run(there))),
        Err(problem) if problem.status() == axum::http::StatusCode::NOT_FOUND => Err(problem),
        Err(problem) => show(visitor.told(problem), run, Asked::default()).await,
    }
}
