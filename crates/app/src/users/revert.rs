//! Taking back one thing that was done to a user, by hand. What a run has done to all its users is taken back by
//! [`App::undo`].

use rollcall_domain::{Change, Field, Mismatch, Refusal, User, diff};
use rollcall_domain::{Event, EventKey};
use rollcall_store::{PasswordEdit, StoreError};

use super::edit::check_version;
use crate::{App, AppError};

/// What comes of taking an event of a user's history back.
#[derive(Debug, Clone, PartialEq)]
pub struct Reverting {
    /// The user as they are, at the version that is to be seen.
    pub user: User,
    /// What is to be taken back.
    pub event: Event,
    /// What that changes now, nothing if it is back already; or everything that is not as the event has left it.
    pub changes: Result<Vec<Change>, Vec<Mismatch>>,
}

impl App {
    /// What taking back the event with this key, of the history of a user, would change now.
    pub fn plan_revert(&self, username: &str, key: EventKey) -> Result<Reverting, AppError> {
        let user = self.user(username)?;
        let (at, run, number) = key;
        // The first that comes after whatever is just before it.
        let found = self.history_after(user.id, Some((at, run, number.saturating_add(1))), 1)?.pop();
        let event = found
            .filter(|event| event.key == key)
            .ok_or_else(|| StoreError::NoSuch(format!("event in the history of user {username:?}")))?;
        let changes = user.before(&event.changes).map(|before| diff(&user, &before));
        Ok(Reverting { user, event, changes })
    }

    /// Takes one event of a user's history back, by hand; the user afterwards, and what changed. With `expected` only a
    /// user at that version is edited: another one is [`AppError::Outdated`].
    pub fn revert(
        &self,
        username: &str,
        key: EventKey,
        expected: Option<i64>,
    ) -> Result<(User, Vec<Change>), AppError> {
        let (permit, _) = self.user_to_edit(username)?;
        let Reverting { user, changes, .. } = self.plan_revert(username, key)?;
        check_version(&user, expected)?;
        let changes = changes.map_err(|moved| refused(&moved))?;
        if changes.is_empty() {
            return Ok((user, changes));
        }
        let profiles = permit.catalogue()?.within(&permit.scope);
        let gone = changes.iter().find_map(|change| match change {
            Change::ProfileAdd(profile) if profiles.offer(profile.id, user.organization_id).is_err() => {
                Some(&profile.short_name)
            }
            _ => None,
        });
        if let Some(name) = gone {
            let why =
                format!("it cannot be taken back: the profile {name:?} is not there for this user any more");
            return Err(AppError::Conflict(Refusal::new(why)));
        }
        let mut after = user.after(&changes).map_err(|moved| refused(&moved))?;
        let act = self.act();
        // An event that has set the date puts it back.
        let dated = changes.iter().any(|change| change.what() == Field::LastUpdate.name());
        if !dated {
            after.last_update = act.at;
        }
        self.write_edit(&permit, [&user, &after], changes, PasswordEdit::Keep, (act, expected))
    }
}

fn refused(mismatches: &[Mismatch]) -> AppError {
    let each: Vec<_> = mismatches.iter().map(ToString::to_string).collect();
    let why = format!("it cannot be taken back, for it was changed since: {}", each.join("; "));
    AppError::Conflict(Refusal::new(why))
}
