//! Organizations, profiles and saved filters.

use rollcall_api::{Organization, Profile, SavedFilter};
use rollcall_domain::Item;

use super::Backend;

impl Backend {
    /// Adds an organization; gives the ID.
    pub(crate) fn add_organization(&self, name: &str) -> anyhow::Result<i64> {
        match self {
            Self::Local(app) => Ok(app.organizations().add(name)?),
            Self::Remote(client) => Ok(client.add_organization(name)?.organization_id),
        }
    }

    /// Lists the organizations.
    pub(crate) fn organizations(&self) -> anyhow::Result<Vec<Organization>> {
        match self {
            Self::Local(app) => Ok(app.organizations().list()?.into_iter().map(Organization::from).collect()),
            Self::Remote(client) => Ok(client.organizations()?),
        }
    }

    /// Renames an organization.
    pub(crate) fn rename_organization(&self, name: &str, new: &str) -> anyhow::Result<()> {
        match self {
            Self::Local(app) => Ok(app.organizations().rename(name, new)?),
            Self::Remote(client) => Ok(client.rename_organization(name, new)?),
        }
    }

    /// Removes an organization that has no users.
    pub(crate) fn remove_organization(&self, name: &str) -> anyhow::Result<()> {
        match self {
            Self::Local(app) => Ok(app.organizations().remove(name)?),
            Self::Remote(client) => Ok(client.remove_organization(name)?),
        }
    }

    /// Adds a profile, for the users of an organization or for all; gives the ID, and what FreeRADIUS would reject its
    /// users for.
    pub(crate) fn add_profile(
        &self,
        short_name: &str,
        organization: Option<&str>,
        reply: &[Item],
        check: &[Item],
    ) -> anyhow::Result<(i64, Vec<String>)> {
        match self {
            Self::Local(app) => {
                let id = app.profiles().add(short_name, organization, reply, check)?;
                Ok((id, app.radius().list_warnings(reply.iter().chain(check))?))
            }
            Self::Remote(client) => {
                let items = |items: &[Item]| items.iter().cloned().map(Into::into).collect::<Vec<_>>();
                let added = client.add_profile(short_name, organization, &items(reply), &items(check))?;
                Ok((added.now.profile_id, added.warnings))
            }
        }
    }

    /// Lists the profiles.
    pub(crate) fn profiles(&self) -> anyhow::Result<Vec<Profile>> {
        match self {
            Self::Local(app) => Ok(app.profiles().list()?.into_iter().map(Profile::from).collect()),
            Self::Remote(client) => Ok(client.profiles()?),
        }
    }

    /// The profile of this name.
    pub(crate) fn profile(&self, short_name: &str) -> anyhow::Result<Profile> {
        match self {
            Self::Local(app) => Ok(app.profiles().find(short_name)?.into()),
            Self::Remote(client) => Ok(client.profile(short_name)?),
        }
    }

    /// Removes a profile that no user has.
    pub(crate) fn remove_profile(&self, short_name: &str) -> anyhow::Result<()> {
        match self {
            Self::Local(app) => Ok(app.profiles().remove(short_name)?),
            Self::Remote(client) => Ok(client.remove_profile(short_name)?),
        }
    }

    /// Saves a filter under a name; gives it, and the one that it replaces.
    pub(crate) fn save_filter(
        &self,
        name: &str,
        text: &str,
    ) -> anyhow::Result<(SavedFilter, Option<SavedFilter>)> {
        match self {
            Self::Local(app) => {
                let (new, old) = app.filters().save(name, text)?;
                Ok((new.into(), old.map(SavedFilter::from)))
            }
            Self::Remote(client) => Ok(client.save_filter(name, text)?),
        }
    }

    /// The filter that is saved under this name.
    pub(crate) fn filter(&self, name: &str) -> anyhow::Result<SavedFilter> {
        match self {
            Self::Local(app) => Ok(app.filters().find(name)?.into()),
            Self::Remote(client) => Ok(client.filter(name)?),
        }
    }

    /// Lists the saved filters.
    pub(crate) fn filters(&self) -> anyhow::Result<Vec<SavedFilter>> {
        match self {
            Self::Local(app) => Ok(app.filters().list()?.into_iter().map(SavedFilter::from).collect()),
            Self::Remote(client) => Ok(client.filters()?),
        }
    }

    /// Removes a saved filter.
    pub(crate) fn remove_filter(&self, name: &str) -> anyhow::Result<()> {
        match self {
            Self::Local(app) => Ok(app.filters().remove(name)?),
            Self::Remote(client) => Ok(client.remove_filter(name)?),
        }
    }
}
