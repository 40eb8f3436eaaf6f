//! Limits at which a run stops by itself, and the settings that a run keeps.

use std::ops::{AddAssign, Sub};

use serde::{Deserialize, Serialize};

use crate::{AdministratorId, Change, Field, FieldChange, Outcome, Tally, Value};

/// Without a number of its own, a run stops once more than this many targets have failed...
const FAILURES: u64 = 100;
/// ...and they are more than one in this many of those finished.
const ONE_IN: u64 = 10;

/// What an administrator wants of a run's execution.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How long the script may take for one target, in milliseconds.
    pub time_limit: u64,
    /// When the run stops by itself.
    pub brakes: Brakes,
    /// It stops after so many targets, to be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<u64>,
    /// The time zone of dates that come without one, by its IANA name: the same for whoever executes the run, and when it
    /// is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Whether it only reports: a target whose user would be changed fails.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub report: bool,
    /// Whether items that FreeRADIUS would reject a user for are refused, instead of warned of.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
    /// Who has let it begin or go on, if that was somebody else than its maker: it is they who must be allowed to from then
    /// on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vouched_by: Option<Voucher>,
}

/// Whose rights a run goes on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voucher {
    /// An account of the operating system, which may do everything.
    Account,
    /// An administrator.
    Administrator(AdministratorId),
}

/// When a run stops by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Brakes {
    /// More than so many targets have failed or timed out. None: more than 100, if they are more than 10 % of those
    /// finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_failures: Option<u64>,
    /// So many users are changed, and one more would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_changes: Option<u64>,
    /// So many users were made inactive, and one more would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_deactivations: Option<u64>,
}

/// What brakes look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Targets that have an outcome.
    pub finished: u64,
    /// Those that failed or timed out.
    pub failed: u64,
    /// Those that changed their user.
    pub changed: u64,
    /// Those that made their user inactive.
    pub deactivated: u64,
}

impl Counts {
    /// What a run's counters come to.
    #[must_use]
    pub fn of(tally: &Tally, deactivated: u64) -> Self {
        Self {
            finished: tally.total(),
            failed: tally.get(Outcome::Failed) + tally.get(Outcome::TimedOut),
            changed: tally.get(Outcome::Changed),
            deactivated,
        }
    }

    /// One target with this outcome and these changes.
    #[must_use]
    pub fn one(outcome: Outcome, changes: &[Change]) -> Self {
        Self {
            finished: 1,
            failed: matches!(outcome, Outcome::Failed | Outcome::TimedOut).into(),
            changed: (outcome == Outcome::Changed).into(),
            deactivated: (outcome == Outcome::Changed && changes.iter().any(deactivates)).into(),
        }
    }
}

fn deactivates(change: &Change) -> bool {
    matches!(change, Change::Set(FieldChange { field: Field::IsActive, after: Value::Bool(false), .. }))
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.finished += other.finished;
        self.failed += other.failed;
        self.changed += other.changed;
        self.deactivated += other.deactivated;
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            finished: self.finished.saturating_sub(other.finished),
            failed: self.failed.saturating_sub(other.failed),
            changed: self.changed.saturating_sub(other.changed),
            deactivated: self.deactivated.saturating_sub(other.deactivated),
        }
    }
}

/// A brake has stopped a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tripped {
    /// Why, for the administrator.
    pub why: String,
    /// Whether the target that tripped it is the last one that counts; otherwise it is the first one that does not.
    pub included: bool,
}

impl Brakes {
    /// Lets one more target pass: `one` is counted into `counts`, unless it has to stay out. What may be harm that is
    /// to be limited (changes) is stopped before, what is already harmless (failures) is kept to be looked at.
    ///
    /// # Errors
    ///
    /// The brake that trips. [`Tripped::included`] says whether the target is counted.
    ///
    /// # Examples
    ///
    /// ```
    /// use rollcall_domain::{Brakes, Counts, Outcome};
    ///
    /// let brakes = Brakes { max_failures: Some(1), ..Brakes::default() };
    /// let mut counts = Counts::default();
    /// let failed = Counts::one(Outcome::Failed, &[]);
    /// assert!(brakes.pass(&mut counts, failed).is_ok());
    /// let tripped = brakes.pass(&mut counts, failed).unwrap_err();
    /// assert!(tripped.included);
    /// assert_eq!(counts.failed, 2);
    /// ```
    pub fn pass(&self, counts: &mut Counts, one: Counts) -> Result<(), Tripped> {
        let over = |limit: Option<u64>, so_far: u64, one: u64| limit.filter(|limit| so_far + one > *limit);
        if let Some(limit) = over(self.max_changes, counts.changed, one.changed) {
            let why = format!("as many users are changed as the limit allows ({limit})");
            return Err(Tripped { why, included: false });
        }
        if let Some(limit) = over(self.max_deactivations, counts.deactivated, one.deactivated) {
            let why = format!("as many users are made inactive as the limit allows ({limit})");
            return Err(Tripped { why, included: false });
        }
        *counts += one;
        let Counts { finished, failed, .. } = *counts;
        let why = match self.max_failures {
            _ if one.failed == 0 => return Ok(()),
            Some(limit) if failed > limit => {
                let (s, have) = if failed == 1 { ("", "has") } else { ("s", "have") };
                format!("{failed} target{s} {have} failed, more than the limit allows ({limit})")
            }
            None if failed > FAILURES && failed > finished / ONE_IN => format!(
                "{failed} of {finished} targets have failed; a limit of failures sets how many may before a run stops"
            ),
            _ => return Ok(()),
        };
        Err(Tripped { why, included: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many targets count, out of many with these outcomes.
    fn stops_after(brakes: Brakes, outcomes: impl IntoIterator<Item = Counts>) -> Option<u64> {
        let mut counts = Counts::default();
        for one in outcomes {
            if brakes.pass(&mut counts, one).is_err() {
                return Some(counts.finished);
            }
        }
        None
    }

    fn failed() -> Counts {
        Counts::one(Outcome::Failed, &[])
    }

    fn changed() -> Counts {
        Counts::one(Outcome::Changed, &[])
    }

    #[test]
    fn without_numbers_many_failures_that_are_a_large_part_stop_a_run() {
        let usual = Brakes::default();
        assert_eq!(stops_after(usual, (0..1_000).map(|_| failed())), Some(101));
        assert_eq!(stops_after(usual, (0..100).map(|_| failed())), None);
        // One in a thousand, as in any large run, never does.
        let few = (0..1_000_000).map(|n| if n % 1_000 == 0 { failed() } else { changed() });
        assert_eq!(stops_after(usual, few), None);
        // All is well for long, then nothing works any more.
        let later = (0..10_000).map(|n| if n < 5_000 { changed() } else { failed() });
        assert_eq!(stops_after(usual, later), Some(5_556));
    }

    #[test]
    fn numbers_stop_a_run_before_harm_and_after_failures() {
        let brakes = |max_failures, max_changes, max_deactivations| Brakes {
            max_failures,
            max_changes,
            max_deactivations,
        };
        assert_eq!(stops_after(brakes(Some(0), None, None), [changed(), failed(), changed()]), Some(2));
        assert_eq!(stops_after(brakes(Some(1_000), None, None), (0..1_000).map(|_| failed())), None);
        assert_eq!(
            stops_after(brakes(None, Some(2), None), [changed(), failed(), changed(), changed()]),
            Some(3)
        );
        assert_eq!(stops_after(brakes(None, Some(2), None), [changed(), changed()]), None);
        let off = Change::Set(FieldChange {
            field: Field::IsActive,
            before: Value::Bool(true),
            after: Value::Bool(false),
        });
        let off = Counts::one(Outcome::Changed, &[off]);
        assert_eq!(stops_after(brakes(None, None, Some(1)), [off, changed(), off]), Some(2));
        assert_eq!(stops_after(brakes(None, None, Some(0)), [off]), Some(0));
    }
}
