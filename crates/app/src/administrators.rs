use rollcall_domain::{Administrator, AdministratorId, Grant, Right, Scope, check_administrator_name};
use rollcall_store::StoreError;

use crate::pages::{first, pages};
use crate::{App, AppError};

impl App {
    /// Adds an administrator, with roles that whoever asks may grant.
    pub fn add_administrator(&self, name: &str, grants: &[Grant]) -> Result<AdministratorId, AppError> {
        let permit = self.may(Right::Administer)?;
        check_administrator_name(name)?;
        if grants.is_empty() && permit.scope != Scope::Everywhere {
            return Err(AppError::Ungranted);
        }
        self.check_grants(grants)?;
        Ok(permit.add_administrator(name, grants, &self.act())?)
    }

    /// The administrators whom whoever asks may see: those who have no role beyond where that one administers.
    pub fn administrators(&self) -> Result<Vec<Administrator>, AppError> {
        let permit = self.may(Right::Administer)?;
        let all = permit.administrators()?;
        Ok(all.into_iter().filter(|each| is_within(each, &permit.scope)).collect())
    }

    /// The next of them after administrator `after`, by number.
    pub fn administrators_after(
        &self,
        after: Option<AdministratorId>,
        limit: u32,
    ) -> Result<Vec<Administrator>, AppError> {
        let permit = self.may(Right::Administer)?;
        let page = |after| Ok(permit.administrators_page(after, limit)?);
        let all = pages(after.unwrap_or(0), page, |administrator: &Administrator| administrator.id);
        first(all.filter(|each| each.as_ref().map_or(true, |each| is_within(each, &permit.scope))), limit)
    }

    /// The administrator of this name.
    pub fn administrator(&self, name: &str) -> Result<Administrator, AppError> {
        let permit = self.may(Right::Administer)?;
        let found = permit.administrator(name)?.filter(|found| is_within(found, &permit.scope));
        Ok(found.ok_or_else(|| StoreError::NoSuch(format!("administrator {name:?}")))?)
    }

    /// Grants a role to an administrator. Nobody can grant what they lack.
    pub fn grant(&self, name: &str, grant: &Grant) -> Result<(), AppError> {
        let to = self.administrator(name)?;
        self.check_grants(std::slice::from_ref(grant))?;
        Ok(self.may(Right::Administer)?.grant(&to, grant, &self.act())?)
    }

    /// Takes a role from an administrator; says whether they had it.
    pub fn revoke(&self, name: &str, grant: &Grant) -> Result<bool, AppError> {
        let from = self.administrator(name)?;
        self.check_grants(std::slice::from_ref(grant))?;
        Ok(self.may(Right::Administer)?.revoke(&from, grant, &self.act())?)
    }

    /// Removes an administrator. What they have done stays theirs.
    pub fn remove_administrator(&self, name: &str) -> Result<(), AppError> {
        let who = self.administrator(name)?;
        self.check_grants(&who.rights.grants().collect::<Vec<_>>())?;
        Ok(self.may(Right::Administer)?.remove_administrator(&who, &self.act())?)
    }

    pub(crate) fn check_grants(&self, grants: &[Grant]) -> Result<(), AppError> {
        match grants.iter().find(|grant| !self.actor.rights().may_grant(grant)) {
            None => Ok(()),
            Some(grant) => {
                let needed = |right: &Right| *right == Right::Administer || grant.role.has(*right);
                let outside = |right: &Right| self.actor.rights().scopes_without(*right).is_some();
                Err(match Right::ALL.into_iter().find(|right| needed(right) && outside(right)) {
                    Some(right) => self.denied(right, false),
                    None => AppError::Ungrantable { who: self.actor.name().to_owned(), role: grant.role },
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
