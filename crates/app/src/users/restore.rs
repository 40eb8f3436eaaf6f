//! Restoring the values of one user before one history entry. [`RunOperations::undo`](crate::RunOperations::undo) undoes
//! a run for all its users.

use rollcall_domain::{Change, Field, Mismatch, Rejection, User, diff};
use rollcall_domain::{Event, EventKey};
use rollcall_store::{PasswordEdit, StoreError};

use super::edit::check_version;
use crate::error::AppError;
use crate::operations::UserOperations;

/// A plan to restore the values of a user before one history entry.
#[derive(Debug, Clone, PartialEq)]
pub struct RestorePlan {
    /// The user as they are, at the version that is to be seen.
    pub user: User,
    /// The history entry.
    pub event: Event,
    /// The changes that restore the values, none if they are back already; or all values that have changed since.
    pub changes: Result<Vec<Change>, Vec<Mismatch>>,
}

impl UserOperations<'_> {
    /// Plans the changes that would restore the values of a user before the history entry with this key.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if there is no such user or entry.
    pub fn plan_restore(self, username: &str, key: EventKey) -> Result<RestorePlan, AppError> {
        let user = self.find(username)?;
        let (at, run, number) = key;
        // The first that comes after whatever is just before it.
        let found = self.list_history_after(user.id, Some((at, run, number.saturating_add(1))), 1)?.pop();
        let event = found
            .filter(|event| event.key == key)
            .ok_or_else(|| StoreError::NoSuch(format!("event in the history of user {username:?}")))?;
        let changes = user.before(&event.changes).map(|before| diff(&user, &before));
        Ok(RestorePlan { user, event, changes })
    }

    /// Restores the values of a user before one history entry, if the user is still at version `expected`: the user
    /// afterwards and the changes.
    ///
    /// # Errors
    /// [`AppError::Outdated`] if it is not; [`AppError::Conflict`] if the values have changed since;
    /// [`AppError::Denied`]; if there is no such user or entry.
    pub fn restore(
        self,
        username: &str,
        key: EventKey,
        expected: Option<i64>,
    ) -> Result<(User, Vec<Change>), AppError> {
        let (permit, _) = self.find_to_edit(username)?;
        let RestorePlan { user, changes, .. } = self.plan_restore(username, key)?;
        check_version(&user, expected)?;
        let changes = changes.map_err(|moved| refused(&moved))?;
        if changes.is_empty() {
            return Ok((user, changes));
        }
        let profiles = permit.profiles().catalogue()?.within(&permit.scope);
        let gone = changes.iter().find_map(|change| match change {
            Change::ProfileAdd(profile) if profiles.offer(profile.id, user.organization_id).is_err() => {
                Some(&profile.short_name)
            }
            _ => None,
        });
        if let Some(name) = gone {
            let why = format!("it cannot be restored: the user can no longer have the profile {name:?}");
            return Err(AppError::Conflict(Rejection::new(why)));
        }
        let mut after = user.after(&changes).map_err(|moved| refused(&moved))?;
        let act = self.app.act();
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
    let why = format!("it cannot be restored, because it changed since: {}", each.join("; "));
    AppError::Conflict(Rejection::new(why))
}
