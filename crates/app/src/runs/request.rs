//! What a caller asks for when it creates a run.

use rollcall_domain::{Brakes, Mode, Outcome, RequestKey, RunId};

use super::config::ExecutionConfig;
use super::rows::ChosenRows;
use crate::users::selection::UserSelection;

/// A script to be run.
#[derive(Debug, Clone)]
pub struct Script {
    /// Its name: that of its file, or the one under which it is saved.
    pub name: String,
    /// Which version of a saved script it is.
    pub version: Option<i64>,
    /// Its text.
    pub source: String,
}

/// The users that a run is wanted for.
#[derive(Debug)]
pub enum Choice {
    /// Those of a selection.
    Users(UserSelection),
    /// The rows of a file.
    Rows(Box<ChosenRows>),
    /// Targets of an earlier run, with their rows: those with this outcome, or all.
    Outcomes(RunId, Option<Outcome>),
    /// Targets that failed or timed out in an earlier run, with their rows.
    Retry(RunId),
}

/// A run to be created.
#[derive(Debug)]
pub struct RunRequest {
    /// The script.
    pub script: Script,
    /// Whether it writes.
    pub mode: Mode,
    /// Whether it only reports: a target fails if its user would be changed. It always does for an actor who may not
    /// run scripts otherwise.
    pub report: bool,
    /// The users.
    pub choice: Choice,
    /// Its parameters, as they were typed: name and value.
    pub params: Vec<(String, String)>,
    /// The configuration with which it is executed.
    pub execution: ExecutionConfig,
    /// When it stops by itself, and whether it is asked for first.
    pub options: RunOptions,
}

/// Options of a run that do not depend on what it does.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunOptions {
    /// When it stops by itself.
    pub brakes: Brakes,
    /// The number of targets after which it stops, to be looked at.
    pub canary: Option<u64>,
    /// Whether it may write without asking.
    pub confirmed: bool,
    /// It is left to workers.
    pub queue: bool,
    /// Items that FreeRADIUS would reject a user for are refused, instead of warned of.
    pub strict: bool,
    /// Whether it is left to workers, but only after it is started
    /// ([`RunOperations::start_held`](crate::RunOperations::start_held)), once a caller without a terminal has seen the
    /// frozen list.
    pub hold: bool,
    /// The request that makes the run, if it is to make only one, however often it is sent within a day.
    pub key: Option<RequestKey>,
}
