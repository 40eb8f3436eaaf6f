use rollcall_domain::{Item, Profile, ProfileId, Right};
use rollcall_store::StoreError;

use crate::error::AppError;
use crate::expected::{Expected, revision};
use crate::operations::ProfileOperations;

impl<'a> ProfileOperations<'a> {
    /// Adds a profile for the users of an organization: its number. An empty name means all organizations; none means
    /// the actor's own, if there is one.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Rejected`] for an item that FreeRADIUS would reject, if the setting says so; if
    /// the name is taken or not valid, or there is no such organization.
    pub fn add(
        &self,
        short_name: &str,
        organization: Option<&str>,
        reply: &[Item],
        check: &[Item],
    ) -> Result<ProfileId, AppError> {
        let (permit, organization) = self.app.require_permission_as_owner(Right::Administer, organization)?;
        Profile::check_name(short_name)?;
        self.app.radius().check_attributes(reply.iter().chain(check))?;
        let owner = organization.map(|organization| organization.id);
        Ok(permit.profiles().add(short_name, owner, [reply, check], &self.app.act())?)
    }

    /// Lists the profiles that the actor can see, by number.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list(self) -> Result<Vec<Profile>, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        let all = permit.profiles().all()?.into_iter();
        Ok(all.filter(|profile| permit.shows(profile.organization.as_ref())).collect())
    }

    /// Lists at most `limit` of these profiles after number `after`, by number.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list_after(self, after: Option<ProfileId>, limit: u32) -> Result<Vec<Profile>, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        Ok(permit.profiles().page(&permit.scope, after.unwrap_or(0), limit)?)
    }

    /// Finds the profile of this name.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if the actor can see no such profile.
    pub fn find(self, short_name: &str) -> Result<Profile, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        let found = permit.profiles().by_name(short_name)?;
        let seen = found.filter(|profile| permit.shows(profile.organization.as_ref()));
        Ok(seen.ok_or_else(|| StoreError::NoSuch(format!("profile {short_name:?}")))?)
    }

    /// Replaces the items of a profile if it is still as `expected`: the profile afterwards. It applies to all users
    /// with this profile.
    ///
    /// # Errors
    /// [`AppError::Outdated`] if it is not; [`AppError::Denied`]; [`AppError::Rejected`] for an item that FreeRADIUS
    /// would reject, if the setting says so; if there is no such profile.
    pub fn edit(
        self,
        short_name: &str,
        reply: &[Item],
        check: &[Item],
        expected: Expected<'_>,
    ) -> Result<Profile, AppError> {
        self.app.require_permission(Right::Administer)?;
        let profile = self.find(short_name)?;
        let permit =
            self.app.require_permission_to_change(Right::Administer, profile.organization.as_ref())?;
        expected.seen(&format!("profile {short_name:?}"), Some(&profile), revision)?;
        self.app.radius().check_attributes(reply.iter().chain(check))?;
        permit.profiles().edit(&profile, [reply, check], &self.app.act())?;
        Ok(Profile { reply: reply.to_vec(), check: check.to_vec(), ..profile })
    }

    /// Removes a profile that no user has.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if there is no such profile, or users have it.
    pub fn remove(self, short_name: &str) -> Result<(), AppError> {
        self.remove_if_match(short_name, Expected::Anything)
    }

    /// Removes a profile that no user has, if it is still as `expected`.
    ///
    /// # Errors
    /// [`AppError::Outdated`] if it is not; those of [`Self::remove`].
    pub fn remove_if_match(self, short_name: &str, expected: Expected<'_>) -> Result<(), AppError> {
        self.app.require_permission(Right::Administer)?;
        let profile = self.find(short_name)?;
        expected.seen(&format!("profile {short_name:?}"), Some(&profile), revision)?;
        let permit =
            self.app.require_permission_to_change(Right::Administer, profile.organization.as_ref())?;
        Ok(permit.profiles().remove(&profile, &self.app.act())?)
    }
}
