//! Whose a filter, a script or a profile is: an organization's or everybody's. A name may have an organization's before
//! it, `North:gold`; without one it is the nearest.

use rollcall_domain::{Organization, OrganizationId, Refusal, Right, SavedName, Scope, nearest};
use rollcall_store::StoreError;

use crate::access::Permit;
use crate::{App, AppError};

impl App {
    /// A permit to make or change something of this organization (empty: everybody's; none: theirs, if they have one),
    /// and the organization.
    pub(crate) fn may_own(
        &self,
        right: Right,
        organization: Option<&str>,
    ) -> Result<(Permit<'_>, Option<Organization>), AppError> {
        let permit = self.may(right)?;
        let seen = self.organizations()?;
        let find =
            |is: &dyn Fn(&Organization) -> bool| seen.iter().find(|organization| is(organization)).cloned();
        let owner = match (organization, &permit.scope) {
            (Some(""), _) | (None, Scope::Everywhere) => None,
            (Some(name), _) => {
                let found = find(&|organization| organization.name == name);
                Some(found.ok_or_else(|| StoreError::NoSuch(format!("organization {name:?}")))?)
            }
            (None, Scope::Within(own)) if own.len() == 1 => {
                find(&|organization| own.contains(&organization.id))
            }
            (None, Scope::Within(own)) => {
                let own = seen.iter().filter(|organization| own.contains(&organization.id));
                let names: Vec<_> = own.map(|organization| organization.name.as_str()).collect();
                let why = format!(
                    "say in which organization: write one of {} and a colon before the name",
                    names.join(", ")
                );
                return Err(Refusal::new(why).into());
            }
        };
        self.must_own(&permit, right, owner.as_ref())?;
        Ok((permit, owner))
    }

    /// A permit to change something that can be seen.
    pub(crate) fn may_change(
        &self,
        right: Right,
        owner: Option<&Organization>,
    ) -> Result<Permit<'_>, AppError> {
        let permit = self.may(right)?;
        self.must_own(&permit, right, owner)?;
        Ok(permit)
    }

    fn must_own(
        &self,
        permit: &Permit<'_>,
        right: Right,
        owner: Option<&Organization>,
    ) -> Result<(), AppError> {
        if permit.scope.owns(id_of(owner)) { Ok(()) } else { Err(self.denied(right, true)) }
    }

    /// Of things with one name, the one that is meant.
    pub(crate) fn meant<T>(
        &self,
        name: SavedName<'_>,
        found: Vec<T>,
        owner: fn(&T) -> Option<&Organization>,
    ) -> Result<Option<T>, AppError> {
        let scope = self.may(Right::Look)?.scope;
        let Some(organization) = name.organization else { return Ok(nearest(found, owner, &scope)?) };
        let is = |one: &T| {
            let owner = owner(one);
            owner.map_or("", |owner| owner.name.as_str()) == organization && scope.shows(id_of(owner))
        };
        Ok(found.into_iter().find(is))
    }
}

fn id_of(owner: Option<&Organization>) -> Option<OrganizationId> {
    owner.map(|organization| organization.id)
}
