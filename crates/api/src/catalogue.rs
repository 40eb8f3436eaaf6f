//! Organizations, profiles, filters, scripts, settings and workers.

use rollcall_domain::{self as domain, ItemRow, Operator, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::Schema;

/// A RADIUS item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RadiusItem {
    /// The attribute's dictionary name, case and all.
    pub attr: String,
    /// The operator with which FreeRADIUS applies or compares it; reply items take `=`, `:=`, `+=` and `^=` only.
    #[schema(schema_with = super::operators)]
    pub operation: Operator,
    /// The value, as FreeRADIUS reads it.
    pub value: String,
}

impl std::fmt::Display for RadiusItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        domain::Item { attr: self.attr.clone(), operation: self.operation, value: self.value.clone() }.fmt(f)
    }
}

impl From<ItemRow> for RadiusItem {
    fn from(row: ItemRow) -> Self {
        Self { attr: row.attr, operation: row.operation, value: row.value }
    }
}

impl From<domain::Item> for RadiusItem {
    fn from(item: domain::Item) -> Self {
        Self { attr: item.attr, operation: item.operation, value: item.value }
    }
}

/// A tenant.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Organization {
    /// The ID of the organization.
    pub organization_id: i64,
    /// The unique name.
    pub name: String,
}

impl From<domain::Organization> for Organization {
    fn from(organization: domain::Organization) -> Self {
        Self { organization_id: organization.id, name: organization.name }
    }
}

/// A named set of RADIUS items.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Profile {
    /// The ID of the profile.
    pub profile_id: i64,
    /// The unique name.
    pub short_name: String,
    /// Whose users may have it; null: everybody's.
    pub organization: Option<Organization>,
    /// Sent in the reply, in order.
    pub reply: Vec<RadiusItem>,
    /// Compared with or added to the request, in order.
    pub check: Vec<RadiusItem>,
}

impl From<domain::Profile> for Profile {
    fn from(profile: domain::Profile) -> Self {
        Self {
            profile_id: profile.id,
            short_name: profile.short_name,
            organization: profile.organization.map(Into::into),
            reply: profile.reply.into_iter().map(RadiusItem::from).collect(),
            check: profile.check.into_iter().map(RadiusItem::from).collect(),
        }
    }
}

/// A condition under a name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SavedFilter {
    /// The unique name.
    pub name: String,
    /// Whose it is; null: everybody's.
    pub organization: Option<Organization>,
    /// The condition.
    pub filter: String,
    /// Who saved it last.
    pub administrator: String,
    /// When it was last saved.
    #[schema(value_type = String, format = DateTime)]
    pub saved_at: Timestamp,
}

impl From<domain::SavedFilter> for SavedFilter {
    fn from(saved: domain::SavedFilter) -> Self {
        Self {
            name: saved.name,
            organization: saved.organization.map(Into::into),
            filter: saved.filter,
            administrator: saved.administrator,
            saved_at: saved.saved_at,
        }
    }
}

/// The number of users that a filter selects.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FilterCheck {
    /// The filter's text; null: every user.
    pub filter: Option<String>,
    /// The number of users.
    pub users: u64,
    /// Whether there are more, and counting was stopped.
    pub more: bool,
}

/// One saved version of a script.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ScriptVersion {
    /// The script's name.
    pub script: String,
    /// Whose it is; null: everybody's.
    pub organization: Option<Organization>,
    /// From 1.
    pub version: i64,
    /// Who saved it.
    pub administrator: String,
    /// When this version was saved.
    #[schema(value_type = String, format = DateTime)]
    pub saved_at: Timestamp,
    /// Why.
    pub note: String,
    /// The Python source.
    pub source: String,
    /// Whether the source has errors: a draft cannot run.
    #[serde(default)]
    pub draft: bool,
}

/// Something that is wrong in a text, or probably is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScriptProblem)]
pub struct ScriptProblem {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// The fault, and how to correct it.
    pub message: String,
}

/// A parameter of a script.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Parameter {
    /// The name of the parameter.
    pub name: String,
    /// `int`, `float`, `str`, `bool`, `date` or `datetime`.
    pub kind: String,
    /// Whether it has no default.
    pub required: bool,
}

/// A script that was read without being executed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ScriptCheck {
    /// The first line of its documentation.
    pub title: Option<String>,
    /// The parameters that the script declares, in its order.
    pub parameters: Vec<Parameter>,
    /// Errors. A script with errors cannot be saved or run.
    pub faults: Vec<ScriptProblem>,
    /// Warnings about probable mistakes.
    pub warnings: Vec<ScriptProblem>,
    /// The columns of a file's rows that it can read; null: any of them.
    #[serde(default)]
    pub row_columns: Option<Vec<String>>,
}

/// A script to start from.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Sample {
    /// The unique name.
    pub name: String,
    /// The columns of the file that it reads, if it reads one.
    pub columns: Vec<String>,
    /// The Python source.
    pub source: String,
}

/// A name that scripts may use without importing it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ScriptApiMember {
    /// The name, as scripts write it.
    pub name: String,
    /// The kind of what it is written behind, with a dot; null: it stands by itself.
    pub member_of: Option<String>,
    /// Its type, or that of what it gives, as Python would write it.
    pub kind: String,
    /// Whether scripts may read or write it.
    #[schema(schema_with = accesses)]
    pub access: String,
    /// The signature, if it is a method.
    pub signature: Option<String>,
    /// Its purpose.
    pub description: String,
}

fn accesses() -> Schema {
    super::names("Whether scripts can read, write or call it.", ["read", "read_write", "call"])
}

/// A setting of the installation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Setting {
    /// The name of the setting.
    pub name: String,
    /// Null: it is not set.
    pub value: Option<String>,
}

/// A process that executes runs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Worker {
    /// The name of the machine.
    pub host: String,
    /// The process ID there.
    pub pid: u32,
    /// Whether it is heard of.
    pub alive: bool,
    /// Whether it takes nothing more.
    pub draining: bool,
    /// When the process started.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When the process last reported.
    #[schema(value_type = String, format = DateTime)]
    pub last_seen_at: Timestamp,
    /// The number of scripts that it executes at the same time.
    pub concurrency: u64,
    /// The run that it is at.
    pub run_id: Option<i64>,
    /// Outcomes that it has committed.
    pub committed: u64,
    /// Recent outcomes per second.
    pub outcomes_per_second: u64,
}

/// The result of pruning.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PruneResult {
    /// Runs of which only the counters are left.
    pub runs: u64,
    /// Targets, outcomes and journals that were removed.
    pub rows: u64,
    /// Older runs that stay whole, because they can still go on, or because one needs them that can.
    pub kept: u64,
    /// Answers of FreeRADIUS that were removed.
    pub logins: u64,
    /// Sessions that were removed.
    pub sessions: u64,
}

impl ScriptVersion {
    /// A saved version. `draft` says whether its source has errors.
    #[must_use]
    pub fn new(version: domain::ScriptVersion, draft: bool) -> Self {
        Self {
            script: version.script,
            organization: version.organization.map(Into::into),
            version: version.version,
            administrator: version.administrator,
            saved_at: version.saved_at,
            note: version.note,
            source: version.source,
            draft,
        }
    }
}

impl SavedFilter {
    /// The name with that of the organization, if it belongs to one: `NORTH:gold`.
    #[must_use]
    pub fn full_name(&self) -> String {
        full_name(self.organization.as_ref(), &self.name)
    }
}

impl ScriptVersion {
    /// The name with that of the organization, if it belongs to one: `NORTH:extend`.
    #[must_use]
    pub fn full_name(&self) -> String {
        full_name(self.organization.as_ref(), &self.script)
    }
}

fn full_name(organization: Option<&Organization>, name: &str) -> String {
    organization.map_or_else(|| name.to_owned(), |organization| format!("{}:{name}", organization.name))
}
