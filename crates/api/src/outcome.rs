//! Outcomes of targets: changes, errors and their groups.

use std::borrow::Cow;
use std::fmt;

use rollcall_domain::{self as domain, Field, Times, Value, one_line};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::RadiusItem;

/// The outcome of one target of a run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Outcome)]
pub struct Outcome {
    /// Its number in the run, from 1.
    pub target: i64,
    /// The ID of the user.
    pub obj_id: i64,
    /// The user's name before the run; null: the user was gone.
    pub username: Option<String>,
    /// The kind of outcome.
    #[schema(schema_with = super::outcomes)]
    pub outcome: domain::Outcome,
    /// The changes; in a preview, the planned changes.
    pub changes: Vec<Change>,
    /// The `result` of the script.
    #[schema(value_type = Option<Object>)]
    pub result: Option<Box<RawValue>>,
    /// The output of the script.
    pub output: String,
    /// Warnings, which do not make the target fail; the messages of `refused_calls` are among them.
    pub warnings: Vec<String>,
    /// Calls of the script that were answered with `False` because they can never be right: `message`, `line`.
    #[serde(default)]
    pub rejected_calls: Vec<RejectedCall>,
    /// Why it failed: `type`, `message`, `line`, `traceback`.
    pub error: Option<ScriptError>,
    /// In a conflict, what of the user was not as it had to be: `subject`, `expected`, `found`.
    pub mismatches: Vec<Mismatch>,
    /// The reason given to `skip`.
    pub reason: Option<String>,
    /// The row of a file: header to text.
    #[schema(value_type = Option<Object>)]
    pub row: Option<FileRow>,
    /// The duration of the script, in microseconds; present in script tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<i64>,
}

impl Outcome {
    /// `run` is the run that it belongs to.
    pub fn new(outcome: domain::TargetOutcome, run: &domain::Run) -> Self {
        let columns = run.columns.as_deref();
        Self::of(outcome, columns)
    }

    /// An outcome of a target whose row, if it has one, has these columns.
    pub fn of(outcome: domain::TargetOutcome, columns: Option<&[String]>) -> Self {
        Self {
            target: outcome.target,
            obj_id: outcome.user_id,
            username: outcome.username,
            outcome: outcome.outcome,
            changes: outcome.changes.into_iter().map(Change::from).collect(),
            result: outcome.result.and_then(|text| RawValue::from_string(text).ok()),
            output: outcome.output,
            warnings: outcome.warnings,
            rejected_calls: outcome.refused_calls.into_iter().map(Into::into).collect(),
            error: outcome.error.map(Into::into),
            mismatches: outcome.mismatches.into_iter().map(Into::into).collect(),
            reason: outcome.reason,
            row: columns
                .zip(outcome.cells)
                .map(|(columns, cells)| FileRow { columns: columns.to_vec(), cells }),
            duration_us: None,
        }
    }
}

impl Outcome {
    /// The name of the user before the run; `user #7 (removed)` if it is not known because the user was removed.
    #[must_use]
    pub fn display_name(&self) -> String {
        self.username.clone().unwrap_or_else(|| format!("user #{} (removed)", self.obj_id))
    }

    /// The reason why the target did not simply work, in one line; empty if it did.
    #[must_use]
    pub fn why(&self) -> String {
        match (&self.error, &self.reason) {
            // The line first: a table may cut the rest.
            (Some(error), _) => match error.line {
                Some(line) => {
                    format!("line {line}: {}", ScriptError { line: None, ..error.clone() }.in_one_line())
                }
                None => error.in_one_line(),
            },
            (None, Some(reason)) => reason.clone(),
            (None, None) => String::new(),
        }
    }
}

/// The error with which a script ended for a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScriptError {
    /// The type of the exception, such as `ValueError`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its message.
    pub message: String,
    /// The line of the script that is to blame, from 1; null: none is.
    pub line: Option<u32>,
    /// The traceback, of the frames of the script only.
    pub traceback: Option<String>,
}

impl ScriptError {
    /// The error as a line: `OverflowError: date value out of range (line 9)`.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        domain::ScriptError::from(self.clone()).in_one_line()
    }
}

impl From<ScriptError> for domain::ScriptError {
    fn from(error: ScriptError) -> Self {
        let ScriptError { kind, message, line, traceback } = error;
        Self { kind, message, line, traceback }
    }
}

impl From<domain::ScriptError> for ScriptError {
    fn from(error: domain::ScriptError) -> Self {
        let domain::ScriptError { kind, message, line, traceback } = error;
        Self { kind, message, line, traceback }
    }
}

/// A call of a script that was answered with `False` because it can never be right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectedCall {
    /// Why the call was refused.
    pub message: String,
    /// The line of the script that made the call, from 1.
    pub line: Option<u32>,
}

impl From<domain::RefusedCall> for RejectedCall {
    fn from(call: domain::RefusedCall) -> Self {
        let domain::RefusedCall { message, line } = call;
        Self { message, line }
    }
}

/// In a conflict, something of the user that was not as the change expected it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mismatch {
    /// The field, profile or attribute that differs.
    pub subject: String,
    /// The state from which the change starts.
    pub expected: String,
    /// The state that was found.
    pub found: String,
}

impl From<domain::Mismatch> for Mismatch {
    fn from(mismatch: domain::Mismatch) -> Self {
        let domain::Mismatch { subject, expected, found } = mismatch;
        Self { subject, expected, found }
    }
}

/// The row of a target.
#[derive(Debug, Clone)]
pub struct FileRow {
    /// The header, column by column.
    pub columns: Vec<String>,
    /// The text of each cell.
    pub cells: Vec<String>,
}

impl Serialize for FileRow {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.columns.iter().zip(&self.cells))
    }
}

impl<'de> Deserialize<'de> for FileRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = FileRow;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FileRow, A::Error> {
                let mut row = FileRow { columns: Vec::new(), cells: Vec::new() };
                while let Some((column, cell)) = map.next_entry()? {
                    row.columns.push(column);
                    row.cells.push(cell);
                }
                Ok(row)
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// A field's value before and after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UntypedFieldChange")]
pub struct FieldChange {
    /// The field.
    pub field: Field,
    /// Its value before.
    pub before: Value,
    /// Its value after.
    pub after: Value,
}

/// A field change as JSON has it: the types of its values follow from the field.
#[derive(Deserialize)]
struct UntypedFieldChange {
    field: Field,
    before: serde_json::Value,
    after: serde_json::Value,
}

impl TryFrom<UntypedFieldChange> for FieldChange {
    type Error = serde_json::Error;

    fn try_from(change: UntypedFieldChange) -> Result<Self, Self::Error> {
        let UntypedFieldChange { field, before, after } = change;
        Ok(Self { field, before: Value::from_json(field, before)?, after: Value::from_json(field, after)? })
    }
}

impl From<domain::FieldChange> for FieldChange {
    fn from(change: domain::FieldChange) -> Self {
        let domain::FieldChange { field, before, after } = change;
        Self { field, before, after }
    }
}

/// A change without the positions that only an undo needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Change {
    /// A field got another value.
    Set(FieldChange),
    /// A profile was assigned.
    ProfileAdd {
        /// Its name.
        short_name: String,
    },
    /// A profile was removed.
    ProfileRemove {
        /// Its name.
        short_name: String,
    },
    /// A reply item was added.
    AttributeAdd(RadiusItem),
    /// A reply item was removed.
    AttributeRemove(RadiusItem),
    /// A check item was added.
    CheckAttributeAdd(RadiusItem),
    /// A check item was removed.
    CheckAttributeRemove(RadiusItem),
}

/// The side of a change on which a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeSide {
    /// The value before the change.
    Before,
    /// The value after the change.
    After,
}

impl Change {
    /// The change as one line: `klass: "basic" → "plus"` or `+ profile gold`. `paint` may colour a text by its side.
    #[must_use]
    pub fn describe(&self, times: &Times, paint: impl Fn(ChangeSide, &str) -> String) -> String {
        let value = |value: &Value| match value {
            Value::Text(text) => format!("{text:?}"),
            Value::Time(None) => "none".to_owned(),
            other => times.value(other.as_ref()),
        };
        let added = |what: String| paint(ChangeSide::After, &one_line(&format!("+ {what}")));
        let removed = |what: String| paint(ChangeSide::Before, &one_line(&format!("− {what}")));
        match self {
            Self::Set(FieldChange { field, before, after }) => {
                let (before, after) =
                    (paint(ChangeSide::Before, &value(before)), paint(ChangeSide::After, &value(after)));
                format!("{field}: {before} → {after}")
            }
            Self::ProfileAdd { short_name } => added(format!("profile {short_name}")),
            Self::ProfileRemove { short_name } => removed(format!("profile {short_name}")),
            Self::AttributeAdd(item) => added(format!("attribute {item}")),
            Self::AttributeRemove(item) => removed(format!("attribute {item}")),
            Self::CheckAttributeAdd(item) => added(format!("check attribute {item}")),
            Self::CheckAttributeRemove(item) => removed(format!("check attribute {item}")),
        }
    }
}

impl From<domain::Change> for Change {
    fn from(change: domain::Change) -> Self {
        use domain::Change as Kept;
        match change {
            Kept::Set(change) => Self::Set(change.into()),
            Kept::ProfileAdd(profile) => Self::ProfileAdd { short_name: profile.short_name },
            Kept::ProfileRemove(profile) => Self::ProfileRemove { short_name: profile.short_name },
            Kept::AttributeAdd(row) => Self::AttributeAdd(row.into()),
            Kept::AttributeRemove(row) => Self::AttributeRemove(row.into()),
            Kept::CheckAttributeAdd(row) => Self::CheckAttributeAdd(row.into()),
            Kept::CheckAttributeRemove(row) => Self::CheckAttributeRemove(row.into()),
        }
    }
}

/// One object with what goes with its `op`: that is how most programs read it.
impl PartialSchema for Change {
    fn schema() -> RefOr<Schema> {
        let ops = [
            "set",
            "profile_add",
            "profile_remove",
            "attribute_add",
            "attribute_remove",
            "check_attribute_add",
            "check_attribute_remove",
        ];
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let any = |what| {
            ObjectBuilder::new()
                .schema_type(utoipa::openapi::schema::SchemaType::AnyValue)
                .description(Some(what))
        };
        ObjectBuilder::new()
            .property("op", super::names("The kind of change.", ops))
            .required("op")
            .property("field", text().description(Some("of `set`: the field")))
            .property("before", any("of `set`: its value before"))
            .property("after", any("of `set`: its value after"))
            .property("short_name", text().description(Some("of `profile_…`: the profile")))
            .property("attr", text().description(Some("of `…attribute_…`: the attribute")))
            .property("operation", super::operators())
            .property("value", text().description(Some("of `…attribute_…`: the value")))
            .description(Some("A change of a user. `op` says which other members it has."))
            .into()
    }
}

impl ToSchema for Change {
    fn name() -> Cow<'static, str> {
        "Change".into()
    }
}

/// A group of targets with equal changes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChangeGroup {
    /// The number of targets.
    pub users: u64,
    /// The changes, a line each.
    pub changes: Vec<String>,
    /// Some of their names.
    pub examples: Vec<String>,
}

/// The results of scripts, as the columns of a table.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ResultColumns {
    /// The names of the results, in the order in which they first come up.
    pub names: Vec<String>,
    /// Whether there are more, which stay together in one column.
    pub more: bool,
}

/// The problems of a run, in groups.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunProblems {
    /// Calls of the script that can never be right, of targets that changed or stayed unchanged all the same.
    #[serde(default)]
    pub rejected_calls: Vec<RejectedCallGroup>,
    /// The number of targets that `refused_calls` are about.
    #[serde(default)]
    pub targets_with_rejected_calls: u64,
    /// Warnings other than those of refused calls, grouped by their text.
    pub warnings: Vec<WarningGroup>,
    /// Targets that failed, timed out or were in conflict.
    pub failures: Vec<FailureGroup>,
    /// The number of targets that printed output, which their outcomes hold.
    #[serde(default)]
    pub printed: u64,
}

/// Targets with one refused call in common.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RejectedCallGroup {
    /// Why the call was refused.
    pub message: String,
    /// The line of the script that made the call, from 1.
    pub line: Option<u32>,
    /// The number of targets.
    pub users: u64,
    /// The name of the first user.
    pub example: String,
}

/// Users with the same warning.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WarningGroup {
    /// The text of the warning.
    pub warning: String,
    /// The number of targets.
    pub users: u64,
    /// The name of the first one.
    pub example: String,
}

/// Users whose errors have their type and line in common.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FailureGroup {
    /// `failed`, `timed_out` or `conflict`.
    #[schema(schema_with = super::outcomes)]
    pub outcome: domain::Outcome,
    /// The error of the first one: `type`, `message`, `line`.
    pub error: ScriptError,
    /// The number of targets.
    pub users: u64,
    /// The name of the first one.
    pub example: String,
}
