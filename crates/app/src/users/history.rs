use std::cmp::Reverse;

use rollcall_domain::{Event, EventKey, Right, Scope, Timestamp, User, UserId};
use rollcall_store::{Store, StoreError};

use crate::error::AppError;
use crate::operations::UserOperations;
use crate::pages::pages;

/// Events are read in pages of this many.
const PAGE: u32 = 100;
/// Comes before every event.
const START: EventKey = (Timestamp::MAX, i64::MAX, i64::MAX);

impl<'a> UserOperations<'a> {
    /// Finds the user of this number; none if the actor can see no such user.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn find_by_id(self, id: UserId) -> Result<Option<User>, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        Ok(permit.own_user(permit.users().by_ids(&[id])?.pop()))
    }

    /// Lists the changes of a user, newest first: by runs and by hand, under any username. Pruned changes are missing.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if there is no such user, unless the actor can see all organizations: users who were
    /// removed have a history, too.
    pub fn list_history(
        self,
        user: UserId,
    ) -> Result<impl Iterator<Item = Result<Event, AppError>> + 'a, AppError> {
        let store = self.require_history_permission(user)?;
        let page = move |after| Ok(events(store, user, after, PAGE)?);
        Ok(pages(START, page, |event: &Event| event.key))
    }

    /// Lists at most `limit` changes of a user after the one with this key, newest first.
    ///
    /// # Errors
    /// Those of [`Self::list_history`].
    pub fn list_history_after(
        self,
        user: UserId,
        after: Option<EventKey>,
        limit: u32,
    ) -> Result<Vec<Event>, AppError> {
        Ok(events(self.require_history_permission(user)?, user, after.unwrap_or(START), limit)?)
    }

    fn require_history_permission(self, user: UserId) -> Result<&'a Store, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        if permit.scope != Scope::Everywhere && self.find_by_id(user)?.is_none() {
            return Err(StoreError::NoSuch(format!("user {user}")).into());
        }
        Ok(permit.into_store())
    }
}

/// The next events of both kinds after this key.
fn events(store: &Store, user: UserId, after: EventKey, limit: u32) -> Result<Vec<Event>, StoreError> {
    let mut events = store.history().by_runs(user, after, limit)?;
    events.extend(store.history().by_hand(user, after, limit)?);
    events.sort_by_key(|event| Reverse(event.key));
    events.truncate(limit as usize);
    Ok(events)
}
