//! Which users are meant. What a page, a command or a request lists, counts, exports and runs a script for is decided
//! here only, so that all of them mean the same users.

use std::fmt;

use rollcall_domain::filter::{Comparison, Expr, Filter, Literal, Search, Test, UserTest};
use rollcall_domain::{
    Action, Deed, Field, OrganizationId, Rejection, Right, Selection, Timestamp, User, UserId,
};
use serde::{Deserialize, Serialize};

use super::count::Counted;
use super::search::SearchKey;
use crate::app::App;
use crate::error::AppError;
use crate::filters::ReadFilter;
use crate::operations::UserOperations;
use crate::pages::pages;

/// Users are read in pages of this many.
const PAGE: u32 = 1_000;

/// A selection of users: those that meet every condition given here. Without a condition: every user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserSelection {
    /// Those that this finds, as it is typed into a search box; blank: not asked for.
    pub search: String,
    /// Those that this filter selects: its text, or the name of a saved one; blank: not asked for.
    pub filter: String,
    /// Those of this organization.
    pub organization: Option<OrganizationId>,
    /// Those with these numbers; empty: not asked for.
    pub ids: Vec<UserId>,
}

impl UserSelection {
    /// The most numbers that a selection has: as many as a filter has comparisons.
    pub const MAX_IDS: usize = rollcall_domain::filter::MAX_TERMS;

    /// The users that a filter selects.
    #[must_use]
    pub fn filtered(filter: impl Into<String>) -> Self {
        Self { filter: filter.into(), ..Self::default() }
    }

    /// The users that are asked for by a filter, a search or both; neither: every user.
    ///
    /// # Errors
    /// A text that is given and blank: it would mean every user.
    pub fn asked(filter: Option<String>, search: Option<String>) -> Result<Self, Rejection> {
        let given = |name: &str, text: Option<String>| match text {
            Some(text) if text.trim().is_empty() => Err(Rejection::new(format!("the {name} is empty"))),
            text => Ok(text.unwrap_or_default()),
        };
        let (filter, search) = (given("filter", filter)?, given("search", search)?);
        Ok(Self { filter, search, ..Self::default() })
    }

    /// Whether it means every user, at most of one organization.
    #[must_use]
    pub fn is_everyone(&self) -> bool {
        self.search.trim().is_empty() && self.filter.trim().is_empty() && self.ids.is_empty()
    }
}

/// A selection of users that was read.
pub struct SelectedUsers {
    /// Rollcall, within the organization that is meant.
    app: App,
    search: Option<Search>,
    filter: Option<ReadFilter>,
    ids: Vec<UserId>,
    /// Everything that is asked for; none: every user.
    tree: Option<Filter>,
}

impl fmt::Debug for SelectedUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelectedUsers").field("tree", &self.tree).finish_non_exhaustive()
    }
}

/// The cursor of a list of users; its content is opaque to callers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ListKey {
    /// Of a list by number.
    Number(UserId),
    /// Of a list that has the nearest first.
    Search(SearchKey),
}

/// A user on a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The user.
    pub user: User,
    /// The cursor of the page that starts after this user.
    pub key: ListKey,
}

/// Users, one after the other.
pub type Users<'a> = Box<dyn Iterator<Item = Result<User, AppError>> + 'a>;

impl UserOperations<'_> {
    /// Reads a selection.
    ///
    /// # Errors
    /// [`AppError::Filter`] and [`AppError::NoSuchFilter`] tell what is wrong with its filter.
    pub fn select(self, selection: &UserSelection) -> Result<SelectedUsers, AppError> {
        self.select_at(selection, self.app.now())
    }

    /// Reads a selection, where `now` is the present moment.
    pub(crate) fn select_at(
        self,
        selection: &UserSelection,
        now: Timestamp,
    ) -> Result<SelectedUsers, AppError> {
        let app = match selection.organization {
            Some(organization) => self.app.within_organization(organization),
            None => self.app.clone(),
        };
        let UserSelection { search, filter, ids, .. } = selection;
        if ids.len() > UserSelection::MAX_IDS {
            let most = UserSelection::MAX_IDS;
            return Err(Rejection::new(format!("a selection has at most {most} user numbers")).into());
        }
        let search = Search::new(search);
        let filter = match filter.trim() {
            "" => None,
            text => Some(app.filters().parse_at(text, now)?),
        };
        let terms = [search.as_ref().map(Search::filter), filter.as_ref().map(|read| read.tree.clone())];
        let mut terms: Vec<_> = terms.into_iter().flatten().chain(with_numbers(ids)).collect();
        let tree = if terms.len() > 1 { Some(Expr::And(terms)) } else { terms.pop() };
        Ok(SelectedUsers { app, search, filter, ids: ids.clone(), tree })
    }
}

/// The filter that selects the users with these numbers; none: there are no numbers.
fn with_numbers(ids: &[UserId]) -> Option<Filter> {
    let is = |id: &UserId| {
        let test = Test::Compare(Comparison::Equal, Literal::Int(*id));
        Expr::Is(UserTest::Field(Field::ObjId, test))
    };
    let mut each: Vec<_> = ids.iter().map(is).collect();
    if each.len() > 1 { Some(Expr::Or(each)) } else { each.pop() }
}

impl SelectedUsers {
    /// The filter that was read.
    #[must_use]
    pub fn filter(&self) -> Option<&ReadFilter> {
        self.filter.as_ref()
    }

    /// Everything that is asked for as one filter; none: every user.
    #[must_use]
    pub fn tree(&self) -> Option<&Filter> {
        self.tree.as_ref()
    }

    /// The search, where nothing else is asked for: its users are listed with the nearest first, along indexes.
    fn only_search(&self) -> Option<&Search> {
        self.search.as_ref().filter(|_| self.filter.is_none() && self.ids.is_empty())
    }

    /// The next users after `after`, at most `limit`: those of a mere search with the nearest first, all others by
    /// number.
    ///
    /// # Errors
    /// [`AppError::Rejected`] if `after` is of another list.
    pub fn list(&self, after: Option<&ListKey>, limit: u32) -> Result<Vec<Listed>, AppError> {
        match (self.only_search(), after) {
            (Some(search), None | Some(ListKey::Search(_))) => {
                let after = after.and_then(|key| match key {
                    ListKey::Search(key) => Some(key),
                    ListKey::Number(_) => None,
                });
                let found = self.app.users().search(search, after, limit)?.into_iter();
                Ok(found.map(|found| Listed { user: found.user, key: ListKey::Search(found.key) }).collect())
            }
            (None, None | Some(ListKey::Number(_))) => {
                let after = after.map_or(0, |key| match key {
                    ListKey::Number(id) => *id,
                    ListKey::Search(_) => 0,
                });
                let users = self.app.users().list_after(self.tree(), after, limit)?.into_iter();
                Ok(users.map(|user| Listed { key: ListKey::Number(user.id), user }).collect())
            }
            _ => Err(Rejection::new("the cursor is of another list").into()),
        }
    }

    /// All of them, in the order of [`Self::list`]. Only a page of them is in memory at any time.
    pub fn all(&self) -> Result<Users<'_>, AppError> {
        let Some(search) = self.only_search() else { return self.app.users().list(self.tree()) };
        self.app.require_permission(Right::Look)?;
        let page = move |after: Option<SearchKey>| self.app.users().search(search, after.as_ref(), PAGE);
        let found = pages(None, page, |found| Some(found.key.clone()));
        Ok(Box::new(found.map(|found| found.map(|found| found.user))))
    }

    /// Counts the users.
    pub fn count(&self) -> Result<u64, AppError> {
        self.app.users().count(self.tree())
    }

    /// Counts the users up to `most`, for callers that cannot wait for the whole count.
    pub fn count_to(&self, most: u64) -> Result<Counted, AppError> {
        self.app.users().count_up_to(self.tree(), most)
    }

    /// All of them, in the order of [`Self::list`], to be exported, which is recorded.
    pub fn export(&self) -> Result<Users<'_>, AppError> {
        let users = self.all()?;
        let permit = self.app.require_permission(Right::Look)?;
        let numbers = with_numbers(&self.ids).map(|filter| filter.to_string());
        let filter = self.filter.as_ref().map(|filter| filter.text.as_str());
        let mut deed =
            Deed::new(Action::Export, "users").within(permit.scope.organization()).with("filter", filter);
        if let Some(search) = &self.search {
            deed = deed.with("search", search.text());
        }
        if let Some(numbers) = numbers {
            deed = deed.with("numbers", numbers);
        }
        permit.audit().record(&self.app.act(), &deed)?;
        Ok(users)
    }

    /// The selection as a run records it.
    pub(crate) fn kept(&self) -> Selection {
        let filter = self.filter.as_ref();
        let name = filter.and_then(|filter| filter.name.clone());
        match (&self.search, filter, &self.tree) {
            (_, _, Some(tree)) if !self.ids.is_empty() => {
                Selection::Filter { name: None, text: tree.to_string() }
            }
            (Some(search), ..) => Selection::Search {
                search: search.text().to_owned(),
                name,
                filter: filter.map(|filter| filter.text.clone()),
            },
            (None, Some(filter), _) => Selection::Filter { name, text: filter.text.clone() },
            (None, None, _) => Selection::All,
        }
    }
}
