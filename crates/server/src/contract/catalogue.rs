use rollcall_app::runs::WorkerInfo;
use rollcall_app::scripts;
use rollcall_domain::{self as domain, ItemRow, Operator, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::Schema;

/// A RADIUS item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Item {
    /// The attribute's dictionary name, case and all.
    pub(crate) attr: String,
    /// How FreeRADIUS applies or compares it; reply items take `=`, `:=`, `+=` and `^=` only.
    #[schema(schema_with = super::operators)]
    pub(crate) operation: Operator,
    pub(crate) value: String,
}

impl From<ItemRow> for Item {
    fn from(row: ItemRow) -> Self {
        Self { attr: row.attr, operation: row.operation, value: row.value }
    }
}

impl From<domain::Item> for Item {
    fn from(item: domain::Item) -> Self {
        Self { attr: item.attr, operation: item.operation, value: item.value }
    }
}

/// A tenant.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Organization {
    pub(crate) id: i64,
    pub(crate) name: String,
}

impl From<domain::Organization> for Organization {
    fn from(organization: domain::Organization) -> Self {
        Self { id: organization.id, name: organization.name }
    }
}

/// A named set of RADIUS items.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Profile {
    pub(crate) id: i64,
    pub(crate) short_name: String,
    /// Whose users may have it; null: everybody's.
    pub(crate) organization: Option<Organization>,
    /// Sent in the reply, in order.
    pub(crate) reply: Vec<Item>,
    /// Compared with or added to the request, in order.
    pub(crate) check: Vec<Item>,
}

impl From<domain::Profile> for Profile {
    fn from(profile: domain::Profile) -> Self {
        Self {
            id: profile.id,
            short_name: profile.short_name,
            organization: profile.organization.map(Into::into),
            reply: profile.reply.into_iter().map(Item::from).collect(),
            check: profile.check.into_iter().map(Item::from).collect(),
        }
    }
}

/// A condition under a name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Filter {
    pub(crate) name: String,
    /// Whose it is; null: everybody's.
    pub(crate) organization: Option<Organization>,
    /// The condition.
    pub(crate) filter: String,
    /// Who saved it last.
    pub(crate) administrator: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) saved_at: Timestamp,
}

impl From<domain::SavedFilter> for Filter {
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

/// How many users a filter selects.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Count {
    /// The filter's text; null: every user.
    pub(crate) filter: Option<String>,
    pub(crate) users: u64,
    /// Whether there are more, and counting was stopped.
    pub(crate) more: bool,
}

/// One saved state of a script.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Script {
    /// The script's name.
    pub(crate) script: String,
    /// Whose it is; null: everybody's.
    pub(crate) organization: Option<Organization>,
    /// From 1.
    pub(crate) version: i64,
    /// Who saved it.
    pub(crate) administrator: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) saved_at: Timestamp,
    /// Why.
    pub(crate) note: String,
    /// The Python source.
    pub(crate) source: String,
    /// Whether the source has errors: a draft cannot run.
    #[serde(default)]
    pub(crate) draft: bool,
}

impl From<domain::ScriptVersion> for Script {
    fn from(version: domain::ScriptVersion) -> Self {
        Self {
            draft: scripts::is_draft(&version.source),
            script: version.script,
            organization: version.organization.map(Into::into),
            version: version.version,
            administrator: version.administrator,
            saved_at: version.saved_at,
            note: version.note,
            source: version.source,
        }
    }
}

/// Something that is wrong in a text, or probably is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScriptFault)]
pub(crate) struct Fault {
    /// From 1.
    pub(crate) line: u32,
    /// In characters, from 1.
    pub(crate) column: u32,
    pub(crate) message: String,
}

impl From<&scripts::Fault> for Fault {
    fn from(fault: &scripts::Fault) -> Self {
        Self { line: fault.line, column: fault.column, message: fault.message.clone() }
    }
}

/// What a script wants to be told.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    /// `int`, `float`, `str`, `bool`, `date` or `datetime`.
    pub(crate) kind: String,
    pub(crate) required: bool,
}

/// A script that was read without being executed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Checked {
    /// The first line of its documentation.
    pub(crate) title: Option<String>,
    pub(crate) parameters: Vec<Parameter>,
    /// What is wrong with it: with any of these it cannot be saved or run.
    pub(crate) faults: Vec<Fault>,
    /// What is probably a mistake.
    pub(crate) warnings: Vec<Fault>,
}

impl From<scripts::Source> for Checked {
    fn from(source: scripts::Source) -> Self {
        let parameter = |param: &domain::Param| Parameter {
            name: param.name.clone(),
            kind: param.kind.name().to_owned(),
            required: param.required,
        };
        Self {
            parameters: source.params.iter().map(parameter).collect(),
            title: source.title,
            faults: Vec::new(),
            warnings: source.warnings.iter().map(Fault::from).collect(),
        }
    }
}

/// A script to start from.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Sample {
    pub(crate) name: String,
    /// The columns of the file that it reads, if it reads one.
    pub(crate) columns: Vec<String>,
    pub(crate) source: String,
}

impl From<&scripts::Sample> for Sample {
    fn from(sample: &scripts::Sample) -> Self {
        Self {
            name: sample.name.to_owned(),
            columns: sample.columns.iter().map(|column| (*column).to_owned()).collect(),
            source: sample.source.to_owned(),
        }
    }
}

/// A name that scripts may use without importing it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ScriptName {
    /// What is written.
    pub(crate) name: String,
    /// The kind of what it is written behind, with a dot; null: it stands by itself.
    pub(crate) of: Option<String>,
    /// Its type, or that of what it gives, as Python would write it.
    pub(crate) kind: String,
    /// What may be done with it.
    #[schema(schema_with = accesses)]
    pub(crate) access: String,
    /// How it is called, if it is.
    pub(crate) call: Option<String>,
    /// What it is for.
    pub(crate) about: String,
}

fn accesses() -> Schema {
    super::names(scripts::Access::ALL.map(scripts::Access::name))
}

impl From<scripts::Name> for ScriptName {
    fn from(name: scripts::Name) -> Self {
        Self {
            name: name.name.to_owned(),
            of: name.of.map(str::to_owned),
            kind: name.kind.to_owned(),
            access: name.access.name().to_owned(),
            call: name.call.map(str::to_owned),
            about: name.about.to_owned(),
        }
    }
}

/// What holds for the installation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Setting {
    pub(crate) name: String,
    /// Null: it is not set.
    pub(crate) value: Option<String>,
}

/// A process that executes runs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Worker {
    pub(crate) host: String,
    pub(crate) pid: u32,
    /// Whether it is heard of.
    pub(crate) alive: bool,
    /// Whether it takes nothing more.
    pub(crate) draining: bool,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) started_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) seen_at: Timestamp,
    /// How many scripts it executes at the same time.
    pub(crate) crew: u64,
    /// The run that it is at.
    pub(crate) run: Option<i64>,
    /// Outcomes that it has committed.
    pub(crate) committed: u64,
    /// How many a second lately.
    pub(crate) speed: u64,
}

impl From<WorkerInfo> for Worker {
    fn from(worker: WorkerInfo) -> Self {
        let WorkerInfo { host, pid, alive, started_at, seen_at, crew, run, committed, speed, draining } =
            worker;
        Self { host, pid, alive, draining, started_at, seen_at, crew, run, committed, speed }
    }
}

/// What pruning has come to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Pruned {
    /// Runs of which only the counters are left.
    pub(crate) runs: u64,
    /// Targets, outcomes and journals that were removed.
    pub(crate) rows: u64,
    /// Older runs that stay whole, because they can still go on, or because one needs them that can.
    pub(crate) kept: u64,
    /// Answers of FreeRADIUS that were removed.
    pub(crate) logins: u64,
    /// Sessions that were removed.
    pub(crate) sessions: u64,
}

impl From<rollcall_app::Pruned> for Pruned {
    fn from(pruned: rollcall_app::Pruned) -> Self {
        let rollcall_app::Pruned { runs, rows, kept, logins, sessions } = pruned;
        Self { runs, rows, kept, logins, sessions }
    }
}
