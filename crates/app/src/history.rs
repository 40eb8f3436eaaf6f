use std::cmp::Reverse;

use rollcall_domain::{Event, EventKey};
use rollcall_domain::{Right, Scope, Timestamp, User, UserId};
use rollcall_store::{Store, StoreError};

use crate::pages::pages;
use crate::{App, AppError};

/// Events are read in pages of this many.
const PAGE: u32 = 100;
/// Comes before every event.
const START: EventKey = (Timestamp::MAX, i64::MAX, i64::MAX);

impl App {
    /// The user of this number.
    pub fn user_by_id(&self, id: UserId) -> Result<Option<User>, AppError> {
        let permit = self.may(Right::Look)?;
        Ok(permit.own_user(permit.load_users(&[id])?.pop()))
    }

    /// Everything that was changed of a user, newest first: by runs and by hand, whatever the user was called then.
    /// What was pruned is missing. Of users who were removed only those hear who may look at all.
    pub fn history(
        &self,
        user: UserId,
    ) -> Result<impl Iterator<Item = Result<Event, AppError>> + '_, AppError> {
        let store = self.may_remember(user)?;
        let page = move |after| Ok(events(store, user, after, PAGE)?);
        Ok(pages(START, page, |event: &Event| event.key))
    }

    /// The next of it after the event with this key.
    pub fn history_after(
        &self,
        user: UserId,
        after: Option<EventKey>,
        limit: u32,
    ) -> Result<Vec<Event>, AppError> {
        Ok(events(self.may_remember(user)?, user, after.unwrap_or(START), limit)?)
    }

    fn may_remember(&self, user: UserId) -> Result<&Store, AppError> {
        let permit = self.may(Right::Look)?;
        if permit.scope != Scope::Everywhere && self.user_by_id(user)?.is_none() {
            return Err(StoreError::NoSuch(format!("user {user}")).into());
        }
        Ok(permit.into_store())
    }
}

/// The next events of both kinds after this key.
fn events(store: &Store, user: UserId, after: EventKey, limit: u32) -> Result<Vec<Event>, StoreError> {
    let mut events = store.changes_by_runs(user, after, limit)?;
    events.extend(store.changes_by_hand(user, after, limit)?);
    events.sort_by_key(|event| Reverse(event.key));
    events.truncate(limit as usize);
    Ok(events)
}
