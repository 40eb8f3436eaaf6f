//! Outcomes of targets, and their counts.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::{Change, Mismatch, OrganizationId, Rejection, UserId, did_you_mean, one_line};

/// What happened to one target of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The script changed the user (in a preview: would change).
    Changed,
    /// The script ran through and changed nothing.
    Unchanged,
    /// The script called `skip`.
    Skipped,
    /// The script raised, called `fail`, or its change was refused.
    Failed,
    /// The script ran over its time limit and was stopped.
    TimedOut,
    /// The user was edited meanwhile by somebody else, or is gone.
    Conflict,
    /// The run ended before its turn.
    NotRun,
}

impl Outcome {
    /// Every outcome, in the order in which they are listed.
    pub const ALL: [Self; 7] = [
        Self::Changed,
        Self::Unchanged,
        Self::Skipped,
        Self::Failed,
        Self::TimedOut,
        Self::Conflict,
        Self::NotRun,
    ];

    /// Its name everywhere.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Conflict => "conflict",
            Self::NotRun => "not_run",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Outcome {
    type Err = Rejection;

    fn from_str(name: &str) -> Result<Self, Rejection> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name.replace(['-', ' '], "_")).ok_or_else(
            || {
                let names = Self::ALL.map(Self::name);
                let hint = did_you_mean(name, names)
                    .map_or_else(String::new, |close| format!(" (did you mean {close}?)"));
                Rejection::new(format!("no outcome is called {name:?}{hint}: they are {}", names.join(", ")))
            },
        )
    }
}

/// How many targets had which outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally([u64; Outcome::ALL.len()]);

impl Tally {
    /// The number of targets with `outcome`.
    #[must_use]
    pub fn get(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize]
    }

    /// Counts one target more.
    pub fn count(&mut self, outcome: Outcome) {
        self.add(outcome, 1);
    }

    /// Counts `n` targets more.
    pub fn add(&mut self, outcome: Outcome, n: u64) {
        self.0[outcome as usize] += n;
    }

    /// All targets counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Whether some target ended as nobody wants: failed, timed out or in conflict.
    #[must_use]
    pub fn has_trouble(&self) -> bool {
        [Outcome::Failed, Outcome::TimedOut, Outcome::Conflict].iter().any(|outcome| self.get(*outcome) > 0)
    }

    /// Each outcome with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Outcome, u64)> {
        Outcome::ALL.into_iter().zip(self.0)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, n)| *sum += n);
    }
}

impl Serialize for Tally {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(outcome, n)| (outcome.name(), n)))
    }
}

impl<'de> Deserialize<'de> for Tally {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let counts = BTreeMap::<Outcome, u64>::deserialize(deserializer)?;
        let mut tally = Self::default();
        counts.into_iter().for_each(|(outcome, n)| tally.add(outcome, n));
        Ok(tally)
    }
}

/// Why a target failed, for the script's author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptError {
    /// The exception's type, such as `ValueError`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its message.
    pub message: String,
    /// The script's own line, counted from 1, where one is to blame.
    pub line: Option<u32>,
    /// The traceback, of the script's own frames only.
    pub traceback: Option<String>,
}

impl ScriptError {
    /// The error as a line: `OverflowError: date value out of range (line 9)`.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        let line = self.line.map_or_else(String::new, |line| format!(" (line {line})"));
        let text = if self.message.is_empty() {
            format!("{}{line}", self.kind)
        } else {
            format!("{}: {}{line}", self.kind, self.message)
        };
        one_line(&text)
    }

    /// An error that no line of the script is to blame for.
    pub fn without_line(kind: &str, message: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), message: message.into(), line: None, traceback: None }
    }
}

/// A call of the script that was answered with `False` because it can never be right, such as for a profile that does
/// not exist. The script went on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedCall {
    /// Why it was refused.
    pub message: String,
    /// The line of the script that made the call, counted from 1; none if no line did.
    pub line: Option<u32>,
}

/// All that is kept about one target of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetOutcome {
    /// The target's number in its run, counted from 1.
    pub target: i64,
    /// The user.
    pub user_id: UserId,
    /// The user's name before the run; none if the user was gone.
    pub username: Option<String>,
    /// The user's organization at the time; none if the user was gone.
    pub organization_id: Option<OrganizationId>,
    /// What happened.
    pub outcome: Outcome,
    /// What was changed, or in a preview would be.
    pub changes: Vec<Change>,
    /// What the script put into `result`: the text of one JSON object; none when empty.
    pub result: Option<String>,
    /// What the script printed.
    pub output: String,
    /// Warnings for the administrator although the script worked, with the messages of refused calls.
    pub warnings: Vec<String>,
    /// The calls that were refused because they can never be right. Outcomes of older versions have none.
    pub refused_calls: Vec<RefusedCall>,
    /// Why it failed, where it did.
    pub error: Option<ScriptError>,
    /// What of the user was not as it had to be, in a conflict.
    pub mismatches: Vec<Mismatch>,
    /// The reason given to `skip`.
    pub reason: Option<String>,
    /// Whether the changes assign `last_update`: then that value stands, even if it is the one that was there.
    pub dated: bool,
    /// How long the script took for this target, in microseconds.
    pub micros: i64,
    /// The cells of its row under the run's columns, where the run has rows.
    pub cells: Option<Vec<String>>,
}

impl TargetOutcome {
    /// The user's name before the run; `user #7 (removed)` where it is not known because the user was removed.
    #[must_use]
    pub fn display_name(&self) -> String {
        self.username.clone().unwrap_or_else(|| format!("user #{} (removed)", self.user_id))
    }

    /// The outcome `outcome` of `target` on the user numbered `user_id`, of whom nothing else is known.
    #[must_use]
    pub fn new(target: i64, user_id: UserId, outcome: Outcome) -> Self {
        Self {
            target,
            user_id,
            username: None,
            organization_id: None,
            outcome,
            changes: Vec::new(),
            result: None,
            output: String::new(),
            warnings: Vec::new(),
            refused_calls: Vec::new(),
            error: None,
            mismatches: Vec::new(),
            reason: None,
            dated: false,
            micros: 0,
            cells: None,
        }
    }
}
