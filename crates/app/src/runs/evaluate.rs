use rollcall_domain::{Catalogue, Edit, Field, Outcome, ScriptError, TargetOutcome, User, UserId, diff};
use rollcall_sandbox::{Ending, Report, Target};
use rollcall_store::Settled;

/// What a report means for its user, by the rules of the domain: the worker's word alone changes nothing.
pub(super) fn evaluate(target: Target, report: Report, profiles: &Catalogue) -> Settled {
    let Target { number, user } = target;
    let Report { ending, edits, result, output, warnings, micros } = report;
    let mut outcome = TargetOutcome { result, output, warnings, micros, ..of_user(number, &user) };
    let version = Some(user.version);
    match ending {
        Ending::Skipped(reason) => {
            outcome.outcome = Outcome::Skipped;
            outcome.reason = Some(reason);
        }
        Ending::Failed(error) => {
            outcome.outcome = Outcome::Failed;
            outcome.error = Some(error);
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
                if let Err(refusal) = after.edit(edit, profiles) {
                    outcome.outcome = Outcome::Failed;
                    outcome.error = Some(ScriptError::without_line("Refused", refusal.to_string()));
                    return Settled::new(outcome, version, None);
                }
            }
            outcome.changes = diff(&user, &after);
            if !outcome.changes.is_empty() {
                outcome.outcome = Outcome::Changed;
                let settled = Settled::new(outcome, version, Some(after));
                return if dated { settled.dated() } else { settled };
            }
        }
    }
    Settled::new(outcome, version, None)
}

/// The outcome of a target whose user somebody else keeps changing, or has removed (`user` is then none).
pub(super) fn conflict(number: i64, user_id: UserId, user: Option<&User>) -> Settled {
    let message = match user {
        Some(_) => "somebody else changed the user again and again while the run went on",
        None => "the user was removed after the list was frozen",
    };
    let known = match user {
        Some(user) => of_user(number, user),
        None => TargetOutcome::new(number, user_id, Outcome::Conflict),
    };
    let error = Some(ScriptError::without_line("Conflict", message));
    let outcome = TargetOutcome { outcome: Outcome::Conflict, error, ..known };
    Settled::new(outcome, user.map(|user| user.version), None)
}

/// Nothing has happened to the user yet.
fn of_user(number: i64, user: &User) -> TargetOutcome {
    TargetOutcome {
        username: Some(user.username.clone()),
        organization_id: Some(user.organization_id),
        ..TargetOutcome::new(number, user.id, Outcome::Unchanged)
    }
}
