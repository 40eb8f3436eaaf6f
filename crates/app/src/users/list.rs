use rollcall_domain::filter::Filter;
use rollcall_domain::{Right, User, UserId};
use rollcall_store::StoreError;

use crate::error::AppError;
use crate::operations::UserOperations;
use crate::pages::pages;

/// Users are read in pages of this many.
const PAGE: u32 = 1_000;
/// The most users whose numbers may be in memory at once.
const FEW: u32 = 10_000;
/// The range of numbers in which a page of many users is looked for first.
const NEAR: UserId = 5_000;

impl<'a> UserOperations<'a> {
    /// Finds the user of this name.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if the actor can see no such user.
    pub fn find(self, username: &str) -> Result<User, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        let found = permit.own_user(permit.users().by_name(username)?);
        Ok(found.ok_or_else(|| StoreError::NoSuch(format!("user {username:?}")))?)
    }

    /// Lists at most `limit` users after number `after` that `filter` selects (none: all), by number.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list_after(
        self,
        filter: Option<&Filter>,
        after: UserId,
        limit: u32,
    ) -> Result<Vec<User>, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        let filter = permit.narrow(filter);
        // Where many users are like that, the part is near, and their total need not be known.
        let near = permit.users().within(filter.as_ref(), after, after.saturating_add(NEAR), limit)?;
        if near.len() == limit as usize {
            return Ok(near);
        }
        if let Some(filter) = &filter
            && let Some(ids) = permit.users().few(filter, FEW)?
        {
            let part: Vec<_> = ids.into_iter().filter(|id| *id > after).take(limit as usize).collect();
            return Ok(permit.users().by_ids(&part)?);
        }
        Ok(permit.users().page(filter.as_ref(), after, limit)?)
    }

    /// Lists the users that `filter` selects (none: all), by number. Only a page of them is in memory at any time.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list(
        self,
        filter: Option<&'a Filter>,
    ) -> Result<Box<dyn Iterator<Item = Result<User, AppError>> + 'a>, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        let filter = permit.narrow(filter);
        // Few users are found through an index. Many are come across soon by walking over all of them.
        if let Some(filter) = &filter
            && let Some(ids) = permit.users().few(filter, FEW)?
        {
            let next = move |after: &mut usize| {
                let page = ids[*after..].iter().take(PAGE as usize).copied().collect::<Vec<_>>();
                *after += page.len();
                (!page.is_empty()).then_some(page)
            };
            let mut after = 0;
            let pages = std::iter::from_fn(move || next(&mut after));
            return Ok(Box::new(pages.flat_map(move |page| match permit.users().by_ids(&page) {
                Ok(users) => users.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error.into())],
            })));
        }
        let page = move |after| Ok(permit.users().page(filter.as_ref(), after, PAGE)?);
        Ok(Box::new(pages(0, page, |user: &User| user.id)))
    }
}
