//! Organizations, and the profiles that users may have.

use rollcall_domain::{Item, Organization, OrganizationId, Profile, ProfileId, Right};
use rollcall_store::StoreError;

use crate::{App, AppError};

impl App {
    /// Adds an organization; its number.
    pub fn add_organization(&self, name: &str) -> Result<OrganizationId, AppError> {
        let permit = self.may_everywhere(Right::Administer)?;
        Organization::check_name(name)?;
        Ok(permit.add_organization(name, &self.act())?)
    }

    /// The organizations whose users may be looked at, by number.
    pub fn organizations(&self) -> Result<Vec<Organization>, AppError> {
        let permit = self.may(Right::Look)?;
        let all = permit.organizations()?;
        Ok(all.into_iter().filter(|each| permit.scope.has(each.id)).collect())
    }

    /// Gives an organization another name.
    pub fn rename_organization(&self, name: &str, new: &str) -> Result<(), AppError> {
        let permit = self.may_everywhere(Right::Administer)?;
        Organization::check_name(new)?;
        Ok(permit.rename_organization(name, new, &self.act())?)
    }

    /// Removes an organization that nothing belongs to.
    pub fn remove_organization(&self, name: &str) -> Result<(), AppError> {
        Ok(self.may_everywhere(Right::Administer)?.remove_organization(name, &self.act())?)
    }

    /// Adds a profile for users of an organization, or for everybody's: see [`App::may_own`]; its number.
    pub fn add_profile(
        &self,
        short_name: &str,
        organization: Option<&str>,
        reply: &[Item],
        check: &[Item],
    ) -> Result<ProfileId, AppError> {
        let (permit, organization) = self.may_own(Right::Administer, organization)?;
        Profile::check_name(short_name)?;
        if self.strict_here()? {
            let dictionary = self.known_attributes()?;
            reply.iter().chain(check).try_for_each(|item| dictionary.check_item(item))?;
        }
        let owner = organization.map(|organization| organization.id);
        Ok(permit.add_profile(short_name, owner, [reply, check], &self.act())?)
    }

    /// Every profile that can be seen, by number.
    pub fn profiles(&self) -> Result<Vec<Profile>, AppError> {
        let permit = self.may(Right::Look)?;
        let all = permit.profiles()?.into_iter();
        Ok(all.filter(|profile| permit.shows(profile.organization.as_ref())).collect())
    }

    /// The profile of this name.
    pub fn profile(&self, short_name: &str) -> Result<Profile, AppError> {
        let permit = self.may(Right::Look)?;
        let found = permit.profile(short_name)?;
        let seen = found.filter(|profile| permit.shows(profile.organization.as_ref()));
        Ok(seen.ok_or_else(|| StoreError::NoSuch(format!("profile {short_name:?}")))?)
    }

    /// Removes a profile that nobody has.
    pub fn remove_profile(&self, short_name: &str) -> Result<(), AppError> {
        self.may(Right::Administer)?;
        let profile = self.profile(short_name)?;
        let permit = self.may_change(Right::Administer, profile.organization.as_ref())?;
        Ok(permit.remove_profile(&profile, &self.act())?)
    }
}
