use std::collections::BTreeSet;

use rollcall_domain::filter::Filter;
use rollcall_domain::{Change, Edit, Field, Refusal, Right, User, UserId, UserPassword, diff};
use rollcall_store::{Edited, HandEdit, StoreError};

use crate::access::Permit;
use crate::pages::pages;
use crate::{App, AppError};

/// Users are read in pages of this many.
const PAGE: u32 = 1_000;
/// So many users are few: their numbers may be in memory at once.
const FEW: u32 = 10_000;

impl App {
    /// The user of this name.
    pub fn user(&self, username: &str) -> Result<User, AppError> {
        let permit = self.may(Right::Look)?;
        let found = permit.own_user(permit.user_by_name(username)?);
        Ok(found.ok_or_else(|| StoreError::NoSuch(format!("user {username:?}")))?)
    }

    /// The users that `filter` selects (none: all), by number. Only a page of them is in memory at any time.
    pub fn users<'a>(
        &'a self,
        filter: Option<&'a Filter>,
    ) -> Result<Box<dyn Iterator<Item = Result<User, AppError>> + 'a>, AppError> {
        self.users_after(filter, 0)
    }

    /// The same from behind user `after` on.
    pub fn users_after<'a>(
        &'a self,
        filter: Option<&'a Filter>,
        after: UserId,
    ) -> Result<Box<dyn Iterator<Item = Result<User, AppError>> + 'a>, AppError> {
        let permit = self.may(Right::Look)?;
        let filter = permit.narrow(filter);
        // Few users are found through an index. Many are come across soon by walking over all of them.
        if let Some(filter) = &filter
            && let Some(mut ids) = permit.few_users(filter, FEW)?
        {
            ids.retain(|id| *id > after);
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
        Ok(Box::new(pages(after, page, |user: &User| user.id)))
    }

    /// Assigns fields of one user by hand: `FIELD=VALUE` each. All of them or none; what changed comes back.
    pub fn set_user(&self, username: &str, assignments: &[String]) -> Result<Vec<Change>, AppError> {
        let (permit, before) = self.user_to_edit(username)?;
        let mut after = before.clone();
        let profiles = permit.catalogue()?.within(&permit.scope);
        let mut faults = Vec::new();
        let mut dated = false;
        let mut assigned = BTreeSet::new();
        for assignment in assignments {
            let done = self.assignment(assignment).and_then(|edit| {
                if let Edit::Set(field, _) = edit
                    && !assigned.insert(field)
                {
                    return Err(Refusal::new(format!("{field} is assigned twice")));
                }
                dated |= matches!(edit, Edit::Set(Field::LastUpdate, _));
                after.edit(edit, &profiles)
            });
            if let Err(why) = done {
                faults.push(why.to_string());
            }
        }
        if !faults.is_empty() {
            return Err(Refusal::new(faults.join("\n")).into());
        }
        let changes = diff(&before, &after);
        if changes.is_empty() {
            return Ok(changes);
        }
        let now = self.clock.now();
        let edit = HandEdit {
            before: &before,
            after: &after,
            changes: &changes,
            last_update: if dated { after.last_update } else { now },
            act: self.act(),
        };
        match permit.edit_user(&edit)? {
            Edited::Yes => Ok(changes),
            Edited::Stale => Err(StoreError::Stale(format!("user {username:?}")).into()),
            Edited::NameTaken => Err(StoreError::Taken(format!("the username {:?}", after.username)).into()),
        }
    }

    /// Gives a user another password for RADIUS, or none. It cannot be read back.
    pub fn set_user_password(&self, username: &str, password: Option<&UserPassword>) -> Result<(), AppError> {
        let (permit, user) = self.user_to_edit(username)?;
        Ok(permit.set_user_password(&user, password, &self.act())?)
    }

    /// Removes a user as it was seen.
    pub fn remove_user(&self, user: &User) -> Result<(), AppError> {
        let (permit, _) = self.user_to_edit(&user.username)?;
        Ok(permit.remove_user(user, &self.act())?)
    }

    fn user_to_edit(&self, username: &str) -> Result<(Permit<'_>, User), AppError> {
        let user = self.user(username)?;
        let permit = self.may(Right::EditUsers)?;
        if permit.scope.has(user.organization_id) {
            return Ok((permit, user));
        }
        Err(self.denied(Right::EditUsers, true))
    }

    fn assignment(&self, text: &str) -> Result<Edit, Refusal> {
        let Some((name, value)) = text.split_once('=') else {
            return Err(Refusal::new(format!(
                "{text:?} assigns nothing: write FIELD=VALUE, such as klass=gold"
            )));
        };
        let field: Field = name.trim().parse()?;
        if !field.writable() {
            return Err(Refusal::new(format!("{field} is read-only")));
        }
        Ok(Edit::Set(field, field.parse(value, &self.zone)?))
    }
}
