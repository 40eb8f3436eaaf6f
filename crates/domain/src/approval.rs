//! Approval by a second administrator: above a number of targets a run writes only the plan that another administrator
//! than its creator has approved.

use std::fmt;
use std::str::FromStr;

use crate::{
    AdministratorId, Outcome, Rejection, Right, Rights, Run, RunId, Selection, Suggestion, Timestamp,
};

/// A run with more targets than this needs the approval of a second administrator before it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Above(u64);

impl Above {
    /// Whether a run with so many targets needs it.
    #[must_use]
    pub fn is_exceeded(self, targets: u64) -> bool {
        targets > self.0
    }

    /// As a number.
    #[must_use]
    pub fn targets(self) -> u64 {
        self.0
    }
}

impl FromStr for Above {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<Self, Rejection> {
        let digits = Some(text.trim()).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let number = digits.and_then(|digits| digits.parse().ok()).map(Self);
        number.ok_or_else(|| {
            Rejection::new(format!(
                "{text:?} is no number of targets: write a whole number such as 1000, or 0 for every run that writes"
            ))
        })
    }
}

impl fmt::Display for Above {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// That somebody has said yes to a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The plan's hash at that moment: to no other plan they have.
    pub plan: String,
    /// An account of the operating system, such as `cli:maria`, or the name of an administrator.
    pub who: String,
    /// Their number, if they are an administrator.
    pub administrator_id: Option<AdministratorId>,
    /// When.
    pub at: Timestamp,
}

impl Approval {
    /// Whether whoever made `preview` has approved it themselves.
    fn is_own(&self, preview: &Run) -> bool {
        preview.is_by(&self.who, self.administrator_id)
    }
}

/// Suggests how to preview a run that writes.
fn suggest_preview(run: &Run) -> Suggestion {
    match (&run.selection, run.undoes) {
        (Selection::Retry { run, .. }, _) => Suggestion::PreviewRetry { run_id: *run },
        (Selection::Outcomes { .. }, Some(undone)) => Suggestion::UndoRun { run_id: undone },
        // The rest of a plan, too: that cannot be previewed again, but its script can.
        (Selection::Outcomes { run, outcome }, None) => {
            Suggestion::PreviewOutcomes { run_id: *run, outcome: outcome.map(Outcome::name) }
        }
        _ => Suggestion::PreviewRun,
    }
}

/// What a preview lacks to be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// Nobody has approved it.
    AnyApproval {
        /// The administrator who made it, and so cannot approve it.
        maker: String,
    },
    /// It had another plan when these did.
    SamePlan(Vec<String>),
    /// Only these have, and may no longer run scripts for its users.
    Rights(Vec<String>),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnyApproval { maker } => {
                write!(f, "another administrator than {maker} must approve it")
            }
            Self::SamePlan(who) => {
                let who = who.join(", ");
                write!(
                    f,
                    "its plan has changed since {who} approved it; another administrator must approve it again"
                )
            }
            Self::Rights(who) => {
                let who = who.join(", ");
                write!(
                    f,
                    "{who} approved it and may no longer run scripts there; another administrator must \
                     approve it"
                )
            }
        }
    }
}

impl Missing {
    /// Says what the approvals of `preview` lack; none if one of them is valid. `rights` gives the current rights of an
    /// approver: those of a removed administrator are empty.
    ///
    /// # Errors
    ///
    /// The error of `rights`.
    pub fn of<E>(
        preview: &Run,
        approvals: &[Approval],
        mut rights: impl FnMut(&Approval) -> Result<Rights, E>,
    ) -> Result<Option<Self>, E> {
        let others = approvals.iter().filter(|approval| !approval.is_own(preview));
        let (same, earlier): (Vec<_>, Vec<_>) =
            others.partition(|approval| Some(&approval.plan) == preview.plan.as_ref());
        for approval in &same {
            if rights(approval)?.reach(Right::Execute, &preview.scope) {
                return Ok(None);
            }
        }
        let names = |approvals: Vec<&Approval>| approvals.into_iter().map(|each| each.who.clone()).collect();
        Ok(Some(match (same.is_empty(), earlier.is_empty()) {
            (false, _) => Self::Rights(names(same)),
            (true, false) => Self::SamePlan(names(earlier)),
            (true, true) => Self::AnyApproval { maker: preview.administrator.clone() },
        }))
    }
}

/// The reason why a run may not write yet.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Obstacle {
    /// It would write without a plan; this previews it.
    NoPlan(Suggestion),
    /// The preview that it would apply lacks something.
    Missing(RunId, Missing),
}

/// The reason why a run may not write, or a preview may not be applied, without a second administrator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Unapproved {
    targets: u64,
    above: Above,
    obstacle: Obstacle,
}

impl Unapproved {
    /// A run that does not apply a preview has more targets than `above`.
    #[must_use]
    pub fn run(run: &Run, above: Above) -> Self {
        Self { targets: run.targets, above, obstacle: Obstacle::NoPlan(suggest_preview(run)) }
    }

    /// `preview` would be applied to more targets than `above`.
    #[must_use]
    pub fn preview(preview: RunId, targets: u64, above: Above, missing: Missing) -> Self {
        Self { targets, above, obstacle: Obstacle::Missing(preview, missing) }
    }

    /// The actions that lead to an approved plan, in their order.
    #[must_use]
    pub fn suggestions(&self) -> Vec<Suggestion> {
        match &self.obstacle {
            Obstacle::NoPlan(preview) => vec![
                preview.clone(),
                Suggestion::ApproveRun { run_id: None },
                Suggestion::ApplyRun { run_id: None },
            ],
            Obstacle::Missing(preview, _) => vec![Suggestion::ApproveRun { run_id: Some(*preview) }],
        }
    }
}

impl fmt::Display for Unapproved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { targets, above, obstacle } = self;
        let (id, missing) = match obstacle {
            Obstacle::NoPlan(_) => {
                return write!(
                    f,
                    "this run has {targets} targets, and above {above} it needs an approved plan: preview \
                     it, have another administrator approve the preview, then apply it"
                );
            }
            Obstacle::Missing(id, missing) => (id, missing),
        };
        write!(
            f,
            "applying preview {id} has {targets} targets, and above {above} it needs approval: {missing}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_targets_is_read_and_is_itself_allowed() {
        let above = "2".parse::<Above>().unwrap();
        assert_eq!([1, 2, 3].map(|targets| above.is_exceeded(targets)), [false, false, true]);
        assert_eq!([0, 1].map(|targets| "0".parse::<Above>().unwrap().is_exceeded(targets)), [false, true]);
        assert_eq!(" 1000 ".parse::<Above>().unwrap().to_string(), "1000");
        for text in ["", " ", "-1", "+1", "1.5", "1,000", "many", "99999999999999999999", "0x1", "٣"] {
            assert!(text.parse::<Above>().is_err(), "{text}");
        }
    }
}
