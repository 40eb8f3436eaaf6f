mod add;
mod edit;
mod revert;
mod search;
mod selection;

use rollcall_domain::filter::Filter;
use rollcall_domain::{Right, User, UserId};
use rollcall_store::StoreError;

use crate::pages::pages;
use crate::{App, AppError};
pub(crate) use add::DEFAULT_ORGANIZATION;
pub use add::NewUser;
pub use edit::UserEdit;
pub use revert::Reverting;
pub use search::{Found, SearchKey};
pub use selection::{ListKey, Listed, SelectedUsers, UserSelection, Users};

/// Users are read in pages of this many.
const PAGE: u32 = 1_000;
/// So many users are few: their numbers may be in memory at once.
const FEW: u32 = 10_000;
/// Within so many numbers a part of many users is looked for first.
const NEAR: UserId = 5_000;

impl App {
    /// The user of this name.
    pub fn user(&self, username: &str) -> Result<User, AppError> {
        let permit = self.may(Right::Look)?;
        let found = permit.own_user(permit.user_by_name(username)?);
        Ok(found.ok_or_else(|| StoreError::NoSuch(format!("user {username:?}")))?)
    }

    /// The first `limit` users behind user `after` that `filter` selects (none: all): no more than these are read.
    pub fn users_part(
        &self,
        filter: Option<&Filter>,
        after: UserId,
        limit: u32,
    ) -> Result<Vec<User>, AppError> {
        let permit = self.may(Right::Look)?;
        let filter = permit.narrow(filter);
        // Where many users are like that, the part is near, and nobody has to know how many there are.
        let near = permit.users_within(filter.as_ref(), after, after.saturating_add(NEAR), limit)?;
        if near.len() == limit as usize {
            return Ok(near);
        }
        if let Some(filter) = &filter
            && let Some(ids) = permit.few_users(filter, FEW)?
        {
            let part: Vec<_> = ids.into_iter().filter(|id| *id > after).take(limit as usize).collect();
            return Ok(permit.load_users(&part)?);
        }
        Ok(permit.users_page(filter.as_ref(), after, limit)?)
    }

    /// All of them, by number. Only a page of them is in memory at any time.
    pub fn users<'a>(
        &'a self,
        filter: Option<&'a Filter>,
    ) -> Result<Box<dyn Iterator<Item = Result<User, AppError>> + 'a>, AppError> {
        let permit = self.may(Right::Look)?;
        let filter = permit.narrow(filter);
        // Few users are found through an index. Many are come across soon by walking over all of them.
        if let Some(filter) = &filter
            && let Some(ids) = permit.few_users(filter, FEW)?
        {
            let next = move |after: &mut usize| {
                let page = ids[*after..].iter().take(PAGE as usize).copied().collect::<Vec<_>>();
                *after += page.len();
                (!page.is_empty()).then_some(page)
            };
            let mut after = 0;
            let pages = std::iter::from_fn(move || next(&mut after));
            return Ok(Box::new(pages.flat_map(move |page| match permit.load_users(&page) {
                Ok(users) => users.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error.into())],
            })));
        }
        let page = move |after| Ok(permit.users_page(filter.as_ref(), after, PAGE)?);
        Ok(Box::new(pages(0, page, |user: &User| user.id)))
    }
}
