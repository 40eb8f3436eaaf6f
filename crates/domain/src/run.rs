//! Runs: their modes, states and selections.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{AdministratorId, Counts, Field, Outcome, Rejection, Scope, Settings, Tally, Timestamp};

/// Identifies a run.
pub type RunId = i64;

/// Whether a run writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Records what would change.
    Preview,
    /// Changes the users.
    Apply,
}

impl Mode {
    /// Its name everywhere.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::Apply => "apply",
        }
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Its targets are being frozen, or wait for a yes.
    Selecting,
    /// Nobody is at it; the next worker takes it.
    Queued,
    /// It is being executed.
    Running,
    /// Its process died; nothing was lost.
    Interrupted,
    /// A brake or an error ended it early.
    Stopped,
    /// An administrator ended it early.
    Cancelled,
    /// Every target has its outcome.
    Finished,
}

impl RunState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Selecting,
        Self::Queued,
        Self::Running,
        Self::Interrupted,
        Self::Stopped,
        Self::Cancelled,
        Self::Finished,
    ];

    /// Its name everywhere.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Selecting => "selecting",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Stopped => "stopped",
            Self::Cancelled => "cancelled",
            Self::Finished => "finished",
        }
    }

    /// Reads the name of a state.
    ///
    /// # Errors
    ///
    /// There is no such state.
    pub fn parse(name: &str) -> Result<Self, Rejection> {
        Self::ALL
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or_else(|| Rejection::new(format!("no run state is called {name:?}")))
    }

    /// Whether nobody is at it: targets without an outcome had no turn.
    #[must_use]
    pub fn at_rest(self) -> bool {
        self.ended() || self == Self::Interrupted
    }

    /// Whether nothing more will happen by itself.
    #[must_use]
    pub fn ended(self) -> bool {
        matches!(self, Self::Stopped | Self::Cancelled | Self::Finished)
    }
}

/// How a run's targets were chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// Every user.
    All,
    /// The users that a filter selects.
    Filter {
        /// The name under which it is saved, if it is.
        name: Option<String>,
        /// Its text at the time.
        text: String,
    },
    /// The users that a search finds.
    Search {
        /// The text that was searched for.
        search: String,
        /// The name of the filter that selects from them, if there is one and it is saved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The text of that filter at the time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filter: Option<String>,
    },
    /// The users that the rows of a file name.
    Rows {
        /// The file's name.
        file: String,
        /// The column that names the users.
        column: String,
        /// The field that the column holds.
        field: Field,
        /// How many rows were left out because they name no user, or several.
        left_out: u64,
        /// The columns with cells that have errors, such as `#N/A`. The run's script reads none of these columns.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        faulty_columns: Vec<String>,
    },
    /// Targets of an earlier run.
    Outcomes {
        /// That run.
        run: RunId,
        /// Those with this outcome; none: all of them.
        outcome: Option<Outcome>,
    },
    /// What failed or timed out in an earlier run.
    Retry {
        /// That run.
        run: RunId,
    },
    /// The users that a preview has planned changes for.
    Plan {
        /// The preview.
        run: RunId,
    },
    /// The users that an earlier run has changed.
    Changed {
        /// That run.
        run: RunId,
        /// Only this one of them.
        username: Option<String>,
    },
}

impl Selection {
    /// The earlier run whose targets these are, if they are those of one.
    #[must_use]
    pub fn earlier_run(&self) -> Option<RunId> {
        match self {
            Self::All | Self::Filter { .. } | Self::Search { .. } | Self::Rows { .. } => None,
            Self::Outcomes { run, .. }
            | Self::Retry { run }
            | Self::Plan { run }
            | Self::Changed { run, .. } => Some(*run),
        }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("every user"),
            Self::Filter { name: Some(name), text } => write!(f, "{name}: {text}"),
            Self::Filter { name: None, text } => f.write_str(text),
            Self::Search { search, name, filter } => {
                write!(f, "search {search:?}")?;
                match (name, filter) {
                    (Some(name), Some(text)) => write!(f, " and {name}: {text}"),
                    (None, Some(text)) => write!(f, " and {text}"),
                    (_, None) => Ok(()),
                }
            }
            Self::Rows { file, column, field, left_out, .. } => {
                write!(f, "the rows of {file}, by {column}")?;
                if column != field.name() {
                    write!(f, " ({field})")?;
                }
                if *left_out > 0 {
                    write!(f, ", {left_out} left out")?;
                }
                Ok(())
            }
            Self::Outcomes { run, outcome: None } => write!(f, "the targets of run {run}"),
            Self::Outcomes { run, outcome: Some(Outcome::Conflict) } => {
                write!(f, "what was in conflict in run {run}")
            }
            Self::Outcomes { run, outcome: Some(Outcome::TimedOut) } => {
                write!(f, "what timed out in run {run}")
            }
            Self::Outcomes { run, outcome: Some(outcome) } => {
                write!(f, "what was {} in run {run}", outcome.name().replace('_', " "))
            }
            Self::Retry { run } => write!(f, "what failed or timed out in run {run}"),
            Self::Plan { run } => write!(f, "what preview {run} has planned"),
            Self::Changed { run, username: None } => write!(f, "what run {run} has changed"),
            Self::Changed { run, username: Some(name) } => write!(f, "what run {run} has changed of {name}"),
        }
    }
}

/// Where the changes of a run come from that executes no script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// The plan of this preview.
    Plan(RunId),
    /// The journal of this run, backwards.
    Inverse(RunId),
}

/// One execution of a script over a frozen list of targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// Whether it writes.
    pub mode: Mode,
    /// Where it stands.
    pub state: RunState,
    /// The process that executes it, to tell whether that still lives.
    pub holder: Option<String>,
    /// What the script is called.
    pub script: String,
    /// Which version of a saved script it is; none for a file.
    pub script_version: Option<i64>,
    /// What it was given as parameters: the text of one JSON object.
    pub params: String,
    /// How the targets were chosen.
    pub selection: Selection,
    /// The columns of the targets' rows; none when they have no rows.
    pub columns: Option<Vec<String>>,
    /// Whether some user is the target of several rows.
    pub repeats: bool,
    /// Who started it, such as `cli:maria`.
    pub administrator: String,
    /// The number of whoever started it, unless that is an account of the operating system.
    pub administrator_id: Option<AdministratorId>,
    /// Whose users it may touch: those that its administrator could when it was made.
    pub scope: Scope,
    /// The one moment that the script sees as now.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How many targets it has.
    pub targets: u64,
    /// Up to here every target has a committed outcome; where several processes execute the run, some behind it too.
    pub cursor: i64,
    /// Outcomes so far.
    pub tally: Tally,
    /// How long it was executed, in milliseconds.
    pub millis: i64,
    /// The preview whose plan it applies.
    pub applies: Option<RunId>,
    /// The run that it takes back.
    pub undoes: Option<RunId>,
    /// Whether somebody has said yes to it, where that was needed.
    pub confirmed: bool,
    /// What its administrator wants of its execution.
    pub settings: Settings,
    /// How many of the committed changes made a user inactive.
    pub deactivated: u64,
    /// Where its brakes start to count: nought, unless it went on after a stop.
    pub braked_from: Counts,
    /// Of a preview: what identifies its plan, as 64 hexadecimal digits. It covers the script, its parameters and every
    /// target with its outcome so far.
    pub plan: Option<String>,
    /// Grows when another process takes the run over; what comes from an earlier one is refused.
    pub token: i64,
    /// Nobody takes the run over before, unless the process that executes it is certainly dead.
    pub leased_until: Option<Timestamp>,
    /// When its outcomes were removed, to make room.
    pub pruned_at: Option<Timestamp>,
    /// Of a preview: up to which target `plan` reaches. Where several processes execute a run, it may be behind.
    pub planned: i64,
    /// Why it ended early, where it did.
    pub note: Option<String>,
}

/// The conditions and the page of a list of runs. A run has to satisfy all conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunQuery {
    /// Where they stand.
    pub state: Option<RunState>,
    /// The name of the script.
    pub script: Option<String>,
    /// Whether they write.
    pub mode: Option<Mode>,
    /// The administrator who created the run.
    pub administrator: Option<String>,
}

impl Run {
    /// Whether this somebody has started it. Numbers tell administrators apart, since a name may be given again.
    #[must_use]
    pub fn is_by(&self, who: &str, id: Option<AdministratorId>) -> bool {
        match (self.administrator_id, id) {
            (Some(maker), Some(id)) => maker == id,
            _ => self.administrator == who,
        }
    }

    /// Where its changes come from, if not from executing a script.
    #[must_use]
    pub fn replays(&self) -> Option<Replay> {
        match (self.applies, self.undoes) {
            (Some(preview), _) => Some(Replay::Plan(preview)),
            (None, Some(run)) => Some(Replay::Inverse(run)),
            (None, None) => None,
        }
    }

    /// Whether it waits, with its list frozen, for somebody to let it begin. What waits for the answer of whoever sits at a
    /// terminal has a holder.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.state == RunState::Selecting && self.holder.is_none()
    }

    /// How many targets had no turn yet.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.targets.saturating_sub(self.tally.total())
    }

    /// What its brakes have counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts::of(&self.tally, self.deactivated) - self.braked_from
    }

    /// The outcomes with those that had no turn counted as `not_run`, unless somebody is still at the run.
    #[must_use]
    pub fn final_tally(&self) -> Tally {
        let mut tally = self.tally;
        if self.state.at_rest() {
            tally.add(crate::Outcome::NotRun, self.targets.saturating_sub(tally.total()));
        }
        tally
    }
}
