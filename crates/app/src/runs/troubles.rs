use std::collections::BTreeMap;

use rollcall_domain::{Outcome, Run, ScriptError};

use crate::{App, AppError};

/// So many warnings that differ are told by themselves.
const MOST_WARNINGS: usize = 20;
/// The same of errors, of each outcome.
const MOST_ERRORS: usize = 100;

/// What of a run an administrator should look at: what was odd and what went wrong, each in groups.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Troubles {
    /// Calls of the script that cannot have been meant, and what else they should know although it worked.
    pub warnings: Vec<Warned>,
    /// By outcome: what failed, timed out, was in conflict.
    pub failures: Vec<Failure>,
    /// How many targets have printed output.
    pub printed: u64,
}

/// Users with the same warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warned {
    /// What it says.
    pub warning: String,
    /// How many users.
    pub users: u64,
    /// The name of the first one; `user #7 (removed)` if it is not known.
    pub example: String,
}

/// Users whose errors have their type and line in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened to them.
    pub outcome: Outcome,
    /// The error of the first one.
    pub error: ScriptError,
    /// How many users.
    pub users: u64,
    /// The name of the first one; `user #7 (removed)` if it is not known.
    pub example: String,
}

impl App {
    /// What of a run an administrator should look at. Only a page of outcomes is in memory at any time.
    pub fn troubles(&self, run: &Run) -> Result<Troubles, AppError> {
        let mut printed = 0;
        let mut warnings: BTreeMap<String, Warned> = BTreeMap::new();
        let mut failures: BTreeMap<(Outcome, String, Option<u32>), Failure> = BTreeMap::new();
        for found in self.outcomes(run, None)? {
            let found = found?;
            let example = || found.display_name();
            printed += u64::from(!found.output.is_empty());
            for warning in &found.warnings {
                let known = warnings.len() < MOST_WARNINGS || warnings.contains_key(warning);
                let warning = if known { warning.clone() } else { "other warnings".to_owned() };
                let new = || Warned { warning: warning.clone(), users: 0, example: example() };
                warnings.entry(warning.clone()).or_insert_with(new).users += 1;
            }
            if !matches!(found.outcome, Outcome::Failed | Outcome::TimedOut | Outcome::Conflict) {
                continue;
            }
            let Some(error) = &found.error else { continue };
            let mut key = (found.outcome, error.kind.clone(), error.line);
            let of_kind = || failures.keys().filter(|(outcome, ..)| *outcome == found.outcome).count();
            if !failures.contains_key(&key) && of_kind() >= MOST_ERRORS {
                key = (found.outcome, "other errors".to_owned(), None);
            }
            let error = ScriptError { traceback: None, ..error.clone() };
            let new = || Failure { outcome: found.outcome, error, users: 0, example: example() };
            failures.entry(key).or_insert_with(new).users += 1;
        }
        let (warnings, failures) = (warnings.into_values().collect(), failures.into_values().collect());
        Ok(Troubles { warnings, failures, printed })
    }
}
