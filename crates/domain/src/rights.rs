//! Rights of administrators and the organizations in which they apply. Everything that is not granted is denied.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::{OrganizationId, Rejection, Scopes, Timestamp};

/// Number of an administrator. Never used again after a removal.
pub type AdministratorId = i64;

const MAX_NAME: usize = 64;

/// Checks the name of a new administrator: 1 to 64 letters, digits and `-_.@+`, of which the first is a letter or
/// digit. So no name looks like an account of an operating system (`cli:maria`), or like another name.
///
/// # Errors
///
/// The name has another form.
pub fn check_administrator_name(name: &str) -> Result<(), Rejection> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.@+".contains(c);
    let first = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if first && name.len() <= MAX_NAME && name.chars().all(fits) {
        return Ok(());
    }
    Err(Rejection::new(format!(
        "{name:?} cannot be the name of an administrator: write up to {MAX_NAME} letters (a-z), digits and -_.@+, with a \
         letter or digit first"
    )))
}

/// What may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Look at users, profiles, filters, scripts, and runs with what came out of them.
    Look,
    /// Run a script as a report: a preview in which whoever would be changed fails.
    Report,
    /// Run scripts: preview, apply, undo, retry, resume, cancel.
    Execute,
    /// Add, edit, import and remove users.
    EditUsers,
    /// Save and remove scripts and filters.
    EditScripts,
    /// Everything else: administrators, organizations, profiles, settings, the audit log, pruning.
    Administer,
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 6] =
        [Self::Look, Self::Report, Self::Execute, Self::EditUsers, Self::EditScripts, Self::Administer];

    /// As it is written among the scopes of a token.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Report => "report",
            Self::Execute => "execute",
            Self::EditUsers => "edit-users",
            Self::EditScripts => "edit-scripts",
            Self::Administer => "administer",
        }
    }

    /// What it allows, for a sentence such as "nobody here may …".
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::Look => "look at this",
            Self::Report => "run scripts as reports",
            Self::Execute => "run scripts",
            Self::EditUsers => "edit users",
            Self::EditScripts => "edit scripts and filters",
            Self::Administer => "administer",
        }
    }

    /// The roles that have it.
    pub fn roles(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| role.has(self))
    }
}

impl FromStr for Right {
    type Err = Rejection;

    fn from_str(name: &str) -> Result<Self, Rejection> {
        Self::ALL.into_iter().find(|right| right.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Rejection::new(format!("there is no scope {name:?}; the scopes are {names}"))
        })
    }
}

/// A bundle of rights that an administrator can be granted. Several add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything.
    Admin,
    /// Edits users and runs scripts.
    Operator,
    /// Edits scripts and filters, and cannot run them.
    Author,
    /// Looks, and runs scripts as reports.
    ReadOnly,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Operator, Self::Author, Self::ReadOnly];

    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Author => "author",
            Self::ReadOnly => "read-only",
        }
    }

    /// Whether it has a right.
    #[must_use]
    pub fn has(self, right: Right) -> bool {
        match (self, right) {
            (Self::Admin, _) | (_, Right::Look) => true,
            (Self::Operator, Right::Report | Right::Execute | Right::EditUsers) => true,
            (Self::Operator, Right::EditScripts | Right::Administer) => false,
            (Self::Author, right) => right == Right::EditScripts,
            (Self::ReadOnly, right) => right == Right::Report,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = Rejection;

    fn from_str(name: &str) -> Result<Self, Rejection> {
        Self::ALL.into_iter().find(|role| role.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Rejection::new(format!("there is no role {name:?}; the roles are {names}"))
        })
    }
}

/// Whose users, runs, scripts and filters are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's, also those that belong to no organization.
    Everywhere,
    /// Those of these organizations, of which there is at least one.
    Within(BTreeSet<OrganizationId>),
}

impl Scope {
    /// Whether what belongs to an organization is meant.
    #[must_use]
    pub fn has(&self, organization: OrganizationId) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Within(organizations) => organizations.contains(&organization),
        }
    }

    /// Whether what belongs to this organization, or without one to everybody, can be seen.
    #[must_use]
    pub fn shows(&self, owner: Option<OrganizationId>) -> bool {
        owner.is_none_or(|organization| self.has(organization))
    }

    /// Whether what belongs to this organization, or without one to everybody, is in the hands of who has this scope.
    #[must_use]
    pub fn owns(&self, owner: Option<OrganizationId>) -> bool {
        owner.map_or(*self == Self::Everywhere, |organization| self.has(organization))
    }

    /// The organization, if it is a single one.
    #[must_use]
    pub fn organization(&self) -> Option<OrganizationId> {
        match self {
            Self::Within(organizations) if organizations.len() == 1 => organizations.first().copied(),
            _ => None,
        }
    }

    /// Whether everything that `other` means is meant.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Everywhere, _) => true,
            (Self::Within(_), Self::Everywhere) => false,
            (Self::Within(these), Self::Within(others)) => others.is_subset(these),
        }
    }
}

/// A role, everywhere or within one organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// None: everywhere.
    pub organization_id: Option<OrganizationId>,
}

impl Grant {
    /// All there is.
    pub const EVERYTHING: Self = Self { role: Role::Admin, organization_id: None };

    /// Where it counts.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.organization_id.map_or(Scope::Everywhere, |id| Scope::Within(BTreeSet::from([id])))
    }
}

/// Somebody who works with Rollcall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Administrator {
    /// Their number.
    pub id: AdministratorId,
    /// What they are called, and sign in as.
    pub name: String,
    /// Since when they are there.
    pub created_at: Timestamp,
    /// What they may do.
    pub rights: Rights,
}

/// What one administrator may do: the sum of what was granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    granted: BTreeSet<Grant>,
    /// Rights of which no use is made, whatever was granted.
    without: BTreeSet<Right>,
}

impl FromIterator<Grant> for Rights {
    fn from_iter<T: IntoIterator<Item = Grant>>(grants: T) -> Self {
        Self { granted: grants.into_iter().collect(), without: BTreeSet::new() }
    }
}

impl Rights {
    /// Those of an account of the operating system that can read and write the database anyway.
    #[must_use]
    pub fn all() -> Self {
        Self::from_iter([Grant::EVERYTHING])
    }

    /// What was granted.
    pub fn grants(&self) -> impl Iterator<Item = Grant> + '_ {
        self.granted.iter().copied()
    }

    /// The same, of which only `scopes` may be used.
    #[must_use]
    pub fn only(&self, scopes: &Scopes) -> Self {
        let outside = Right::ALL.into_iter().filter(|right| !scopes.iter().any(|scope| scope == *right));
        let without = self.without.iter().copied().chain(outside).collect();
        Self { granted: self.granted.clone(), without }
    }

    /// The same, as far as they count within one organization.
    #[must_use]
    pub fn within(&self, organization: OrganizationId) -> Self {
        let here = self.grants().filter(|grant| grant.organization_id.is_none_or(|id| id == organization));
        let granted = here.map(|grant| Grant { organization_id: Some(organization), ..grant }).collect();
        Self { granted, without: self.without.clone() }
    }

    /// The rights that a token leaves, if `right` was granted and its scopes leave it out.
    #[must_use]
    pub fn scopes_without(&self, right: Right) -> Option<Vec<Right>> {
        let is_granted = self.granted.iter().any(|grant| grant.role.has(right));
        let scopes = || Right::ALL.into_iter().filter(|each| !self.without.contains(each)).collect();
        (is_granted && self.without.contains(&right)).then(scopes)
    }

    /// Where a right may be used; none: nowhere.
    #[must_use]
    pub fn scope(&self, right: Right) -> Option<Scope> {
        if self.without.contains(&right) {
            return None;
        }
        let mut organizations = BTreeSet::new();
        for grant in self.grants().filter(|grant| grant.role.has(right)) {
            match grant.organization_id {
                None => return Some(Scope::Everywhere),
                Some(id) => organizations.insert(id),
            };
        }
        (!organizations.is_empty()).then_some(Scope::Within(organizations))
    }

    /// Whether a right may be used for everything that `scope` means.
    #[must_use]
    pub fn reach(&self, right: Right, scope: &Scope) -> bool {
        self.scope(right).is_some_and(|own| own.covers(scope))
    }

    /// Whether whoever has these rights has all that `grant` would give, where it would give it.
    #[must_use]
    pub fn cover(&self, grant: &Grant) -> bool {
        Right::ALL
            .into_iter()
            .filter(|right| grant.role.has(*right))
            .all(|right| self.reach(right, &grant.scope()))
    }

    /// Whether whoever has these rights may give or take `grant`: to administer there, and to have what it gives.
    ///
    /// # Examples
    ///
    /// ```
    /// use rollcall_domain::{Grant, Rights, Role};
    ///
    /// let grant = |role, organization_id| Grant { role, organization_id };
    /// let north = Rights::from_iter([grant(Role::Admin, Some(1))]);
    /// assert!(north.may_grant(&grant(Role::Operator, Some(1))));
    /// assert!(!north.may_grant(&grant(Role::Operator, Some(2))));
    /// assert!(!north.may_grant(&grant(Role::Admin, None)));
    /// ```
    #[must_use]
    pub fn may_grant(&self, grant: &Grant) -> bool {
        self.reach(Right::Administer, &grant.scope()) && self.cover(grant)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grant() -> impl Strategy<Value = Grant> {
        (0..4_usize, proptest::option::of(1..4_i64))
            .prop_map(|(role, organization_id)| Grant { role: Role::ALL[role], organization_id })
    }

    #[test]
    fn roles_have_what_the_reference_says() {
        let table = Role::ALL.map(|role| Right::ALL.map(|right| role.has(right)));
        assert_eq!(
            table,
            [
                [true; 6],
                [true, true, true, true, false, false],
                [true, false, false, false, true, false],
                [true, true, false, false, false, false],
            ]
        );
        for role in Role::ALL {
            assert_eq!(role.name().parse::<Role>().unwrap(), role);
        }
        assert!(
            "root".parse::<Role>().unwrap_err().to_string().contains("admin, operator, author, read-only")
        );
    }

    #[test]
    fn nothing_granted_is_nothing_allowed() {
        for right in Right::ALL {
            assert_eq!(Rights::default().scope(right), None);
            assert_eq!(Rights::all().scope(right), Some(Scope::Everywhere));
        }
    }

    #[test]
    fn grants_add_up() {
        let within = |role, id| Grant { role, organization_id: Some(id) };
        let rights = Rights::from_iter([within(Role::Operator, 1), within(Role::ReadOnly, 2)]);
        assert_eq!(rights.scope(Right::Look), Some(Scope::Within([1, 2].into())));
        assert_eq!(rights.scope(Right::Execute), Some(Scope::Within([1].into())));
        assert_eq!(rights.scope(Right::Administer), None);
    }

    proptest! {
        /// Whoever looks at one organization only has there what they have anyway, and nothing elsewhere.
        #[test]
        fn narrowed_rights_are_those_within_the_organization(
            grants in proptest::collection::vec(grant(), 0..5),
            organization in 1..4_i64,
        ) {
            let all = Rights::from_iter(grants);
            let narrowed = all.within(organization);
            for right in Right::ALL {
                let had = all.scope(right).is_some_and(|scope| scope.has(organization));
                let expected = had.then(|| Scope::Within([organization].into()));
                prop_assert_eq!(narrowed.scope(right), expected);
            }
        }

        /// Whatever is granted by those who may, in whatever order: nobody ever has more than the first had.
        #[test]
        fn no_sequence_of_grants_widens_rights(
            first in proptest::collection::vec(grant(), 0..4),
            steps in proptest::collection::vec((0..4_usize, 0..4_usize, grant()), 0..40),
        ) {
            let first = Rights::from_iter(first);
            let mut all = vec![first.clone(), Rights::default(), Rights::default(), Rights::default()];
            for (by, to, grant) in steps {
                if all[by].may_grant(&grant) {
                    all[to].granted.insert(grant);
                }
            }
            for rights in &all {
                for right in Right::ALL {
                    if let Some(scope) = rights.scope(right) {
                        prop_assert!(first.scope(right).is_some_and(|had| had.covers(&scope)));
                    }
                }
            }
        }
    }
}
