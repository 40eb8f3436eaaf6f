use rollcall_domain::{Organization, OrganizationId, Right};

use crate::error::AppError;
use crate::operations::OrganizationOperations;

impl OrganizationOperations<'_> {
    /// Adds an organization: its number.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if the name is taken or not valid.
    pub fn add(&self, name: &str) -> Result<OrganizationId, AppError> {
        let permit = self.app.require_permission_everywhere(Right::Administer)?;
        Organization::check_name(name)?;
        Ok(permit.organizations().add(name, &self.app.act())?)
    }

    /// Lists the organizations whose users the actor can see, by number.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list(self) -> Result<Vec<Organization>, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        let all = permit.organizations().all()?;
        Ok(all.into_iter().filter(|each| permit.scope.has(each.id)).collect())
    }

    /// Lists at most `limit` of these organizations after number `after`, by number.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list_after(
        self,
        after: Option<OrganizationId>,
        limit: u32,
    ) -> Result<Vec<Organization>, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        Ok(permit.organizations().page(&permit.scope, after.unwrap_or(0), limit)?)
    }

    /// Renames an organization.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if there is no such organization, or the new name is taken or not valid.
    pub fn rename(self, name: &str, new: &str) -> Result<(), AppError> {
        let permit = self.app.require_permission_everywhere(Right::Administer)?;
        Organization::check_name(new)?;
        Ok(permit.organizations().rename(name, new, &self.app.act())?)
    }

    /// Removes an organization that has no users or other items.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if there is no such organization, or it has items.
    pub fn remove(self, name: &str) -> Result<(), AppError> {
        Ok(self
            .app
            .require_permission_everywhere(Right::Administer)?
            .organizations()
            .remove(name, &self.app.act())?)
    }
}
