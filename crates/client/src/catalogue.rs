//! Requests about organizations, profiles and saved filters.

use rollcall_api::{FilterCheck, Organization, Profile, RadiusItem, Saved, SavedFilter};
use serde_json::json;
use ureq::http::{HeaderMap, Method};

use crate::{Address, Client, Error};

/// Organizations, profiles and saved filters.
impl Client {
    /// Adds an organization.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn add_organization(&self, name: &str) -> Result<Organization, Error> {
        self.call(Method::POST, &Address::of(&["organizations"]), &json!({ "name": name }))
    }

    /// Lists the organizations.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn organizations(&self) -> Result<Vec<Organization>, Error> {
        self.list(Address::of(&["organizations"]))
    }

    /// Renames an organization.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn rename_organization(&self, name: &str, new: &str) -> Result<(), Error> {
        let (address, body) = (Address::of(&["organizations", name]), json!({ "name": new }));
        self.send_json(Method::PATCH, &address, &HeaderMap::new(), &body).map(drop)
    }

    /// Removes an organization that has no users.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn remove_organization(&self, name: &str) -> Result<(), Error> {
        self.delete(&Address::of(&["organizations", name])).map(drop)
    }

    /// Adds a profile, for the users of an organization or for all; with what FreeRADIUS would reject its users for.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn add_profile(
        &self,
        short_name: &str,
        organization: Option<&str>,
        reply: &[RadiusItem],
        check: &[RadiusItem],
    ) -> Result<Saved<Profile>, Error> {
        let body = json!({
            "short_name": short_name, "organization": organization, "reply": reply, "check": check,
        });
        self.call(Method::POST, &Address::of(&["profiles"]), &body)
    }

    /// Lists the profiles.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn profiles(&self) -> Result<Vec<Profile>, Error> {
        self.list(Address::of(&["profiles"]))
    }

    /// The profile of this name.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn profile(&self, short_name: &str) -> Result<Profile, Error> {
        self.get(&Address::of(&["profiles", short_name]))
    }

    /// Removes a profile that no user has.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn remove_profile(&self, short_name: &str) -> Result<(), Error> {
        self.delete(&Address::of(&["profiles", short_name])).map(drop)
    }

    /// Saves a filter under a name; gives it, and the one that it replaces.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn save_filter(&self, name: &str, text: &str) -> Result<(SavedFilter, Option<SavedFilter>), Error> {
        let address = Address::of(&["filters", name]);
        let old: Option<SavedFilter> = self.find(&address)?;
        let new: SavedFilter = self.call(Method::PUT, &address, &json!({ "filter": text }))?;
        // One name may have been that of another filter, such as that of all organizations.
        let old = old.filter(|old| old.full_name() == new.full_name());
        Ok((new, old))
    }

    /// The filter that is saved under this name.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn filter(&self, name: &str) -> Result<SavedFilter, Error> {
        self.get(&Address::of(&["filters", name]))
    }

    /// Lists the saved filters.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn filters(&self) -> Result<Vec<SavedFilter>, Error> {
        self.list(Address::of(&["filters"]))
    }

    /// Removes a saved filter.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn remove_filter(&self, name: &str) -> Result<(), Error> {
        self.delete(&Address::of(&["filters", name])).map(drop)
    }

    /// Counts the users that a filter selects: a condition, or the name of a saved one.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn count_users(&self, filter: &str) -> Result<FilterCheck, Error> {
        self.call(Method::POST, &Address::of(&["filters", "count"]), &json!({ "filter": filter }))
    }
}
