//! Who may do what. Every use case asks for a [`Permit`] by the right that it takes, and reaches the database through
//! it. A permit knows the organizations of the actor; what belongs to others does not exist for them.

use std::ops::Deref;

use rollcall_domain::filter::{Comparison, Expr, Filter, Literal, Test, UserTest};
use rollcall_domain::{Field, Mode, Organization, Right, Run, Scope, User, Voucher};
use rollcall_store::{Store, StoreError};
use tracing::debug;

use crate::actor::Actor;
use crate::app::App;
use crate::error::AppError;

/// The database, for an operation that is allowed.
pub(crate) struct Permit<'a> {
    store: &'a Store,
    /// The organizations in which the actor has the right.
    pub(crate) scope: Scope,
}

impl Deref for Permit<'_> {
    type Target = Store;

    fn deref(&self) -> &Store {
        self.store
    }
}

impl<'a> Permit<'a> {
    /// The database for the lifetime of the [`App`].
    pub(crate) fn into_store(self) -> &'a Store {
        self.store
    }

    /// The user, if it belongs to the scope. Another one is reported as if it did not exist.
    pub(crate) fn own_user(&self, user: Option<User>) -> Option<User> {
        user.filter(|user| self.scope.has(user.organization_id))
    }

    /// Whether the actor can see what belongs to this organization; none: to all organizations.
    pub(crate) fn shows(&self, owner: Option<&Organization>) -> bool {
        self.scope.shows(owner.map(|organization| organization.id))
    }

    /// Whether a run can touch users of the scope only.
    pub(crate) fn owns(&self, run: &Run) -> bool {
        self.scope.covers(&run.scope)
    }

    /// Narrows a filter to the users of the scope; none: all users.
    pub(crate) fn narrow(&self, filter: Option<&Filter>) -> Option<Filter> {
        match (within(&self.scope), filter) {
            (None, filter) => filter.cloned(),
            (Some(own), None) => Some(own),
            (Some(own), Some(filter)) => Some(Expr::And(vec![own, filter.clone()])),
        }
    }
}

/// The users of a scope as a filter; none: all.
fn within(scope: &Scope) -> Option<Filter> {
    let Scope::Within(organizations) = scope else { return None };
    let is = |id: &i64| {
        let test = Test::Compare(Comparison::Equal, Literal::Int(*id));
        Expr::Is(UserTest::Field(Field::OrganizationId, test))
    };
    let mut each: Vec<_> = organizations.iter().map(is).collect();
    match each.len() {
        1 => each.pop(),
        _ => Some(Expr::Or(each)),
    }
}

impl App {
    /// Decides whether the actor has a right, anywhere: the permit, which knows where. Every other check comes here.
    ///
    /// # Errors
    /// [`AppError::Denied`], [`AppError::OutsideScopes`]
    pub(crate) fn require_permission(&self, right: Right) -> Result<Permit<'_>, AppError> {
        match self.actor().rights().scope(right) {
            Some(scope) => Ok(Permit { store: self.store_unchecked(), scope }),
            None => Err(self.permission_denied(right, false)),
        }
    }

    /// Decides whether the actor has a right in all organizations, for what belongs to none, such as settings.
    ///
    /// # Errors
    /// [`AppError::Denied`], [`AppError::OutsideScopes`]
    pub(crate) fn require_permission_everywhere(&self, right: Right) -> Result<Permit<'_>, AppError> {
        let permit = self.require_permission(right)?;
        if permit.scope == Scope::Everywhere {
            return Ok(permit);
        }
        Err(self.permission_denied(right, true))
    }

    /// Decides whether the actor has a right in every organization that a run could touch.
    ///
    /// # Errors
    /// [`AppError::Denied`], [`AppError::OutsideScopes`]
    pub(crate) fn require_permission_on(&self, right: Right, run: &Run) -> Result<Permit<'_>, AppError> {
        let permit = self.require_permission(right)?;
        if permit.owns(run) {
            return Ok(permit);
        }
        // They may look at it, or they would not have come here.
        Err(self.permission_denied(right, true))
    }

    /// Decides whether the actor may run a script in this mode.
    ///
    /// # Errors
    /// [`AppError::Denied`], [`AppError::OutsideScopes`]
    pub(crate) fn require_permission_to_run(&self, mode: Mode) -> Result<Permit<'_>, AppError> {
        let permit = self.require_permission(Right::Execute);
        if permit.is_err() && mode == Mode::Preview {
            return self.require_permission(Right::Report).or(permit);
        }
        permit
    }

    /// Decides whether the actor may start, resume, retry or cancel a run.
    ///
    /// # Errors
    /// [`AppError::Denied`], [`AppError::OutsideScopes`]
    pub(crate) fn require_permission_to_continue(&self, run: &Run) -> Result<Permit<'_>, AppError> {
        self.require_permission_on(if run.settings.report { Right::Report } else { Right::Execute }, run)
    }

    /// The error for a right that the actor lacks; `elsewhere` they have it.
    pub(crate) fn permission_denied(&self, right: Right, elsewhere: bool) -> AppError {
        debug!(who = self.actor().name(), right = right.name(), elsewhere, "permission denied");
        match self.actor().rights().scopes_without(right) {
            Some(scopes) => AppError::OutsideScopes { scopes, right },
            None => AppError::Denied { right, elsewhere },
        }
    }

    /// The administrator or account that answers for a run from now on, if the actor starts or resumes it.
    pub(crate) fn voucher(&self, run: &Run) -> Option<Voucher> {
        // Its maker answers for it anyway, and of accounts one may do as much as another.
        let id = self.actor().id();
        (id != run.administrator_id).then(|| id.map_or(Voucher::Account, Voucher::Administrator))
    }

    /// Whether the administrator who answers for a run still has the right to run it. Workers ask before they help with
    /// it.
    pub(crate) fn is_still_allowed(&self, run: &Run) -> Result<bool, AppError> {
        let id = match run.settings.vouched_by {
            Some(Voucher::Account) => return Ok(true),
            Some(Voucher::Administrator(id)) => id,
            None => match run.administrator_id {
                Some(id) => id,
                None => return Ok(true),
            },
        };
        let Some(administrator) = self.store_unchecked().administrators().by_id(id)? else {
            return Ok(false);
        };
        let by = self.with_actor(Actor::administrator(&administrator));
        Ok(by.require_permission_to_continue(run).is_ok())
    }

    /// Makes a copy that acts with the rights of the administrator `name`. The audit log names both.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`StoreError::NoSuch`] if there is no such administrator.
    pub fn acting_as(&self, name: &str) -> Result<Self, AppError> {
        let found = self.require_permission_everywhere(Right::Administer)?.administrators().by_name(name)?;
        let found = found.ok_or_else(|| StoreError::NoSuch(format!("administrator {name:?}")))?;
        let actor = Actor::administrator(&found).acting_from(self.actor().name().to_owned());
        Ok(self.with_actor(actor))
    }
}
