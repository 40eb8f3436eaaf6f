//! Organizations, and the profiles that users may have.

use rollcall_domain::{Item, Organization, OrganizationId, Profile, ProfileId, Right};
use rollcall_store::StoreError;

use crate::expected::{Expected, revision};
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

    /// The next of them after organization `after`, by number.
    pub fn organizations_after(
        &self,
        after: Option<OrganizationId>,
        limit: u32,
    ) -> Result<Vec<Organization>, AppError> {
        let permit = self.may(Right::Look)?;
        Ok(permit.organizations_page(&permit.scope, after.unwrap_or(0), limit)?)
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
        self.check_attributes(reply.iter().chain(check))?;
        let owner = organization.map(|organization| organization.id);
        Ok(permit.add_profile(short_name, owner, [reply, check], &self.act())?)
    }

    /// Every profile that can be seen, by number.
    pub fn profiles(&self) -> Result<Vec<Profile>, AppError> {
        let permit = self.may(Right::Look)?;
        let all = permit.profiles()?.into_iter();
        Ok(all.filter(|profile| permit.shows(profile.organization.as_ref())).collect())
    }

    /// The next of them after profile `after`, by number.
    pub fn profiles_after(&self, after: Option<ProfileId>, limit: u32) -> Result<Vec<Profile>, AppError> {
        let permit = self.may(Right::Look)?;
        Ok(permit.profiles_page(&permit.scope, after.unwrap_or(0), limit)?)
    }

    /// The profile of this name.
    pub fn profile(&self, short_name: &str) -> Result<Profile, AppError> {
        let permit = self.may(Right::Look)?;
        let found = permit.profile(short_name)?;
        let seen = found.filter(|profile| permit.shows(profile.organization.as_ref()));
        Ok(seen.ok_or_else(|| StoreError::NoSuch(format!("profile {short_name:?}")))?)
    }

    /// Gives a profile other items, if it is as `expected`; the profile afterwards. Whoever has it has these from then on.
    pub fn edit_profile(
        &self,
        short_name: &str,
        reply: &[Item],
        check: &[Item],
        expected: Expected<'_>,
    ) -> Result<Profile, AppError> {
        self.may(Right::Administer)?;
        let profile = self.profile(short_name)?;
        let permit = self.may_change(Right::Administer, profile.organization.as_ref())?;
        expected.seen(&format!("profile {short_name:?}"), Some(&profile), revision)?;
        self.check_attributes(reply.iter().chain(check))?;
        permit.edit_profile(&profile, [reply, check], &self.act())?;
        Ok(Profile { reply: reply.to_vec(), check: check.to_vec(), ..profile })
    }

    /// Removes a profile that nobody has.
    pub fn remove_profile(&self, short_name: &str) -> Result<(), AppError> {
        self.remove_profile_as(short_name, Expected::Anything)
    }

    /// The same, if it is as `expected`.
    pub fn remove_profile_as(&self, short_name: &str, expected: Expected<'_>) -> Result<(), AppError> {
        self.may(Right::Administer)?;
        let profile = self.profile(short_name)?;
        expected.seen(&format!("profile {short_name:?}"), Some(&profile), revision)?;
        let permit = self.may_change(Right::Administer, profile.organization.as_ref())?;
        Ok(permit.remove_profile(&profile, &self.act())?)
    }
}
