//! Organizations, profiles and saved filters.

use rollcall_domain::{Item, Organization, OrganizationId, Profile, ProfileId, SavedFilter};
use serde_json::json;
use ureq::http::{HeaderMap, Method};

use super::{Address, Site};
use crate::contract::{self, Written};

impl Site {
    /// Adds an organization; its number.
    pub(crate) fn add_organization(&self, name: &str) -> anyhow::Result<OrganizationId> {
        match self {
            Self::Here(app) => Ok(app.add_organization(name)?),
            Self::There(client) => {
                let address = Address::of(&["organizations"]);
                Ok(client
                    .tell::<contract::Organization>(Method::POST, &address, &json!({ "name": name }))?
                    .id)
            }
        }
    }

    /// The organizations whose users may be looked at, by number.
    pub(crate) fn organizations(&self) -> anyhow::Result<Vec<Organization>> {
        match self {
            Self::Here(app) => Ok(app.organizations()?),
            Self::There(client) => {
                let all = client.list::<contract::Organization>(Address::of(&["organizations"]))?;
                Ok(all.into_iter().map(Organization::from).collect())
            }
        }
    }

    /// Gives an organization another name.
    pub(crate) fn rename_organization(&self, name: &str, new: &str) -> anyhow::Result<()> {
        match self {
            Self::Here(app) => Ok(app.rename_organization(name, new)?),
            Self::There(client) => {
                let (address, body) = (Address::of(&["organizations", name]), json!({ "name": new }));
                client.say(Method::PATCH, &address, &HeaderMap::new(), &body)?;
                Ok(())
            }
        }
    }

    /// Removes an organization that nothing belongs to.
    pub(crate) fn remove_organization(&self, name: &str) -> anyhow::Result<()> {
        match self {
            Self::Here(app) => Ok(app.remove_organization(name)?),
            Self::There(client) => {
                client.remove(&Address::of(&["organizations", name]), &HeaderMap::new())?;
                Ok(())
            }
        }
    }

    /// Adds a profile for users of an organization, or for everybody's; its number, and what FreeRADIUS would reject its users
    /// for.
    pub(crate) fn add_profile(
        &self,
        short_name: &str,
        organization: Option<&str>,
        reply: &[Item],
        check: &[Item],
    ) -> anyhow::Result<(ProfileId, Vec<String>)> {
        match self {
            Self::Here(app) => {
                let id = app.add_profile(short_name, organization, reply, check)?;
                Ok((id, app.warnings_of(reply.iter().chain(check))?))
            }
            Self::There(client) => {
                let items =
                    |items: &[Item]| items.iter().cloned().map(contract::Item::from).collect::<Vec<_>>();
                let body = json!({
                    "short_name": short_name, "organization": organization,
                    "reply": items(reply), "check": items(check),
                });
                let address = Address::of(&["profiles"]);
                let added: Written<contract::Profile> = client.tell(Method::POST, &address, &body)?;
                Ok((added.now.id, added.warnings))
            }
        }
    }

    /// Every profile that can be seen, by number.
    pub(crate) fn profiles(&self) -> anyhow::Result<Vec<Profile>> {
        match self {
            Self::Here(app) => Ok(app.profiles()?),
            Self::There(client) => {
                let all = client.list::<contract::Profile>(Address::of(&["profiles"]))?;
                Ok(all.into_iter().map(Profile::from).collect())
            }
        }
    }

    /// The profile of this name.
    pub(crate) fn profile(&self, short_name: &str) -> anyhow::Result<Profile> {
        match self {
            Self::Here(app) => Ok(app.profile(short_name)?),
            Self::There(client) => {
                Ok(client.get::<contract::Profile>(&Address::of(&["profiles", short_name]))?.into())
            }
        }
    }

    /// Removes a profile that nobody has.
    pub(crate) fn remove_profile(&self, short_name: &str) -> anyhow::Result<()> {
        match self {
            Self::Here(app) => Ok(app.remove_profile(short_name)?),
            Self::There(client) => {
                client.remove(&Address::of(&["profiles", short_name]), &HeaderMap::new())?;
                Ok(())
            }
        }
    }

    /// Saves a filter under a name; it, and the one that it replaces.
    pub(crate) fn save_filter(
        &self,
        name: &str,
        text: &str,
    ) -> anyhow::Result<(SavedFilter, Option<SavedFilter>)> {
        let client = match self {
            Self::Here(app) => return Ok(app.save_filter(name, text)?),
            Self::There(client) => client,
        };
        let address = Address::of(&["filters", name]);
        let old = client.find::<contract::Filter>(&address)?.map(SavedFilter::from);
        let new: contract::Filter = client.tell(Method::PUT, &address, &json!({ "filter": text }))?;
        let new = SavedFilter::from(new);
        // One name may have been that of another one, such as everybody's.
        let old = old.filter(|old| old.full_name() == new.full_name());
        Ok((new, old))
    }

    /// The filter that is saved under this name.
    pub(crate) fn saved_filter(&self, name: &str) -> anyhow::Result<SavedFilter> {
        match self {
            Self::Here(app) => Ok(app.saved_filter(name)?),
            Self::There(client) => {
                Ok(client.get::<contract::Filter>(&Address::of(&["filters", name]))?.into())
            }
        }
    }

    /// Every saved filter that can be seen, by name.
    pub(crate) fn saved_filters(&self) -> anyhow::Result<Vec<SavedFilter>> {
        match self {
            Self::Here(app) => Ok(app.saved_filters()?),
            Self::There(client) => {
                let all = client.list::<contract::Filter>(Address::of(&["filters"]))?;
                Ok(all.into_iter().map(SavedFilter::from).collect())
            }
        }
    }

    /// Removes a saved filter.
    pub(crate) fn remove_filter(&self, name: &str) -> anyhow::Result<()> {
        match self {
            Self::Here(app) => Ok(app.remove_filter(name)?),
            Self::There(client) => {
                client.remove(&Address::of(&["filters", name]), &HeaderMap::new())?;
                Ok(())
            }
        }
    }
}
