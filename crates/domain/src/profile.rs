//! Profiles and organizations, and the assignment of profiles to users.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{Item, ItemKind, Rejection, Scope};

/// The longest name of an organization or a profile, in bytes: what FreeRADIUS takes for a group's name.
const MAX_NAME_BYTES: usize = 253;

/// Refuses a name of `what` that could not be shown, listed or written into a file again.
fn check_name(what: &str, name: &str) -> Result<(), Rejection> {
    let why = if name.is_empty() {
        "is empty"
    } else if name.len() > MAX_NAME_BYTES {
        "has over 253 bytes"
    } else if name.trim() != name {
        "starts or ends with a blank"
    } else if name.contains(|c: char| c.is_control() || c == ';') {
        "has a control character or a semicolon"
    } else {
        return Ok(());
    };
    Err(Rejection::new(format!("{name:?} cannot be the name of {what}: it {why}")))
}

/// Identifies an organization.
pub type OrganizationId = i64;
/// Identifies a profile.
pub type ProfileId = i64;

/// The tenant that a user belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Organization {
    /// Its number.
    pub id: OrganizationId,
    /// Its unique name.
    pub name: String,
}

impl Organization {
    /// Checks the name of an organization.
    ///
    /// # Errors
    ///
    /// The name is empty, too long, or has characters that names may not have.
    pub fn check_name(name: &str) -> Result<(), Rejection> {
        check_name("an organization", name)
    }
}

/// A named set of reply and check items, assigned to users with a priority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// Its number.
    pub id: ProfileId,
    /// Its unique name.
    pub short_name: String,
    /// Whose users may have it; none: everybody's.
    pub organization: Option<Organization>,
    /// Items sent in the reply, in order.
    pub reply: Vec<Item>,
    /// Items compared with or added to the request, in order.
    pub check: Vec<Item>,
}

impl Profile {
    /// Checks the short name of a profile.
    ///
    /// # Errors
    ///
    /// The name is empty, too long, or has characters that names may not have.
    pub fn check_name(short_name: &str) -> Result<(), Rejection> {
        check_name("a profile", short_name)
    }

    /// The list of `kind`.
    #[must_use]
    pub fn items(&self, kind: ItemKind) -> &[Item] {
        match kind {
            ItemKind::Reply => &self.reply,
            ItemKind::Check => &self.check,
        }
    }
}

/// A profile of a user. The lowest priority number comes first; numbers may have gaps.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Assignment {
    /// The profile's number.
    pub id: ProfileId,
    /// The profile's name when it was assigned or read.
    pub short_name: String,
    /// Its rank among the user's profiles.
    pub priority: i64,
}

/// The profiles that there are, by number and by name.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    profiles: HashMap<ProfileId, (String, Option<OrganizationId>)>,
    ids: HashMap<String, ProfileId>,
}

impl Catalogue {
    /// The name of profile `id`, if there is one.
    #[must_use]
    pub fn name(&self, id: ProfileId) -> Option<&str> {
        self.profiles.get(&id).map(|(name, _)| name.as_str())
    }

    /// The number of the profile called `short_name`, if there is one.
    #[must_use]
    pub fn id(&self, short_name: &str) -> Option<ProfileId> {
        self.ids.get(short_name).copied()
    }

    /// Returns the name of profile `id`, if users of this organization may have it.
    ///
    /// # Errors
    ///
    /// There is no such profile for them.
    pub fn offer(&self, id: ProfileId, organization: OrganizationId) -> Result<&str, Rejection> {
        match self.profiles.get(&id) {
            None => Err(Rejection::new(format!("there is no profile with id {id}"))),
            Some((name, Some(owner))) if *owner != organization => {
                Err(Rejection::new(format!("profile {name} belongs to another organization than the user")))
            }
            Some((name, _)) => Ok(name),
        }
    }

    /// Those that are there for users of a scope.
    #[must_use]
    pub fn within(self, scope: &Scope) -> Self {
        let profiles = self.profiles.into_iter().map(|(id, (name, owner))| (id, name, owner));
        profiles.filter(|(.., owner)| scope.shows(*owner)).collect()
    }

    /// Every profile with the organization that it belongs to, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (ProfileId, &str, Option<OrganizationId>)> {
        self.profiles.iter().map(|(id, (name, owner))| (*id, name.as_str(), *owner))
    }
}

impl FromIterator<(ProfileId, String, Option<OrganizationId>)> for Catalogue {
    fn from_iter<T: IntoIterator<Item = (ProfileId, String, Option<OrganizationId>)>>(profiles: T) -> Self {
        let mut all = Self::default();
        for (id, name, owner) in profiles {
            all.ids.insert(name.clone(), id);
            all.profiles.insert(id, (name, owner));
        }
        all
    }
}
