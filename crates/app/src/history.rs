use rollcall_domain::{Timestamp, User, UserId};
use rollcall_store::{Event, StoreError};

use crate::{App, AppError};

/// Events are read in pages of this many.
const PAGE: u32 = 100;

impl App {
    /// The user of this number.
    pub fn user_by_id(&self, id: UserId) -> Result<Option<User>, AppError> {
        Ok(self.store.load_users(&[id])?.pop())
    }

    /// Everything that was changed of a user, newest first: by runs and by hand, whatever the user was called then.
    /// What was pruned is missing.
    pub fn history(&self, user: UserId) -> impl Iterator<Item = Result<Event, AppError>> + '_ {
        let runs = events(move |before| self.store.changes_by_runs(user, before, PAGE));
        let edits = events(move |(_, before, _)| self.store.changes_by_hand(user, before, PAGE));
        let (mut runs, mut edits) = (runs.peekable(), edits.peekable());
        std::iter::from_fn(move || {
            let by_hand_next = match (runs.peek(), edits.peek()) {
                (Some(Ok(run)), Some(Ok(edit))) => edit.at > run.at,
                (None, _) | (_, Some(Err(_))) => true,
                _ => false,
            };
            let next = if by_hand_next { edits.next() } else { runs.next() };
            next.map(|event| event.map_err(AppError::from))
        })
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
