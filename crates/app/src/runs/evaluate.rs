use rollcall_domain::{
    Catalogue, Change, Dictionary, Edit, Field, Item, Mismatch, Outcome, Rejection, Run, ScriptError,
    TargetOutcome, Timestamp, User, UserId, diff,
};
use rollcall_sandbox::{Ending, Report, Target};
use rollcall_store::Settled;

use crate::app::App;
use crate::error::AppError;
use crate::scripts::hints::explained;

/// What `last_update` becomes of users that a preview of this start changes: later than its "now", as in a run that
/// writes.
pub(super) fn planned_update(start: Timestamp) -> Timestamp {
    Timestamp::from_micros(start.as_micros() + 1).unwrap_or(start)
}

/// What has become of a target, and how it leaves its user for the next target of the same one.
#[derive(Debug)]
pub(super) struct Evaluated {
    pub(super) settled: Settled,
    /// Kept only in runs where users come more than once. None if that is not known.
    pub(super) left: Option<User>,
}

impl Evaluated {
    /// The same, where the user was called `username` before the run.
    pub(super) fn called(self, username: Option<String>) -> Self {
        Self { settled: self.settled.called(username), ..self }
    }
}

/// So many warnings a target are enough.
const MOST_WARNINGS: usize = 10;

/// How reports are to be taken in a run.
pub(super) struct Rules<'a> {
    pub(super) profiles: &'a Catalogue,
    /// Whether users come more than once, so that how each is left is to be kept.
    pub(super) keep: bool,
    /// Whether whoever would be changed fails.
    pub(super) reports: bool,
    /// What FreeRADIUS knows.
    pub(super) dictionary: &'a Dictionary,
    /// Whether what it would reject a user for is refused, instead of warned of.
    pub(super) strict: bool,
}

impl Rules<'_> {
    /// What a report means for its user, in a run that sees `now` as now.
    pub(super) fn evaluate(&self, target: Target, report: Report, now: Timestamp) -> Evaluated {
        let before = self.keep.then(|| target.user.clone());
        let mut settled = self.settle(target, report);
        if self.reports && !settled.outcome().changes.is_empty() {
            settled = forbidden(&settled);
        }
        match before {
            Some(before) => keep_left(before, settled, now),
            None => Evaluated { settled, left: None },
        }
    }

    /// What a report means for its user, by the rules of the domain: the worker's word alone changes nothing.
    fn settle(&self, target: Target, report: Report) -> Settled {
        let Target { number, user, .. } = target;
        let Report { ending, edits, result, output, refused_calls, micros } = report;
        // PostgreSQL keeps no NUL.
        let output = if output.contains('\0') { output.replace('\0', "\u{2400}") } else { output };
        let warnings = refused_calls.iter().map(|call| call.message.clone()).collect();
        let mut outcome =
            TargetOutcome { result, output, warnings, refused_calls, micros, ..of_user(number, &user) };
        let version = Some(user.version);
        match ending {
            Ending::Skipped(reason) => {
                outcome.outcome = Outcome::Skipped;
                outcome.reason = Some(reason);
            }
            Ending::Failed(error) => {
                outcome.outcome = Outcome::Failed;
                outcome.error = Some(explained(error));
            }
            Ending::TimedOut(error) => {
                outcome.outcome = Outcome::TimedOut;
                outcome.error = Some(error);
            }
            Ending::Ran if edits.is_empty() => {}
            Ending::Ran => {
                let mut after = user.clone();
                let dated = edits.iter().any(|edit| matches!(edit, Edit::Set(Field::LastUpdate, _)));
                for edit in edits {
                    let allowed = match &edit {
                        Edit::ItemAdd(_, item) => self.look_up(item, &mut outcome.warnings),
                        _ => Ok(()),
                    };
                    if let Err(refusal) = allowed.and_then(|()| after.edit(edit, self.profiles)) {
                        outcome.outcome = Outcome::Failed;
                        outcome.error = Some(ScriptError::without_line("Refused", refusal.to_string()));
                        return Settled::new(outcome, version, None);
                    }
                }
                outcome.changes = diff(&user, &after);
                if !outcome.changes.is_empty() {
                    (outcome.outcome, outcome.dated) = (Outcome::Changed, dated);
                    return Settled::new(outcome, version, Some(after));
                }
            }
        }
        Settled::new(outcome, version, None)
    }

    /// Refuses an item that FreeRADIUS would reject its user for, or warns of it.
    fn look_up(&self, item: &Item, warnings: &mut Vec<String>) -> Result<(), Rejection> {
        if self.strict {
            return self.dictionary.check_item(item);
        }
        if let Err(why) = self.dictionary.warn_of(item) {
            let why = why.to_string();
            if warnings.len() < MOST_WARNINGS && !warnings.contains(&why) {
                warnings.push(why);
            }
        }
        Ok(())
    }
}

/// What becomes of a target of a run that only reports, whose user would have been changed.
fn forbidden(settled: &Settled) -> Settled {
    let (outcome, version) = (settled.outcome().clone(), settled.version());
    let mut what: Vec<_> = outcome.changes.iter().map(Change::what).collect();
    what.dedup();
    let why = format!("this run only reports, but the script changes {}", what.join(", "));
    let error = Some(ScriptError::without_line("PermissionError", why));
    Settled::new(
        TargetOutcome { outcome: Outcome::Failed, changes: Vec::new(), error, ..outcome },
        version,
        None,
    )
}

/// What has become of a target, with how it leaves the user that was as `before`.
pub(super) fn keep_left(before: User, settled: Settled, now: Timestamp) -> Evaluated {
    // What the next target of the user reads as `last_update` is what the database gets.
    let settled = settled.changed_at(now);
    let left = match settled.after() {
        // As the database will have it.
        Some(after) => User {
            version: before.version + 1,
            last_update: if settled.outcome().dated { after.last_update } else { now },
            ..after.clone()
        },
        None => before,
    };
    Evaluated { settled, left: Some(left) }
}

/// Brings the user of a preview's target to where the earlier targets of that user, all committed, have planned to
/// leave them. False if that cannot be: somebody else has changed what was planned to be changed.
pub(super) fn plan_before(app: &App, run: &Run, target: i64, user: &mut User) -> Result<bool, AppError> {
    let mut fits = true;
    app.store_unchecked().chunks().planned_before(run.id, target, |plan, dated| {
        match user.after(plan) {
            // As applying would leave it: `last_update` follows every change.
            Ok(after) => {
                let last_update = if dated { after.last_update } else { planned_update(run.created_at) };
                *user = User { version: user.version + 1, last_update, ..after };
            }
            Err(_) => fits = false,
        }
        fits
    })?;
    Ok(fits)
}

/// The outcome of a target whose user somebody else keeps changing, or has removed (`user` is then none).
pub(super) fn conflict(number: i64, user_id: UserId, user: Option<&User>) -> Evaluated {
    let message = match user {
        Some(_) => "somebody else changed the user again and again while the run went on",
        None => GONE,
    };
    let known = match user {
        Some(user) => of_user(number, user),
        None => TargetOutcome::new(number, user_id, Outcome::Conflict),
    };
    Evaluated { settled: in_conflict(known, user, message, Vec::new()), left: None }
}

/// Why there is nobody to change.
const GONE: &str = "the user was removed after the list was frozen";

/// A target that is left alone, since its user is not as they had to be.
pub(super) fn in_conflict(
    known: TargetOutcome,
    user: Option<&User>,
    message: impl Into<String>,
    mismatches: Vec<Mismatch>,
) -> Settled {
    let error = Some(ScriptError::without_line("Conflict", message));
    let outcome = TargetOutcome { outcome: Outcome::Conflict, error, mismatches, ..known };
    Settled::new(outcome, user.map(|user| user.version), None)
}

/// Nothing has happened to the user yet.
pub(super) fn of_user(number: i64, user: &User) -> TargetOutcome {
    TargetOutcome {
        username: Some(user.username.clone()),
        organization_id: Some(user.organization_id),
        ..TargetOutcome::new(number, user.id, Outcome::Unchanged)
    }
}
