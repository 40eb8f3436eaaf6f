//! The owner of a filter, a script or a profile: an organization, or all of them. A name may start with an
//! organization's, such as `North:gold`; without one it means the nearest item.

use rollcall_domain::{Organization, OrganizationId, Rejection, Right, SavedName, Scope, nearest};
use rollcall_store::StoreError;

use crate::access::Permit;
use crate::app::App;
use crate::error::AppError;

impl App {
    /// Decides whether the actor may make or change an item of this organization: the permit and the organization. An
    /// empty name means an item of all organizations; none means the actor's own organization, if there is one.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`StoreError::NoSuch`] if they cannot see the organization; [`AppError::Rejected`] if they
    /// have several.
    pub(crate) fn require_permission_as_owner(
        &self,
        right: Right,
        organization: Option<&str>,
    ) -> Result<(Permit<'_>, Option<Organization>), AppError> {
        let permit = self.require_permission(right)?;
        let seen = self.organizations().list()?;
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
                return Err(Rejection::new(why).into());
            }
        };
        self.require_owner(&permit, right, owner.as_ref())?;
        Ok((permit, owner))
    }

    /// Decides whether the actor may change an item of this organization, which they can see; none: of all
    /// organizations.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub(crate) fn require_permission_to_change(
        &self,
        right: Right,
        owner: Option<&Organization>,
    ) -> Result<Permit<'_>, AppError> {
        let permit = self.require_permission(right)?;
        self.require_owner(&permit, right, owner)?;
        Ok(permit)
    }

    fn require_owner(
        &self,
        permit: &Permit<'_>,
        right: Right,
        owner: Option<&Organization>,
    ) -> Result<(), AppError> {
        if permit.scope.owns(id_of(owner)) { Ok(()) } else { Err(self.permission_denied(right, true)) }
    }

    /// Picks from items with one name the one that the actor means: the nearest, or that of the organization in the
    /// name.
    pub(crate) fn find_named<T>(
        &self,
        name: SavedName<'_>,
        found: Vec<T>,
        owner: fn(&T) -> Option<&Organization>,
    ) -> Result<Option<T>, AppError> {
        let scope = self.require_permission(Right::Look)?.scope;
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
