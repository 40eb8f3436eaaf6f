//! The selection of users that a page's address or form asks for. A page reads it once, and makes its list, its count, its
//! links and its forms of it, so that all of them mean the same users.

use rollcall_app::UserSelection;
use rollcall_domain::UserId;
use serde::Deserialize;

use super::address::Address;
use super::layout::Shell;
use super::messages;
use super::template::routes;
use crate::problem::Problem;

/// A selection as it stands in an address or a form; what is empty is not asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct SelectionQuery {
    pub(super) filter: String,
    pub(super) search: String,
    /// Numbers of users, with commas between them.
    pub(super) ids: String,
    /// The number of an organization; empty: the one that is chosen at the top.
    pub(super) organization_id: String,
}

impl SelectionQuery {
    /// The selection with the organization that the page is narrowed to.
    pub(super) fn narrowed(self, shell: &Shell) -> Self {
        Self { organization_id: shell.organization_id(), ..self }
    }

    /// Everyone of the same organization.
    pub(super) fn everyone(&self) -> Self {
        Self { organization_id: self.organization_id.clone(), ..Self::default() }
    }

    /// The selection with another filter.
    pub(super) fn filtered(&self, filter: impl Into<String>) -> Self {
        Self { filter: filter.into(), ..self.clone() }
    }

    /// Whether nothing is asked for but an organization.
    pub(super) fn is_everyone(&self) -> bool {
        [&self.filter, &self.search, &self.ids].iter().all(|text| text.trim().is_empty())
    }

    pub(super) fn read(&self) -> Result<UserSelection, Problem> {
        let numbers = self.ids.split([',', ' ']).filter(|text| !text.is_empty());
        let ids = numbers.map(str::parse::<UserId>).collect::<Result<_, _>>();
        if !self.ids.trim().is_empty() && self.ids.split([',', ' ']).all(str::is_empty) {
            return Err(Problem::invalid(messages::USER_NUMBERS));
        }
        let organization = match self.organization_id.as_str() {
            "" => None,
            id => Some(id.parse().map_err(|_| Problem::invalid(messages::NO_ORGANIZATION))?),
        };
        Ok(UserSelection {
            search: self.search.clone(),
            filter: self.filter.clone(),
            organization,
            ids: ids.map_err(|_| Problem::invalid(messages::USER_NUMBERS))?,
        })
    }

    /// The fields of the selection in an address or a form: names and values.
    pub(super) fn fields(&self) -> [(&'static str, &str); 4] {
        [
            ("filter", &self.filter),
            ("search", &self.search),
            ("ids", &self.ids),
            ("organization_id", &self.organization_id),
        ]
    }

    /// The fields of a form that does not have this one itself.
    pub(super) fn without(&self, name: &str) -> Vec<(&'static str, &str)> {
        let others = self.fields().into_iter().filter(|(field, _)| *field != name);
        others.filter(|(_, value)| !value.is_empty()).collect()
    }

    /// An address that asks for it.
    pub(super) fn on(&self, address: Address) -> Address {
        self.fields().into_iter().fold(address, |address, (name, value)| address.with(name, value))
    }

    /// The list of its users.
    pub(super) fn list(&self) -> Address {
        self.on(Address::new(routes::USERS))
    }

    /// Its users as a CSV file.
    pub(super) fn export(&self) -> Address {
        self.on(Address::new("/api/v1/users.csv"))
    }

    /// A new run for its users.
    pub(super) fn run(&self) -> Address {
        let who = if self.is_everyone() { "all" } else { "filter" };
        self.on(Address::new(routes::NEW_RUN).with("who", who))
    }
}
