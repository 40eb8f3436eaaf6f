//! The selection of users that a run was created for.

use std::fmt;

use rollcall_domain::{self as domain, Field, Outcome};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The way in which the targets of a run were chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunSelection {
    /// All users.
    All,
    /// The users that a filter selects.
    Filter {
        /// The name of the filter, if it is a saved one.
        name: Option<String>,
        /// The text of the filter when the run was created.
        text: String,
    },
    /// The users that a search finds.
    Search {
        /// The text that was searched for.
        search: String,
        /// The name of the filter that selects from them, if there is one and it is saved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The text of that filter when the run was created.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filter: Option<String>,
    },
    /// The users that the rows of a file name.
    Rows {
        /// The name of the file.
        file: String,
        /// The column that names the users.
        column: String,
        /// The user field that the column holds.
        #[schema(value_type = String)]
        field: Field,
        /// The number of rows that were left out since they name no user, or several.
        left_out: u64,
        /// The columns with errors in cells, which the script of the run does not read.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        faulty_columns: Vec<String>,
    },
    /// Targets of an earlier run.
    Outcomes {
        /// The ID of that run.
        run_id: i64,
        /// The outcome that its targets had; null: all of them.
        #[schema(schema_with = super::outcomes)]
        outcome: Option<Outcome>,
    },
    /// The targets that failed or timed out in an earlier run.
    Retry {
        /// The ID of that run.
        run_id: i64,
    },
    /// The users that a preview has planned changes for.
    Plan {
        /// The ID of the preview.
        run_id: i64,
    },
    /// The users that an earlier run has changed.
    Changed {
        /// The ID of that run.
        run_id: i64,
        /// The only user of them, if the undo is limited to one.
        username: Option<String>,
    },
}

impl From<domain::Selection> for RunSelection {
    fn from(selection: domain::Selection) -> Self {
        use domain::Selection as From;
        match selection {
            From::All => Self::All,
            From::Filter { name, text } => Self::Filter { name, text },
            From::Search { search, name, filter } => Self::Search { search, name, filter },
            From::Rows { file, column, field, left_out, faulty_columns } => {
                Self::Rows { file, column, field, left_out, faulty_columns }
            }
            From::Outcomes { run, outcome } => Self::Outcomes { run_id: run, outcome },
            From::Retry { run } => Self::Retry { run_id: run },
            From::Plan { run } => Self::Plan { run_id: run },
            From::Changed { run, username } => Self::Changed { run_id: run, username },
        }
    }
}

impl From<RunSelection> for domain::Selection {
    fn from(selection: RunSelection) -> Self {
        use RunSelection as From;
        match selection {
            From::All => Self::All,
            From::Filter { name, text } => Self::Filter { name, text },
            From::Search { search, name, filter } => Self::Search { search, name, filter },
            From::Rows { file, column, field, left_out, faulty_columns } => {
                Self::Rows { file, column, field, left_out, faulty_columns }
            }
            From::Outcomes { run_id: run, outcome } => Self::Outcomes { run, outcome },
            From::Retry { run_id: run } => Self::Retry { run },
            From::Plan { run_id: run } => Self::Plan { run },
            From::Changed { run_id: run, username } => Self::Changed { run, username },
        }
    }
}

/// The words of [`domain::Selection`].
impl fmt::Display for RunSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        domain::Selection::from(self.clone()).fmt(f)
    }
}
