use rollcall_domain::{Administrator, AdministratorId, Grant, Right, Scope, check_administrator_name};
use rollcall_store::StoreError;

use crate::error::AppError;
use crate::operations::AdministratorOperations;
use crate::pages::{first, pages};
use crate::sign_in::credentials::Credentials;

impl AdministratorOperations<'_> {
    /// Adds an administrator with roles: its number.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Ungrantable`] for a role that the actor lacks; [`AppError::Ungranted`] without
    /// a role, unless the actor administers all organizations; if the name is taken or not valid.
    pub fn add(&self, name: &str, grants: &[Grant]) -> Result<AdministratorId, AppError> {
        let permit = self.app.require_permission(Right::Administer)?;
        check_administrator_name(name)?;
        if grants.is_empty() && permit.scope != Scope::Everywhere {
            return Err(AppError::Ungranted);
        }
        self.check_grants(grants)?;
        Ok(permit.administrators().add(name, grants, &self.app.act())?)
    }

    /// Lists the administrators whose roles lie where the actor administers.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list(self) -> Result<Vec<Administrator>, AppError> {
        let permit = self.app.require_permission(Right::Administer)?;
        let all = permit.administrators().all()?;
        Ok(all.into_iter().filter(|each| is_within(each, &permit.scope)).collect())
    }

    /// Lists at most `limit` of these administrators after number `after`, by number.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list_after(
        self,
        after: Option<AdministratorId>,
        limit: u32,
    ) -> Result<Vec<Administrator>, AppError> {
        let permit = self.app.require_permission(Right::Administer)?;
        let page = |after| Ok(permit.administrators().page(after, limit)?);
        let all = pages(after.unwrap_or(0), page, |administrator: &Administrator| administrator.id);
        first(all.filter(|each| each.as_ref().map_or(true, |each| is_within(each, &permit.scope))), limit)
    }

    /// Finds the administrator of this name.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if the actor can see no such administrator.
    pub fn find(self, name: &str) -> Result<Administrator, AppError> {
        let permit = self.app.require_permission(Right::Administer)?;
        let found = permit.administrators().by_name(name)?.filter(|found| is_within(found, &permit.scope));
        Ok(found.ok_or_else(|| StoreError::NoSuch(format!("administrator {name:?}")))?)
    }

    /// Grants a role to an administrator.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Ungrantable`] for a role that the actor lacks; if there is no such
    /// administrator.
    pub fn grant_role(self, name: &str, grant: &Grant) -> Result<(), AppError> {
        let to = self.find(name)?;
        self.check_grants(std::slice::from_ref(grant))?;
        Ok(self.app.require_permission(Right::Administer)?.administrators().grant(
            &to,
            grant,
            &self.app.act(),
        )?)
    }

    /// Revokes a role of an administrator; `false` if they did not have it.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Ungrantable`] for a role that the actor lacks; if there is no such
    /// administrator.
    pub fn revoke_role(self, name: &str, grant: &Grant) -> Result<bool, AppError> {
        let from = self.find(name)?;
        self.check_grants(std::slice::from_ref(grant))?;
        Ok(self.app.require_permission(Right::Administer)?.administrators().revoke(
            &from,
            grant,
            &self.app.act(),
        )?)
    }

    /// Removes an administrator. The audit log and the runs keep their name.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Ungrantable`] if they have a role that the actor lacks; if there is no such
    /// administrator.
    pub fn remove(self, name: &str) -> Result<(), AppError> {
        let who = self.find(name)?;
        self.check_grants(&who.rights.grants().collect::<Vec<_>>())?;
        Ok(self.app.require_permission(Right::Administer)?.administrators().remove(&who, &self.app.act())?)
    }

    /// Whether there is an administrator; otherwise the first one is still to be made. It needs no permission.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn has_any(self) -> Result<bool, AppError> {
        Ok(!self.app.store_unchecked().administrators().all()?.is_empty())
    }

    /// Gives the credentials of the administrator `name`, to be changed: to that administrator, and to an actor who
    /// could grant all of their roles. A token is not enough for its own administrator, since it could make tokens with
    /// more rights.
    ///
    /// # Errors
    /// [`AppError::Denied`], [`AppError::Ungrantable`]; [`StoreError::NoSuch`] if there is no such administrator.
    pub fn open_credentials(self, name: &str) -> Result<(Credentials, Administrator), AppError> {
        let actor = self.app.actor();
        let credentials = self.app.credentials();
        let who = if actor.name() == name && actor.is_present() {
            credentials.administrator(name)?
        } else {
            let who = self.find(name)?;
            self.check_grants(&who.rights.grants().collect::<Vec<_>>())?;
            who
        };
        Ok((credentials, who))
    }

    pub(crate) fn check_grants(self, grants: &[Grant]) -> Result<(), AppError> {
        match grants.iter().find(|grant| !self.app.actor().rights().may_grant(grant)) {
            None => Ok(()),
            Some(grant) => {
                let needed = |right: &Right| *right == Right::Administer || grant.role.has(*right);
                let outside = |right: &Right| self.app.actor().rights().scopes_without(*right).is_some();
                Err(match Right::ALL.into_iter().find(|right| needed(right) && outside(right)) {
                    Some(right) => self.app.permission_denied(right, false),
                    None => {
                        AppError::Ungrantable { who: self.app.actor().name().to_owned(), role: grant.role }
                    }
                })
            }
        }
    }
}

/// Whether all that an administrator may do is within a scope; of nobody's roles that is said within organizations.
fn is_within(administrator: &Administrator, scope: &Scope) -> bool {
    let mut grants = administrator.rights.grants().peekable();
    *scope == Scope::Everywhere
        || (grants.peek().is_some() && grants.all(|grant| scope.covers(&grant.scope())))
}
