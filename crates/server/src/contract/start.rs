//! What runs are started with.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use rollcall_app::runs;
use rollcall_domain::{self as domain, Mode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::file::{FileFormat, HiddenCells, Quote};

/// The users that a run is wanted for: say exactly one of these; `filter` and `search` go together.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Targets {
    /// `true`: every user.
    pub(crate) all: Option<bool>,
    /// Those that a filter selects: a condition, or the name of a saved one.
    pub(crate) filter: Option<String>,
    /// Those that this finds, as `GET /users` does; with `filter`, those of them that it selects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) search: Option<String>,
    /// The rows of a file that was sent ahead.
    pub(crate) rows: Option<RowsOf>,
    /// The targets of an earlier run, with their rows.
    pub(crate) run: Option<OfRun>,
}

/// The rows of a file that was sent ahead, and how it is read; what is not said is found out.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RowsOf {
    /// The file's number.
    pub(crate) upload: i64,
    /// The column that names the users; `COLUMN=FIELD` where it is not called `username`, `external_id`, `email` or
    /// `obj_id`.
    #[serde(default)]
    pub(crate) key: Option<String>,
    /// Leave out rows that name no user, or several; otherwise a single one is in the way.
    #[serde(default)]
    pub(crate) skip_unmatched: bool,
    /// Which rows run where several name one user.
    #[serde(default)]
    pub(crate) duplicates: Duplicates,
    /// The file's encoding, such as `windows-1252` or `cp850`.
    #[serde(default)]
    pub(crate) encoding: Option<String>,
    /// The ASCII character between cells.
    #[serde(default)]
    pub(crate) delimiter: Option<char>,
    /// The quotation mark around cells: `double`, `single` or `none`.
    #[serde(default)]
    pub(crate) quote: Option<Quote>,
    /// The sheet of an Excel workbook.
    #[serde(default)]
    pub(crate) sheet: Option<String>,
    /// The line of the file, or row of the sheet, that names the columns, from 1.
    #[serde(default)]
    #[schema(value_type = Option<u64>, minimum = 1)]
    pub(crate) header_row: Option<NonZeroU64>,
    /// Whether hidden rows and columns of an Excel workbook are read (`include`) or left out (`skip`); a
    /// sheet that has some is refused without it.
    #[serde(default)]
    pub(crate) hidden: Option<HiddenCells>,
}

impl RowsOf {
    /// The rows of an upload that is read like this; all of them must name a user.
    pub(crate) fn new(upload: i64, format: FileFormat) -> Self {
        let FileFormat { encoding, delimiter, quote, sheet, header_row, hidden } = format;
        Self {
            upload,
            key: None,
            skip_unmatched: false,
            duplicates: Duplicates::All,
            encoding,
            delimiter,
            quote,
            sheet,
            header_row,
            hidden,
        }
    }

    /// The options for reading the file.
    pub(crate) fn format(&self) -> FileFormat {
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Duplicates {
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

impl Duplicates {
    /// Its name in queries and JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::First => "first",
            Self::Last => "last",
            Self::Refuse => "refuse",
        }
    }
}

impl From<Duplicates> for runs::Duplicates {
    fn from(duplicates: Duplicates) -> Self {
        match duplicates {
            Duplicates::All => Self::All,
            Duplicates::First => Self::First,
            Duplicates::Last => Self::Last,
            Duplicates::Refuse => Self::Refuse,
        }
    }
}

/// The targets of an earlier run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfRun {
    /// Its number.
    pub(crate) run: i64,
    /// Those with this outcome; null or missing: all of them.
    #[serde(default)]
    pub(crate) outcome: Option<String>,
}

/// When a run stops by itself.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Brakes {
    /// Once more than so many targets have failed or timed out; missing: 100, if that is over 10 %.
    pub(crate) max_failures: Option<u64>,
    /// Before more than so many users are changed.
    pub(crate) max_changes: Option<u64>,
    /// Before more than so many users are made inactive.
    pub(crate) max_deactivations: Option<u64>,
}

impl From<Brakes> for domain::Brakes {
    fn from(brakes: Brakes) -> Self {
        let Brakes { max_failures, max_changes, max_deactivations } = brakes;
        Self { max_failures, max_changes, max_deactivations }
    }
}

/// A run that is to be.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRun {
    /// The name of a saved script, `NAME` or `NAME@VERSION`; with `source`, what that is called.
    pub(crate) script: String,
    /// The text of a script that is not saved.
    #[serde(default)]
    pub(crate) source: Option<String>,
    pub(crate) targets: Targets,
    /// `preview` writes nothing; `apply` does.
    #[serde(default = "preview")]
    #[schema(schema_with = super::modes, default = "preview")]
    pub(crate) mode: Mode,
    /// A preview in which the script may change nobody; whoever would be changed fails.
    #[serde(default)]
    pub(crate) report: bool,
    /// Refuse attributes that FreeRADIUS would reject a user for, instead of warning of them.
    #[serde(default)]
    pub(crate) strict: bool,
    /// What the script wants to be told.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Object>)]
    pub(crate) params: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    pub(crate) brakes: Brakes,
    /// Stop after the first so many targets, to be looked at; resuming goes on with the rest.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub(crate) canary: Option<u64>,
    /// Wait, with the list frozen, until somebody lets it begin.
    #[serde(default)]
    pub(crate) hold: bool,
    /// How many seconds the script may take for one user; missing: 5.
    #[serde(default)]
    #[schema(minimum = 0.01, maximum = 3600.0)]
    pub(crate) time_limit: Option<f64>,
}

fn preview() -> Mode {
    Mode::Preview
}

/// How a preview is to be applied.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Application {
    /// The hash of the plan that was looked at, or at least its first 8 digits: no other plan is applied then.
    pub(crate) plan: Option<String>,
    pub(crate) brakes: Brakes,
    /// Stop after the first so many targets.
    #[schema(minimum = 1)]
    pub(crate) canary: Option<u64>,
    /// Wait, with the list frozen, until somebody lets it begin.
    #[serde(default)]
    pub(crate) hold: bool,
}

/// How a run is to be taken back.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Undoing {
    /// `preview` writes nothing; `apply` does.
    #[serde(default = "preview")]
    #[schema(schema_with = super::modes, default = "preview")]
    pub(crate) mode: Mode,
    /// Only what was changed of this user.
    #[serde(default)]
    pub(crate) user: Option<String>,
    #[serde(default)]
    pub(crate) brakes: Brakes,
    /// Stop after the first so many targets.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub(crate) canary: Option<u64>,
    /// Wait, with the list frozen, until somebody lets it begin.
    #[serde(default)]
    pub(crate) hold: bool,
}

/// Which targets are to have another turn.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Which {
    /// Those that failed or timed out.
    Failed,
    /// Those whose user was changed by somebody else, or is gone.
    Conflicts,
    /// Those that had none.
    NotRun,
}

/// How a run is to be tried again.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retrying {
    pub(crate) which: Which,
    /// Whether it only shows what would change; otherwise it is as the run was.
    #[serde(default)]
    pub(crate) preview: bool,
    #[serde(default)]
    pub(crate) brakes: Brakes,
    /// Stop after the first so many targets.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub(crate) canary: Option<u64>,
    /// Wait, with the list frozen, until somebody lets it begin.
    #[serde(default)]
    pub(crate) hold: bool,
    /// Another time limit, in seconds, than it had.
    #[serde(default)]
    #[schema(minimum = 0.01, maximum = 3600.0)]
    pub(crate) time_limit: Option<f64>,
}

/// A plan.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Plan {
    /// The hash of the plan that was looked at, or at least its first 8 digits: no other plan is approved then.
    pub(crate) plan: Option<String>,
}

/// That a run which was held is to begin.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Beginning {
    /// How many targets whoever says yes has seen: a run that has another number is refused.
    pub(crate) targets: u64,
}

/// How a run is to go on.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Resuming {
    /// Other brakes than it had, where some are given.
    pub(crate) brakes: Brakes,
    /// Another time limit, in seconds, than it had.
    #[schema(minimum = 0.01, maximum = 3600.0)]
    pub(crate) time_limit: Option<f64>,
}
