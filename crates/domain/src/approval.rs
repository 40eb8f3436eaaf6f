//! Approval by a second administrator: above a number of targets a run writes only the plan that another administrator
//! than its creator has approved.

use std::fmt;
use std::str::FromStr;

use crate::{AdministratorId, Rejection, Right, Rights, Run, RunId, Selection, Timestamp};

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

/// How whoever made a run that writes has it previewed.
fn how_to_preview(run: &Run) -> String {
    match (&run.selection, run.undoes) {
        (Selection::Retry { .. }, _) => "with --preview".to_owned(),
        (Selection::Outcomes { .. }, Some(undone)) => format!("with 'rollcall runs undo {undone}'"),
        // The rest of a plan: that cannot be previewed again, but its script can.
        (Selection::Outcomes { run: of, .. }, None) if run.applies.is_some() => {
            format!("with 'rollcall run SCRIPT --targets-from {of}:not_run'")
        }
        (Selection::Outcomes { .. }, None) => "instead".to_owned(),
        _ => "without --apply".to_owned(),
    }
}

/// What a preview lacks to be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// Nobody has approved it.
    Anybody {
        /// Who made it, and so cannot.
        maker: String,
    },
    /// It had another plan when these did.
    SamePlan(Vec<String>),
    /// Only these have, and may no longer run scripts for its users.
    Rights(Vec<String>),
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
            (true, true) => Self::Anybody { maker: preview.administrator.clone() },
        }))
    }
}

/// What stands in the way of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Obstacle {
    /// It would write what nobody has seen; this makes it a preview.
    Unseen(String),
    /// The preview that it would apply lacks something.
    Missing(RunId, Missing),
}

/// Why a run may not write, or a preview may not be applied, without a second administrator. A sentence that says what to
/// do.
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
        Self { targets: run.targets, above, obstacle: Obstacle::Unseen(how_to_preview(run)) }
    }

    /// `preview` would be applied to more targets than `above`.
    #[must_use]
    pub fn preview(preview: RunId, targets: u64, above: Above, missing: Missing) -> Self {
        Self { targets, above, obstacle: Obstacle::Missing(preview, missing) }
    }
}

impl Unapproved {
    fn told(&self) -> Rejection {
        let Self { targets, above, obstacle } = self;
        let (id, missing) = match obstacle {
            Obstacle::Unseen(how) => {
                let why = format!(
                    "this run has {targets} targets, and above {above} it takes a second administrator: preview it"
                );
                return Rejection::new(why)
                    .by(format!(" {how}"))
                    .and(", have that approved by somebody else")
                    .by(", with 'rollcall runs approve ID'")
                    .and(", then write it")
                    .by(", with 'rollcall runs apply ID'");
            }
            Obstacle::Missing(id, missing) => (id, missing),
        };
        let lacks = match missing {
            Missing::Anybody { maker } => {
                format!("nobody has approved it yet; somebody else than {maker} can")
            }
            Missing::SamePlan(who) => {
                format!("its plan has changed since {} approved it; somebody has to again", who.join(", "))
            }
            Missing::Rights(who) => {
                let who = who.join(", ");
                format!("only {who} approved it and may no longer run scripts there; somebody else can")
            }
        };
        let why = format!(
            "applying preview {id} has {targets} targets, and above {above} that takes a second administrator: "
        );
        Rejection::new(why).and(&lacks).by(format!(", with 'rollcall runs approve {id}'"))
    }

    /// With the commands that do something about it.
    #[must_use]
    pub fn on_the_command_line(&self) -> String {
        self.told().on_the_command_line()
    }
}

impl fmt::Display for Unapproved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.told().fmt(f)
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
