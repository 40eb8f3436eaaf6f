//! On whose behalf something is done, and with which rights.

use rollcall_domain::{Administrator, AdministratorId, OrganizationId, Rights};

/// The account or administrator on whose behalf something is done, with their rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    name: String,
    id: Option<AdministratorId>,
    rights: Rights,
    /// Where they act from.
    address: Option<String>,
    /// Whether a program acts for them, with a token that may have fewer rights.
    by_token: bool,
}

impl Actor {
    /// An account of the operating system, such as `cli:maria`. It has every right, since it can write the database
    /// file anyway.
    #[must_use]
    pub fn account(name: String) -> Self {
        Self { name, id: None, rights: Rights::all(), address: None, by_token: false }
    }

    /// An administrator, with the roles that they have now.
    #[must_use]
    pub fn administrator(administrator: &Administrator) -> Self {
        let Administrator { id, name, rights, .. } = administrator;
        Self { name: name.clone(), id: Some(*id), rights: rights.clone(), address: None, by_token: false }
    }

    /// Notes where the actor acts from: a network address, or the account that acts in their name.
    #[must_use]
    pub fn acting_from(self, address: String) -> Self {
        Self { address: Some(address), ..self }
    }

    /// Notes that a program acts for them, with a token.
    #[must_use]
    pub fn by_token(self) -> Self {
        Self { by_token: true, ..self }
    }

    /// Whether the administrator is signed in, rather than a program with a token.
    pub(crate) fn is_present(&self) -> bool {
        self.id.is_some() && !self.by_token
    }

    /// The name in the audit log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where they act from, if that is known.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// The actor with the rights that they have within one organization.
    pub(crate) fn within(&self, organization: OrganizationId) -> Self {
        Self { rights: self.rights.within(organization), ..self.clone() }
    }

    /// The number of the administrator; none: an account.
    #[must_use]
    pub fn id(&self) -> Option<AdministratorId> {
        self.id
    }

    /// The rights of the actor.
    #[must_use]
    pub fn rights(&self) -> &Rights {
        &self.rights
    }
}
