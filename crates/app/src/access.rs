//! Who may do what. The database is reached with a permit only: every use case asks for one by the right that it takes,
//! and a permit knows whose users, runs and scripts are meant. What is not theirs does not exist for an administrator.

use std::ops::Deref;
use std::sync::Arc;

use rollcall_domain::filter::{Comparison, Expr, Filter, Literal, Test, UserTest};
use rollcall_domain::{
    Administrator, AdministratorId, Field, Mode, Organization, OrganizationId, Right, Rights, Run, Scope,
    User, Voucher,
};
use rollcall_store::{Store, StoreError};

use crate::{App, AppError};

/// On whose behalf something is done, with what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    name: String,
    id: Option<AdministratorId>,
    rights: Rights,
    /// From where they act.
    address: Option<String>,
    /// A program acts for them, with a token that may do less than they may.
    by_token: bool,
}

impl Actor {
    /// An account of the operating system, such as `cli:maria`. Whoever has one that can read the database may do
    /// everything anyway.
    #[must_use]
    pub fn account(name: String) -> Self {
        Self { name, id: None, rights: Rights::all(), address: None, by_token: false }
    }

    /// An administrator, with what is granted to them now.
    #[must_use]
    pub fn administrator(administrator: &Administrator) -> Self {
        let Administrator { id, name, rights, .. } = administrator;
        Self { name: name.clone(), id: Some(*id), rights: rights.clone(), address: None, by_token: false }
    }

    /// The same, acting from somewhere: a network's address, or the account that acts in their name.
    #[must_use]
    pub fn acting_from(self, address: String) -> Self {
        Self { address: Some(address), ..self }
    }

    /// The same, where a program shows a token of theirs.
    #[must_use]
    pub fn by_token(self) -> Self {
        Self { by_token: true, ..self }
    }

    /// Whether it is they themselves.
    pub(crate) fn is_present(&self) -> bool {
        self.id.is_some() && !self.by_token
    }

    /// As they are recorded.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// From where they act, if that is known and not themselves.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// The same, with what they may do within one organization only.
    fn within(&self, organization: OrganizationId) -> Self {
        Self { rights: self.rights.within(organization), ..self.clone() }
    }

    /// Their number, if they are an administrator.
    #[must_use]
    pub fn id(&self) -> Option<AdministratorId> {
        self.id
    }

    /// What they may do.
    #[must_use]
    pub fn rights(&self) -> &Rights {
        &self.rights
    }
}

/// The database. Only this module gets at it.
#[derive(Clone)]
pub(crate) struct Vault(Arc<Store>);

impl Vault {
    pub(crate) fn new(store: Store) -> Self {
        Self(Arc::new(store))
    }

    /// For letting administrators in, before anybody has a right.
    pub(crate) fn for_sign_in(&self) -> Arc<Store> {
        Arc::clone(&self.0)
    }
}

/// The database, for something that is allowed.
pub(crate) struct Permit<'a> {
    store: &'a Store,
    /// Whose users, runs and scripts are meant.
    pub(crate) scope: Scope,
}

impl Deref for Permit<'_> {
    type Target = Store;

    fn deref(&self) -> &Store {
        self.store
    }
}

impl<'a> Permit<'a> {
    /// For what outlives the question.
    pub(crate) fn into_store(self) -> &'a Store {
        self.store
    }

    /// The user, if it is theirs; what is not is told of in the words for what is not there.
    pub(crate) fn own_user(&self, user: Option<User>) -> Option<User> {
        user.filter(|user| self.scope.has(user.organization_id))
    }

    /// Whether what belongs to this organization, or to everybody, exists for them.
    pub(crate) fn shows(&self, owner: Option<&Organization>) -> bool {
        self.scope.shows(owner.map(|organization| organization.id))
    }

    /// Whether a run is theirs: whether it touches nobody else's users.
    pub(crate) fn owns(&self, run: &Run) -> bool {
        self.scope.covers(&run.scope)
    }

    /// The filter that selects those of their users that `filter` does; none: all users there are.
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
    /// The one place where it is decided whether something may be done: a permit, or why not.
    pub(crate) fn may(&self, right: Right) -> Result<Permit<'_>, AppError> {
        match self.actor.rights.scope(right) {
            Some(scope) => Ok(Permit { store: &self.vault.0, scope }),
            None => Err(self.denied(right, false)),
        }
    }

    /// The same for what belongs to everybody, such as settings.
    pub(crate) fn may_everywhere(&self, right: Right) -> Result<Permit<'_>, AppError> {
        let permit = self.may(right)?;
        if permit.scope == Scope::Everywhere {
            return Ok(permit);
        }
        Err(self.denied(right, true))
    }

    /// That they may not; `elsewhere` they may.
    pub(crate) fn denied(&self, right: Right, elsewhere: bool) -> AppError {
        match self.actor.rights.scopes_without(right) {
            Some(scopes) => AppError::OutsideScopes { scopes, right },
            None => AppError::Denied { right, elsewhere },
        }
    }

    /// The same for a run that exists: it has to be theirs.
    pub(crate) fn may_with(&self, right: Right, run: &Run) -> Result<Permit<'_>, AppError> {
        let permit = self.may(right)?;
        if permit.owns(run) {
            return Ok(permit);
        }
        // They may look at it, or they would not have come here.
        Err(self.denied(right, true))
    }

    /// The same for whoever wants to look at, count and choose users of one organization at a time: it takes rights away and
    /// gives none, so of an organization that they may not see there is nothing.
    #[must_use]
    pub fn within(&self, organization: OrganizationId) -> Self {
        Self { actor: self.actor.within(organization), ..self.clone() }
    }

    /// What it takes to run a script.
    pub(crate) fn may_run(&self, mode: Mode) -> Result<Permit<'_>, AppError> {
        let permit = self.may(Right::Execute);
        if permit.is_err() && mode == Mode::Preview { self.may(Right::Report).or(permit) } else { permit }
    }

    /// What it takes to go on with a run, to try it again and to end it.
    pub(crate) fn may_run_again(&self, run: &Run) -> Result<Permit<'_>, AppError> {
        self.may_with(if run.settings.report { Right::Report } else { Right::Execute }, run)
    }

    /// Who is asked from now on whether a run may go on that they let begin, or go on.
    pub(crate) fn voucher(&self, run: &Run) -> Option<Voucher> {
        // Its maker answers for it anyway, and of accounts one may do as much as another.
        let id = self.actor.id;
        (id != run.administrator_id).then(|| id.map_or(Voucher::Account, Voucher::Administrator))
    }

    /// Whether whoever started a run, or has let it go on since, may still do what it does: asked again when others are to go
    /// on with it.
    pub(crate) fn is_still_allowed(&self, run: &Run) -> Result<bool, AppError> {
        let id = match run.settings.vouched_by {
            Some(Voucher::Account) => return Ok(true),
            Some(Voucher::Administrator(id)) => id,
            None => match run.administrator_id {
                Some(id) => id,
                None => return Ok(true),
            },
        };
        let Some(administrator) = self.engine().administrator_by_id(id)? else { return Ok(false) };
        let by = Self { actor: Actor::administrator(&administrator), ..self.clone() };
        Ok(by.may_run_again(run).is_ok())
    }

    /// The database, for the execution of runs that were allowed when they were made, and for what every process does to
    /// share them.
    pub(crate) fn engine(&self) -> &Store {
        &self.vault.0
    }

    /// The administrator of this name, to act with their rights. What is done is recorded with who does it in their name.
    pub fn acting_as(&self, name: &str) -> Result<Self, AppError> {
        let found = self.may_everywhere(Right::Administer)?.administrator(name)?;
        let found = found.ok_or_else(|| StoreError::NoSuch(format!("administrator {name:?}")))?;
        let actor = Actor::administrator(&found).acting_from(self.actor.name.clone());
        Ok(Self { actor, ..self.clone() })
    }
}
