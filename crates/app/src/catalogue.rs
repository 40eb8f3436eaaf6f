//! Organizations, and the profiles that users may have.

use rollcall_domain::{Catalogue, Item, Organization, OrganizationId, Profile, ProfileId, Right};

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

    /// Adds a profile; its number.
    pub fn add_profile(
        &self,
        short_name: &str,
        reply: &[Item],
        check: &[Item],
    ) -> Result<ProfileId, AppError> {
        Ok(self.may_everywhere(Right::Administer)?.add_profile(short_name, reply, check, &self.act())?)
    }

    /// Every profile, by number.
    pub fn profiles(&self) -> Result<Vec<Profile>, AppError> {
        Ok(self.may(Right::Look)?.profiles()?)
    }

    /// The profile of this name.
    pub fn profile(&self, short_name: &str) -> Result<Option<Profile>, AppError> {
        Ok(self.may(Right::Look)?.profile(short_name)?)
    }

    /// Removes a profile that nobody has.
    pub fn remove_profile(&self, short_name: &str) -> Result<(), AppError> {
        Ok(self.may_everywhere(Right::Administer)?.remove_profile(short_name, &self.act())?)
    }

    /// The profiles that users may be given, by name.
    pub fn catalogue(&self) -> Result<Catalogue, AppError> {
        Ok(self.may(Right::Look)?.catalogue()?)
    }
}
