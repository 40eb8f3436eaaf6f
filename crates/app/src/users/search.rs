use rollcall_domain::filter::Search;
use rollcall_domain::{Right, User, UserId};
use rollcall_store::Look;
use serde::{Deserialize, Serialize};

use crate::error::AppError;
use crate::operations::UserOperations;

/// Where a search has come to; what is in it means nothing to anybody else.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SearchKey {
    /// Which of the looks.
    look: usize,
    place: String,
    id: UserId,
}

/// A user who was searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The user.
    pub user: User,
    /// What the next page comes after.
    pub key: SearchKey,
}

impl UserOperations<'_> {
    /// Searches users and lists at most `limit` of them after `after`, the nearest first: by number, username, external
    /// identifier or e-mail address, then by the start of a username, then of an e-mail address. They are the users
    /// that [`Search::filter`] selects.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn search(
        self,
        search: &Search,
        after: Option<&SearchKey>,
        limit: u32,
    ) -> Result<Vec<Found>, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        let looks = looks(search);
        let mut found = Vec::new();
        let mut key = after.cloned().unwrap_or_default();
        while let Some(look) = looks.get(key.look) {
            let wanted = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
            if wanted == 0 {
                break;
            }
            let page = permit.users().look_for(*look, &permit.scope, (&key.place, key.id), wanted)?;
            let is_last = page.len() < wanted as usize;
            for user in page {
                key = SearchKey { place: look.place(&user).to_owned(), id: user.id, ..key };
                if !looks[..key.look].iter().any(|earlier| earlier.finds(&user)) {
                    found.push(Found { user, key: key.clone() });
                }
            }
            if is_last {
                key = SearchKey { look: key.look + 1, ..SearchKey::default() };
            }
        }
        Ok(found)
    }
}

/// The ways to look for a text, in the order in which they are taken.
fn looks(search: &Search) -> Vec<Look<'_>> {
    let texts = search.texts();
    let whole = |text| [Look::Username(text), Look::ExternalId(text), Look::Email(text)];
    let starts = |text| [Look::Usernames(text), Look::Emails(text)];
    let exact = texts.iter().flat_map(|text| whole(text));
    let begun = texts.iter().flat_map(|text| starts(text));
    search.number().map(Look::Number).into_iter().chain(exact).chain(begun).collect()
}
