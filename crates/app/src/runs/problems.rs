use std::cmp::Reverse;
use std::collections::BTreeMap;

use rollcall_domain::{Outcome, RefusedCall, Right, Run, ScriptError};

use crate::error::AppError;
use crate::operations::RunOperations;

/// The most groups of warnings; others are counted together.
const MOST_WARNINGS: usize = 20;
/// The most groups of errors of one outcome; others are counted together.
const MOST_ERRORS: usize = 100;

/// What of a run an administrator should look at: what was odd and what went wrong, each in groups.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Troubles {
    /// Calls of the script that can never be right, of targets that changed or stayed unchanged all the same: nothing
    /// else tells of these.
    pub refused_calls: Vec<RefusedCalls>,
    /// The number of targets that these are about; one may have several such calls.
    pub refused_targets: u64,
    /// The other warnings for an administrator, in groups.
    pub warnings: Vec<Warned>,
    /// By outcome: what failed, timed out, was in conflict.
    pub failures: Vec<Failure>,
    /// The number of targets that have printed output.
    pub printed: u64,
}

/// Targets with one refused call in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedCalls {
    /// The call.
    pub call: RefusedCall,
    /// The number of targets.
    pub users: u64,
    /// The name of the first user.
    pub example: String,
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

impl RunOperations<'_> {
    /// Groups the refused calls, warnings and failures of a run. Only a page of outcomes is in memory at any time.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn group_problems(self, run: &Run) -> Result<Troubles, AppError> {
        let mut printed = 0;
        let mut refused: BTreeMap<(Option<u32>, String), RefusedCalls> = BTreeMap::new();
        let mut refused_targets = 0;
        let mut warnings: BTreeMap<String, Warned> = BTreeMap::new();
        let mut failures: BTreeMap<(Outcome, String, Option<u32>), Failure> = BTreeMap::new();
        for found in self.list_outcomes(run, None)? {
            let found = found?;
            let example = || found.display_name();
            printed += u64::from(!found.output.is_empty());
            let silent = matches!(found.outcome, Outcome::Changed | Outcome::Unchanged);
            let refused_calls = if silent { &found.refused_calls[..] } else { &[] };
            refused_targets += u64::from(!refused_calls.is_empty());
            for call in refused_calls {
                let mut call = call.clone();
                if refused.len() >= MOST_WARNINGS && !refused.contains_key(&(call.line, call.message.clone()))
                {
                    call = RefusedCall { message: "other calls".to_owned(), line: None };
                }
                let key = (call.line, call.message.clone());
                let new = || RefusedCalls { call, users: 0, example: example() };
                refused.entry(key).or_insert_with(new).users += 1;
            }
            let told = |warning: &&String| refused_calls.iter().all(|call| call.message != **warning);
            for warning in found.warnings.iter().filter(told) {
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
        let mut refused_calls: Vec<_> = refused.into_values().collect();
        refused_calls.sort_by_key(|calls| Reverse(calls.users));
        Ok(Troubles { refused_calls, refused_targets, warnings, failures, printed })
    }

    /// Counts the targets of a run that changed or stayed unchanged although calls of the script were refused.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn count_refused_targets(self, run: &Run) -> Result<u64, AppError> {
        Ok(self.app.require_permission_on(Right::Look, run)?.outcomes().count_refused(run.id)?)
    }
}
