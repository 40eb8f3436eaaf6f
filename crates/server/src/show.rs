//! Users, changes and outcomes in the forms that the command line shows: the JSON contracts, and lines for people.

use rollcall_domain::{
    Approval, Change, FieldChange, Item, ItemRow, Mismatch, Outcome, Run, Scope, ScriptError, TargetOutcome,
    Value,
};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::output::one_line;
use crate::style::{self, paint};

/// A run, as `run --json`, `runs show` and `runs list` give it.
#[derive(Serialize)]
pub(crate) struct RunJson<'a> {
    run: i64,
    mode: rollcall_domain::Mode,
    state: rollcall_domain::RunState,
    targets: u64,
    outcomes: rollcall_domain::Tally,
    seconds: f64,
    applies: Option<i64>,
    undoes: Option<i64>,
    script: &'a str,
    script_version: Option<i64>,
    params: Option<&'a RawValue>,
    selection: &'a rollcall_domain::Selection,
    /// The numbers of those within which it is; null: everywhere.
    organizations: Option<Vec<i64>>,
    administrator: &'a str,
    created_at: rollcall_domain::Timestamp,
    note: Option<&'a str>,
    plan: Option<&'a str>,
    settings: &'a rollcall_domain::Settings,
    pruned_at: Option<rollcall_domain::Timestamp>,
    /// Given by `runs show` and `runs approve` where there are some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    approvals: Vec<ApprovalJson>,
}

/// Who has approved which plan.
#[derive(Serialize)]
struct ApprovalJson {
    who: String,
    at: rollcall_domain::Timestamp,
    plan: String,
}

impl<'a> RunJson<'a> {
    pub(crate) fn new(run: &'a Run) -> Self {
        Self {
            run: run.id,
            mode: run.mode,
            state: run.state,
            targets: run.targets,
            outcomes: run.final_tally(),
            seconds: seconds(run),
            applies: run.applies,
            undoes: run.undoes,
            script: &run.script,
            script_version: run.script_version,
            params: serde_json::from_str(&run.params).ok(),
            selection: &run.selection,
            organizations: match &run.scope {
                Scope::Everywhere => None,
                Scope::Within(organizations) => Some(organizations.iter().copied().collect()),
            },
            administrator: &run.administrator,
            created_at: run.created_at,
            note: run.note.as_deref(),
            plan: run.plan.as_deref(),
            settings: &run.settings,
            pruned_at: run.pruned_at,
            approvals: Vec::new(),
        }
    }

    /// The same, with who has approved its plan.
    pub(crate) fn approved(self, approvals: &[Approval]) -> Self {
        let one = |approval: &Approval| {
            let Approval { who, at, plan, .. } = approval.clone();
            ApprovalJson { who, at, plan }
        };
        Self { approvals: approvals.iter().map(one).collect(), ..self }
    }
}

/// A time for people, to the second: the whole value is in the JSON.
pub(crate) fn short_time(time: rollcall_domain::Timestamp) -> String {
    time.to_string().chars().take(19).chain(['Z']).collect()
}

/// How long a run was executed.
pub(crate) fn seconds(run: &Run) -> f64 {
    run.millis as f64 / 1_000.0
}

/// An outcome, as `runs outcomes` gives it.
#[derive(Serialize)]
pub(crate) struct OutcomeJson<'a> {
    target: i64,
    obj_id: i64,
    username: Option<&'a str>,
    outcome: Outcome,
    changes: Vec<ChangeJson<'a>>,
    result: Option<&'a RawValue>,
    output: &'a str,
    warnings: &'a [String],
    error: Option<&'a ScriptError>,
    mismatches: &'a [Mismatch],
    reason: Option<&'a str>,
    row: Option<RowJson<'a>>,
}

impl<'a> OutcomeJson<'a> {
    /// `run` is the run that it belongs to.
    pub(crate) fn new(outcome: &'a TargetOutcome, run: &'a Run) -> Self {
        Self {
            target: outcome.target,
            obj_id: outcome.user_id,
            username: outcome.username.as_deref(),
            outcome: outcome.outcome,
            changes: outcome.changes.iter().map(ChangeJson::from).collect(),
            result: outcome.result.as_deref().and_then(|text| serde_json::from_str(text).ok()),
            output: &outcome.output,
            warnings: &outcome.warnings,
            error: outcome.error.as_ref(),
            mismatches: &outcome.mismatches,
            reason: outcome.reason.as_deref(),
            row: run
                .columns
                .as_deref()
                .zip(outcome.cells.as_deref())
                .map(|(columns, cells)| RowJson { columns, cells }),
        }
    }
}

/// The row of a target: header to text.
struct RowJson<'a> {
    columns: &'a [String],
    cells: &'a [String],
}

impl Serialize for RowJson<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.columns.iter().zip(self.cells))
    }
}

/// A change without what only taking it back needs.
#[derive(Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(crate) enum ChangeJson<'a> {
    Set { field: rollcall_domain::Field, before: &'a Value, after: &'a Value },
    ProfileAdd { short_name: &'a str },
    ProfileRemove { short_name: &'a str },
    AttributeAdd(ItemJson<'a>),
    AttributeRemove(ItemJson<'a>),
    CheckAttributeAdd(ItemJson<'a>),
    CheckAttributeRemove(ItemJson<'a>),
}

#[derive(Serialize)]
pub(crate) struct ItemJson<'a> {
    attr: &'a str,
    operation: rollcall_domain::Operator,
    value: &'a str,
}

impl<'a> From<&'a ItemRow> for ItemJson<'a> {
    fn from(row: &'a ItemRow) -> Self {
        Self { attr: &row.attr, operation: row.operation, value: &row.value }
    }
}

impl<'a> From<&'a Change> for ChangeJson<'a> {
    fn from(change: &'a Change) -> Self {
        match change {
            Change::Set(FieldChange { field, before, after }) => Self::Set { field: *field, before, after },
            Change::ProfileAdd(profile) => Self::ProfileAdd { short_name: &profile.short_name },
            Change::ProfileRemove(profile) => Self::ProfileRemove { short_name: &profile.short_name },
            Change::AttributeAdd(row) => Self::AttributeAdd(row.into()),
            Change::AttributeRemove(row) => Self::AttributeRemove(row.into()),
            Change::CheckAttributeAdd(row) => Self::CheckAttributeAdd(row.into()),
            Change::CheckAttributeRemove(row) => Self::CheckAttributeRemove(row.into()),
        }
    }
}

/// A change as one coloured line.
pub(crate) fn change_line(change: &Change) -> String {
    let added = |what: String| paint(style::NEW, &one_line(&format!("+ {what}")));
    let removed = |what: String| paint(style::OLD, &one_line(&format!("− {what}")));
    match change {
        Change::Set(FieldChange { field, before, after }) => {
            format!("{field}: {} → {}", paint(style::OLD, &value(before)), paint(style::NEW, &value(after)))
        }
        Change::ProfileAdd(profile) => added(format!("profile {}", profile.short_name)),
        Change::ProfileRemove(profile) => removed(format!("profile {}", profile.short_name)),
        Change::AttributeAdd(row) => added(format!("attribute {row}")),
        Change::AttributeRemove(row) => removed(format!("attribute {row}")),
        Change::CheckAttributeAdd(row) => added(format!("check attribute {row}")),
        Change::CheckAttributeRemove(row) => removed(format!("check attribute {row}")),
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Time(None) => "none".to_owned(),
        other => other.as_ref().to_string(),
    }
}

/// All changes of an outcome in one cell.
pub(crate) fn changes_cell(outcome: &TargetOutcome) -> String {
    let lines: Vec<_> = outcome.changes.iter().map(change_line).collect();
    anstream::adapter::strip_str(&lines.join("; ")).to_string()
}

/// Why a target has not simply worked, in one cell.
pub(crate) fn why_cell(outcome: &TargetOutcome) -> String {
    match (&outcome.error, &outcome.reason) {
        // The line first: a table may cut the rest.
        (Some(error @ ScriptError { line: Some(line), .. }), _) => {
            let bare = ScriptError { line: None, ..error.clone() };
            format!("line {line}: {}", error_text(&bare))
        }
        (Some(error), _) => error_text(error),
        (None, Some(reason)) => reason.clone(),
        (None, None) => String::new(),
    }
}

/// `OverflowError: date value out of range (line 9)`
pub(crate) fn error_text(error: &ScriptError) -> String {
    let line = error.line.map_or_else(String::new, |line| format!(" (line {line})"));
    let text = if error.message.is_empty() {
        format!("{}{line}", error.kind)
    } else {
        format!("{}: {}{line}", error.kind, error.message)
    };
    one_line(&text)
}

/// Items as one cell.
pub(crate) fn items_cell(items: &[Item]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The counts of a run: `changed 9 · failed 1`.
pub(crate) fn tally_line(tally: &rollcall_domain::Tally) -> String {
    let shown = tally.iter().filter(|(_, n)| *n > 0).map(|(outcome, n)| {
        let style = match outcome {
            Outcome::Changed => style::GOOD,
            Outcome::Unchanged | Outcome::Skipped => style::FAINT,
            Outcome::Failed | Outcome::TimedOut | Outcome::Conflict => style::BAD,
            Outcome::NotRun => style::WARN,
        };
        paint(style, &format!("{} {}", outcome.name().replace('_', " "), style::grouped(n)))
    });
    let shown: Vec<_> = shown.collect();
    if shown.is_empty() { "nothing to do".to_owned() } else { shown.join(" · ") }
}
