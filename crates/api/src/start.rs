//! Requests that create, start and resume runs.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use rollcall_domain::{self as domain, Mode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::file::{FileFormat, HiddenCells, QuoteCharacter};

/// The users of a new run: exactly one of these members. Only `filter` and `search` can be combined.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TargetSelection {
    /// `true`: every user.
    pub all: Option<bool>,
    /// Those that a filter selects: a condition, or the name of a saved one.
    pub filter: Option<String>,
    /// Those that this finds, as `GET /users` does; with `filter`, those of them that it selects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// The rows of a file that was sent ahead.
    pub rows: Option<FileTargets>,
    /// The targets of an earlier run, with their rows.
    pub run: Option<RunTargets>,
}

/// The rows of a file that was sent ahead, and how it is read; what is not said is found out.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileTargets {
    /// The file's number.
    pub upload_id: i64,
    /// The column that names the users; `COLUMN=FIELD` where it is not called `username`, `external_id`, `email` or
    /// `obj_id`.
    #[serde(default)]
    pub key: Option<String>,
    /// Leave out rows that name no user, or several; otherwise a single one is in the way.
    #[serde(default)]
    pub skip_unmatched: bool,
    /// Which rows run where several name one user.
    #[serde(default)]
    pub duplicates: DuplicatePolicy,
    /// The file's encoding, such as `windows-1252` or `cp850`.
    #[serde(default)]
    pub encoding: Option<String>,
    /// The ASCII character between cells.
    #[serde(default)]
    pub delimiter: Option<char>,
    /// The quotation mark around cells: `double`, `single` or `none`.
    #[serde(default)]
    pub quote: Option<QuoteCharacter>,
    /// The sheet of an Excel workbook.
    #[serde(default)]
    pub sheet: Option<String>,
    /// The line of the file, or row of the sheet, that names the columns, from 1.
    #[serde(default)]
    #[schema(value_type = Option<u64>, minimum = 1)]
    pub header_row: Option<NonZeroU64>,
    /// Whether hidden rows and columns of an Excel workbook are read (`include`) or left out (`skip`); a
    /// sheet that has some is refused without it.
    #[serde(default)]
    pub hidden: Option<HiddenCells>,
}

impl FileTargets {
    /// The rows of an upload that is read like this; all of them must name a user.
    pub fn new(upload: i64, format: FileFormat) -> Self {
        let FileFormat { encoding, delimiter, quote, sheet, header_row, hidden } = format;
        Self {
            upload_id: upload,
            key: None,
            skip_unmatched: false,
            duplicates: DuplicatePolicy::All,
            encoding,
            delimiter,
            quote,
            sheet,
            header_row,
            hidden,
        }
    }

    /// The options for reading the file.
    pub fn format(&self) -> FileFormat {
        FileFormat {
            encoding: self.encoding.clone(),
            delimiter: self.delimiter,
            quote: self.quote,
            sheet: self.sheet.clone(),
            header_row: self.header_row,
            hidden: self.hidden,
        }
    }
}

/// Which rows run where several of a file name one user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "snake_case")]
pub enum DuplicatePolicy {
    /// Every row, in the order of the file
    #[default]
    All,
    /// The first row of each user
    First,
    /// The last row of each user
    Last,
    /// Start no run
    Refuse,
}

impl DuplicatePolicy {
    /// The one of this name; none: there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::All, Self::First, Self::Last, Self::Refuse].into_iter().find(|each| each.name() == name)
    }

    /// Its name in queries and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::First => "first",
            Self::Last => "last",
            Self::Refuse => "refuse",
        }
    }
}

/// The targets of an earlier run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunTargets {
    /// Its number.
    pub run_id: i64,
    /// Those with this outcome; null or missing: all of them.
    #[serde(default)]
    pub outcome: Option<String>,
}

/// The limits at which a run stops by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Brakes {
    /// The number of targets that may fail or time out; missing: 100, if that is over 10 %.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_failures: Option<u64>,
    /// The number of users that may be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_changes: Option<u64>,
    /// The number of users that may be made inactive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_deactivations: Option<u64>,
}

impl From<Brakes> for domain::Brakes {
    fn from(brakes: Brakes) -> Self {
        let Brakes { max_failures, max_changes, max_deactivations } = brakes;
        Self { max_failures, max_changes, max_deactivations }
    }
}

impl From<domain::Brakes> for Brakes {
    fn from(brakes: domain::Brakes) -> Self {
        let domain::Brakes { max_failures, max_changes, max_deactivations } = brakes;
        Self { max_failures, max_changes, max_deactivations }
    }
}

/// A new run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRunRequest {
    /// The name of a saved script, `NAME` or `NAME@VERSION`; with `source`, the name of that script.
    pub script: String,
    /// The text of a script that is not saved.
    #[serde(default)]
    pub source: Option<String>,
    /// The users that the run is for.
    pub targets: TargetSelection,
    /// `preview` writes nothing; `apply` does.
    #[serde(default = "preview")]
    #[schema(schema_with = super::modes, default = "preview")]
    pub mode: Mode,
    /// A preview in which the script may not change users: a target with changes fails.
    #[serde(default)]
    pub report: bool,
    /// Refuse attributes that FreeRADIUS would reject a user for, instead of warning of them.
    #[serde(default)]
    pub strict: bool,
    /// The parameters of the script.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    pub params: BTreeMap<String, serde_json::Value>,
    /// The limits at which the run stops by itself.
    #[serde(default)]
    pub brakes: Brakes,
    /// Stop after this number of targets, for inspection. Resuming the run continues with the rest.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub canary: Option<u64>,
    /// Freeze the list, and wait until the run is started.
    #[serde(default)]
    pub hold: bool,
    /// The time limit of the script for one user, in seconds; 5 if missing.
    #[serde(default)]
    #[schema(minimum = 0.01, maximum = 3600.0)]
    pub time_limit: Option<f64>,
}

fn preview() -> Mode {
    Mode::Preview
}

/// Options for applying a preview.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApplyRunRequest {
    /// The hash of the plan that was looked at, or at least its first 8 digits: no other plan is applied then.
    pub plan_hash: Option<String>,
    /// The limits at which the run stops by itself.
    pub brakes: Brakes,
    /// Stop after this number of targets.
    #[schema(minimum = 1)]
    pub canary: Option<u64>,
    /// Freeze the list, and wait until the run is started.
    #[serde(default)]
    pub hold: bool,
}

/// Options for undoing a run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoRunRequest {
    /// `preview` writes nothing; `apply` does.
    #[serde(default = "preview")]
    #[schema(schema_with = super::modes, default = "preview")]
    pub mode: Mode,
    /// Only what was changed of this user.
    #[serde(default)]
    pub user: Option<String>,
    /// The limits at which the run stops by itself.
    #[serde(default)]
    pub brakes: Brakes,
    /// Stop after this number of targets.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub canary: Option<u64>,
    /// Freeze the list, and wait until the run is started.
    #[serde(default)]
    pub hold: bool,
}

/// Which targets are to have another turn.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryTargets {
    /// Those that failed or timed out.
    Failed,
    /// Targets in conflict: their user was changed since or was removed.
    Conflicts,
    /// Those that had none.
    NotRun,
}

/// Options for retrying targets of a run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryRunRequest {
    /// The targets that are run again.
    pub which: RetryTargets,
    /// Whether it only shows what would change; otherwise it is as the run was.
    #[serde(default)]
    pub preview: bool,
    /// The limits at which the run stops by itself.
    #[serde(default)]
    pub brakes: Brakes,
    /// Stop after this number of targets.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub canary: Option<u64>,
    /// Freeze the list, and wait until the run is started.
    #[serde(default)]
    pub hold: bool,
    /// Another time limit, in seconds, than it had.
    #[serde(default)]
    #[schema(minimum = 0.01, maximum = 3600.0)]
    pub time_limit: Option<f64>,
}

/// A plan.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApproveRunRequest {
    /// The hash of the plan that was looked at, or at least its first 8 digits: no other plan is approved then.
    pub plan_hash: Option<String>,
}

/// The start of a held run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRunRequest {
    /// The number of targets that the administrator has seen. A run with another number is rejected.
    pub targets: u64,
}

/// Options for resuming a run.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResumeRunRequest {
    /// Other brakes than it had, where some are given.
    pub brakes: Brakes,
    /// Another time limit, in seconds, than it had.
    #[schema(minimum = 0.01, maximum = 3600.0)]
    pub time_limit: Option<f64>,
}
