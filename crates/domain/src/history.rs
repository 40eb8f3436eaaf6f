//! Entries of the history of one user.

use crate::{Change, RunId, Timestamp};

/// Changes of one user that were written together.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// On whose behalf.
    pub administrator: String,
    /// The run that did it; none for a manual edit.
    pub by: Option<ByRun>,
    /// What was changed.
    pub changes: Vec<Change>,
    /// Where the next page goes on: a moment, and what was written at it. Events come in the order of their keys, from the
    /// highest to the lowest.
    pub key: EventKey,
}

/// When, by which run (0: manually), for which of its targets (or the number of the edit).
pub type EventKey = (Timestamp, i64, i64);

/// The run behind an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByRun {
    /// Its number.
    pub run: RunId,
    /// The target's number in it.
    pub target: i64,
    /// What its script is called.
    pub script: String,
    /// Which version of a saved script it is.
    pub script_version: Option<i64>,
    /// The preview that it applies.
    pub applies: Option<RunId>,
    /// The run that it undoes.
    pub undoes: Option<RunId>,
}
