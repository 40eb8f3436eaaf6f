use std::borrow::Cow;
use std::fmt;

use rollcall_app::runs;
use rollcall_domain::{self as domain, FieldChange, Mismatch, RefusedCall, ScriptError};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::Item;

/// What happened to one target of a run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Outcome)]
pub(crate) struct Outcome {
    /// Its number in the run, from 1.
    pub(crate) target: i64,
    pub(crate) obj_id: i64,
    /// The user's name before the run; null: the user was gone.
    pub(crate) username: Option<String>,
    #[schema(schema_with = super::outcomes)]
    pub(crate) outcome: domain::Outcome,
    /// What was changed, or in a preview would be.
    pub(crate) changes: Vec<Change>,
    /// What the script put into `result`.
    #[schema(value_type = Option<Object>)]
    pub(crate) result: Option<Box<RawValue>>,
    /// What the script printed.
    pub(crate) output: String,
    /// Warnings, which do not make the target fail; the messages of `refused_calls` are among them.
    pub(crate) warnings: Vec<String>,
    /// Calls of the script that were answered with `False` because they can never be right: `message`, `line`.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub(crate) refused_calls: Vec<RefusedCall>,
    /// Why it failed: `type`, `message`, `line`, `traceback`.
    #[schema(value_type = Option<Object>)]
    pub(crate) error: Option<ScriptError>,
    /// In a conflict, what of the user was not as it had to be: `subject`, `expected`, `found`.
    #[schema(value_type = Vec<Object>)]
    pub(crate) mismatches: Vec<Mismatch>,
    /// The reason given to `skip`.
    pub(crate) reason: Option<String>,
    /// The row of a file: header to text.
    #[schema(value_type = Option<Object>)]
    pub(crate) row: Option<Row>,
    /// How long the script took, in microseconds; given where a script is tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) micros: Option<i64>,
}

impl Outcome {
    /// `run` is the run that it belongs to.
    pub(crate) fn new(outcome: domain::TargetOutcome, run: &domain::Run) -> Self {
        let columns = run.columns.as_deref();
        Self::of(outcome, columns)
    }

    /// An outcome of a target whose row, if it has one, has these columns.
    pub(crate) fn of(outcome: domain::TargetOutcome, columns: Option<&[String]>) -> Self {
        Self {
            target: outcome.target,
            obj_id: outcome.user_id,
            username: outcome.username,
            outcome: outcome.outcome,
            changes: outcome.changes.into_iter().map(Change::from).collect(),
            result: outcome.result.and_then(|text| RawValue::from_string(text).ok()),
            output: outcome.output,
            warnings: outcome.warnings,
            refused_calls: outcome.refused_calls,
            error: outcome.error,
            mismatches: outcome.mismatches,
            reason: outcome.reason,
            row: columns.zip(outcome.cells).map(|(columns, cells)| Row { columns: columns.to_vec(), cells }),
            micros: None,
        }
    }
}

/// The row of a target.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) columns: Vec<String>,
    pub(crate) cells: Vec<String>,
}

impl Serialize for Row {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.columns.iter().zip(&self.cells))
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Row;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
                let mut row = Row { columns: Vec::new(), cells: Vec::new() };
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

/// A change without what only taking it back needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(crate) enum Change {
    Set(FieldChange),
    ProfileAdd { short_name: String },
    ProfileRemove { short_name: String },
    AttributeAdd(Item),
    AttributeRemove(Item),
    CheckAttributeAdd(Item),
    CheckAttributeRemove(Item),
}

impl From<domain::Change> for Change {
    fn from(change: domain::Change) -> Self {
        use domain::Change as Written;
        match change {
            Written::Set(change) => Self::Set(change),
            Written::ProfileAdd(profile) => Self::ProfileAdd { short_name: profile.short_name },
            Written::ProfileRemove(profile) => Self::ProfileRemove { short_name: profile.short_name },
            Written::AttributeAdd(row) => Self::AttributeAdd(row.into()),
            Written::AttributeRemove(row) => Self::AttributeRemove(row.into()),
            Written::CheckAttributeAdd(row) => Self::CheckAttributeAdd(row.into()),
            Written::CheckAttributeRemove(row) => Self::CheckAttributeRemove(row.into()),
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
            .property("op", super::names(ops))
            .required("op")
            .property("field", text().description(Some("of `set`: the field")))
            .property("before", any("of `set`: its value before"))
            .property("after", any("of `set`: its value after"))
            .property("short_name", text().description(Some("of `profile_…`: the profile")))
            .property("attr", text().description(Some("of `…attribute_…`: the attribute")))
            .property("operation", super::operators())
            .property("value", text())
            .into()
    }
}

impl ToSchema for Change {
    fn name() -> Cow<'static, str> {
        "Change".into()
    }
}

/// Users to whom the same was done.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Group {
    /// How many.
    pub(crate) users: u64,
    /// What was done, a line each.
    pub(crate) changes: Vec<String>,
    /// Some of their names.
    pub(crate) examples: Vec<String>,
}

impl From<runs::Group> for Group {
    fn from(group: runs::Group) -> Self {
        Self { users: group.users, changes: group.changes, examples: group.examples }
    }
}

/// What scripts have left in `result`, as the columns of a table.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ResultColumns {
    pub(crate) names: Vec<String>,
    /// Whether there are more, which stay together in one column.
    pub(crate) more: bool,
}

impl From<runs::ResultColumns> for ResultColumns {
    fn from(columns: runs::ResultColumns) -> Self {
        Self { names: columns.names, more: columns.more }
    }
}

/// What of a run somebody should look at, in groups.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Troubles {
    /// Calls of the script that can never be right, of targets that changed or stayed unchanged all the same.
    #[serde(default)]
    pub(crate) refused_calls: Vec<RefusedCalls>,
    /// The number of targets that `refused_calls` are about.
    #[serde(default)]
    pub(crate) refused_targets: u64,
    /// Warnings other than those of refused calls, grouped by their text.
    pub(crate) warnings: Vec<Warned>,
    /// What failed, timed out or was in conflict.
    pub(crate) failures: Vec<Failure>,
    /// The number of targets that printed output, which their outcomes hold.
    #[serde(default)]
    pub(crate) printed: u64,
}

/// Targets with one refused call in common.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct RefusedCalls {
    /// Why the call was refused.
    pub(crate) message: String,
    /// The line of the script that made the call, from 1.
    pub(crate) line: Option<u32>,
    /// The number of targets.
    pub(crate) users: u64,
    /// The name of the first user.
    pub(crate) example: String,
}

/// Users with the same warning.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Warned {
    pub(crate) warning: String,
    /// How many.
    pub(crate) users: u64,
    /// The name of the first one.
    pub(crate) example: String,
}

/// Users whose errors have their type and line in common.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Failure {
    #[schema(schema_with = super::outcomes)]
    pub(crate) outcome: domain::Outcome,
    /// The error of the first one: `type`, `message`, `line`.
    #[schema(value_type = Object)]
    pub(crate) error: ScriptError,
    /// How many.
    pub(crate) users: u64,
    /// The name of the first one.
    pub(crate) example: String,
}

impl From<runs::Troubles> for Troubles {
    fn from(troubles: runs::Troubles) -> Self {
        let warned = |runs::Warned { warning, users, example }| Warned { warning, users, example };
        let refused = |runs::RefusedCalls { call, users, example }| {
            let RefusedCall { message, line } = call;
            RefusedCalls { message, line, users, example }
        };
        let failure =
            |runs::Failure { outcome, error, users, example }| Failure { outcome, error, users, example };
        Self {
            refused_calls: troubles.refused_calls.into_iter().map(refused).collect(),
            refused_targets: troubles.refused_targets,
            warnings: troubles.warnings.into_iter().map(warned).collect(),
            failures: troubles.failures.into_iter().map(failure).collect(),
            printed: troubles.printed,
        }
    }
}
