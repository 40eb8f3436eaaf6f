use rollcall_domain::{Right, Scope, Timestamp, User, UserId};
use rollcall_store::{Event, StoreError};

use crate::{App, AppError};

/// Events are read in pages of this many.
const PAGE: u32 = 100;

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
        let store = self.engine();
        if self.may(Right::Look)?.scope != Scope::Everywhere && self.user_by_id(user)?.is_none() {
            return Err(StoreError::NoSuch(format!("user {user}")).into());
        }
        let runs = events(move |before| store.changes_by_runs(user, before, PAGE));
        let edits = events(move |(_, before, _)| store.changes_by_hand(user, before, PAGE));
        let (mut runs, mut edits) = (runs.peekable(), edits.peekable());
        Ok(std::iter::from_fn(move || {
            let by_hand_next = match (runs.peek(), edits.peek()) {
                (Some(Ok(run)), Some(Ok(edit))) => edit.at > run.at,
                (None, _) | (_, Some(Err(_))) => true,
                _ => false,
            };
            let next = if by_hand_next { edits.next() } else { runs.next() };
            next.map(|event| event.map_err(AppError::from))
        }))
    }
}

/// Every event that `page` gives, page by page, each from where the last one ended.
fn events(
    page: impl Fn((Timestamp, i64, i64)) -> Result<Vec<Event>, StoreError>,
) -> impl Iterator<Item = Result<Event, StoreError>> {
    let mut next = Some((Timestamp::MAX, i64::MAX, i64::MAX));
    std::iter::from_fn(move || {
        let events = page(next?);
        next = events.as_ref().ok().and_then(|events| events.last()).map(|event| event.key);
        match events {
            Ok(events) if events.is_empty() => None,
            Ok(events) => Some(events.into_iter().map(Ok).collect()),
            Err(error) => Some(vec![Err(error)]),
        }
    })
    .flatten()
}
