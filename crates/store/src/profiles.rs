use rollcall_domain::{
    Act, Action, Catalogue, Deed, Item, ItemKind, Organization, OrganizationId, Profile, ProfileId, Scope,
};

use crate::areas::Profiles;
use crate::columns::{Columns, at, read};
use crate::db::{Row, Tx, args};
use crate::organizations::{OWNER, owner};
use crate::scope::{self, shows};
use crate::sql::{sql, text};
use crate::{StoreError, audit};

/// The start of a statement that gives profiles, as [`without_items`] reads them.
const SELECT: Columns = Columns(text!(
    "SELECT ",
    OWNER.0,
    ", p.id, p.short_name FROM profiles p LEFT JOIN organizations o ON o.id = p.organization_id "
));

sql! {
    INSERT = "INSERT INTO profiles (short_name, organization_id) VALUES (?1, ?2) RETURNING id";
    INSERT_ITEM = "INSERT INTO profile_items (profile_id, kind, position, attr, operation, value) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    CATALOGUE = "SELECT id, short_name, organization_id FROM profiles ORDER BY id";
    LIST = text!(SELECT.0, "ORDER BY p.id");
    PAGE = text!(SELECT.0, "WHERE p.id > ?1 AND ", shows!("?2", "p.organization_id"), " ORDER BY p.id LIMIT ?3");
    BY_NAME = text!(SELECT.0, "WHERE p.short_name = ?1");
    ITEMS = "SELECT attr, operation, value FROM profile_items WHERE profile_id = ?1 AND kind = ?2 ORDER BY position";
    // Of two who edit a profile the second sees what the first has written.
    LOCK = "SELECT 1 FROM profiles WHERE id = ?1" => "SELECT 1 FROM profiles WHERE id = ?1 FOR NO KEY UPDATE";
    REMOVE_ITEMS = "DELETE FROM profile_items WHERE profile_id = ?1";
    REMOVE = "DELETE FROM profiles WHERE short_name = ?1";
    COUNT_USERS = "SELECT count(*) FROM user_profiles p JOIN profiles n ON n.id = p.profile_id WHERE n.short_name = ?1";
}

/// As `kind` columns have it.
pub(crate) fn kind_number(kind: ItemKind) -> i64 {
    match kind {
        ItemKind::Reply => 0,
        ItemKind::Check => 1,
    }
}

fn items(tx: &Tx<'_>, profile: ProfileId, kind: ItemKind) -> Result<Vec<Item>, StoreError> {
    tx.all(ITEMS, args![profile, kind_number(kind)], |row| {
        Ok(read!(row, ITEMS => Item { attr, operation, value }))
    })
}

fn without_items(row: &Row<'_>) -> Result<Profile, StoreError> {
    let organization: Option<Organization> = owner(row)?;
    Ok(
        read!(row, SELECT => Profile { id = "p.id", short_name; organization: organization, reply: Vec::new(), check: Vec::new() }),
    )
}

fn with_items(tx: &Tx<'_>, profile: Profile) -> Result<Profile, StoreError> {
    let (reply, check) = (items(tx, profile.id, ItemKind::Reply)?, items(tx, profile.id, ItemKind::Check)?);
    Ok(Profile { reply, check, ..profile })
}

pub(crate) fn catalogue(tx: &Tx<'_>) -> Result<Catalogue, StoreError> {
    let profiles = tx.all(CATALOGUE, &[], |row| {
        let id = row.get(at!(CATALOGUE, "id"))?;
        Ok((id, row.get(at!(CATALOGUE, "short_name"))?, row.get(at!(CATALOGUE, "organization_id"))?))
    })?;
    Ok(profiles.into_iter().collect())
}

fn insert_items(tx: &Tx<'_>, id: ProfileId, [reply, check]: [&[Item]; 2]) -> Result<(), StoreError> {
    for (kind, items) in [(ItemKind::Reply, reply), (ItemKind::Check, check)] {
        for (position, item) in (1_i64..).zip(items) {
            let operation = item.operation.as_str();
            let values = args![id, kind_number(kind), position, &item.attr, operation, &item.value];
            tx.execute(INSERT_ITEM, values)?;
        }
    }
    Ok(())
}

/// Refuses to go on with a profile that is not as it was seen.
fn check_unchanged(tx: &Tx<'_>, seen: &Profile) -> Result<(), StoreError> {
    tx.first(LOCK, args![seen.id], |_| Ok(()))?;
    let found = tx.first(BY_NAME, args![&seen.short_name], without_items)?;
    match found.map(|profile| with_items(tx, profile)).transpose()? {
        None => Err(StoreError::NoSuch(format!("profile {:?}", seen.short_name))),
        Some(found) if found == *seen => Ok(()),
        Some(_) => Err(StoreError::Stale(format!("profile {:?}", seen.short_name))),
    }
}

fn deed(action: Action, name: &str) -> Deed {
    Deed::new(action, format!("profile {name}"))
}

/// Adds a profile with its items; its number.
pub(crate) fn insert(
    tx: &Tx<'_>,
    short_name: &str,
    organization: Option<OrganizationId>,
    items: [&[Item]; 2],
) -> Result<ProfileId, StoreError> {
    let id: ProfileId = tx.value(INSERT, args![short_name, organization]).map_err(|error| {
        if error.is_taken() { StoreError::Taken(format!("the profile name {short_name:?}")) } else { error }
    })?;
    insert_items(tx, id, items)?;
    Ok(id)
}

impl Profiles<'_> {
    /// Adds a profile with its items, of an organization or everybody's; its number.
    pub fn add(
        &self,
        short_name: &str,
        organization: Option<OrganizationId>,
        items: [&[Item]; 2],
        act: &Act<'_>,
    ) -> Result<ProfileId, StoreError> {
        self.0.write(|tx| {
            let id = insert(tx, short_name, organization, items)?;
            let deed = deed(Action::ProfileAdd, short_name).within(organization);
            audit::record(tx, act, &deed.with("id", id))?;
            Ok(id)
        })
    }

    /// Every profile with its items, by number.
    pub fn all(&self) -> Result<Vec<Profile>, StoreError> {
        self.0.read(|tx| {
            let all = tx.all(LIST, &[], without_items)?;
            all.into_iter().map(|profile| with_items(tx, profile)).collect()
        })
    }

    /// The next profiles that a scope shows after number `after`, with their items.
    pub fn page(&self, scope: &Scope, after: ProfileId, limit: u32) -> Result<Vec<Profile>, StoreError> {
        self.0.read(|tx| {
            let page = tx.all(PAGE, args![after, scope::text(scope), limit], without_items)?;
            page.into_iter().map(|profile| with_items(tx, profile)).collect()
        })
    }

    /// One profile by name.
    pub fn by_name(&self, short_name: &str) -> Result<Option<Profile>, StoreError> {
        self.0.read(|tx| {
            let found = tx.first(BY_NAME, args![short_name], without_items)?;
            found.map(|profile| with_items(tx, profile)).transpose()
        })
    }

    /// The numbers and names of all profiles.
    pub fn catalogue(&self) -> Result<Catalogue, StoreError> {
        self.0.read(catalogue)
    }

    /// Gives a profile other items, as it was seen: whoever has it has these from then on.
    pub fn edit(&self, seen: &Profile, items: [&[Item]; 2], act: &Act<'_>) -> Result<(), StoreError> {
        let owner = seen.organization.as_ref().map(|organization| organization.id);
        self.0.write(|tx| {
            check_unchanged(tx, seen)?;
            tx.execute(REMOVE_ITEMS, args![seen.id])?;
            insert_items(tx, seen.id, items)?;
            let shown = |items: &[Item]| items.iter().map(ToString::to_string).collect::<Vec<_>>();
            let deed = deed(Action::ProfileEdit, &seen.short_name).within(owner).with("id", seen.id);
            audit::record(tx, act, &deed.with("reply", shown(items[0])).with("check", shown(items[1])))
        })
    }

    /// Removes a profile that no user has, as it was seen.
    pub fn remove(&self, profile: &Profile, act: &Act<'_>) -> Result<(), StoreError> {
        let short_name = profile.short_name.as_str();
        let owner = profile.organization.as_ref().map(|organization| organization.id);
        self.0.write(|tx| {
            check_unchanged(tx, profile)?;
            let users: i64 = tx.value(COUNT_USERS, args![short_name])?;
            let in_use = |users: &str| {
                StoreError::InUse(format!(
                    "profile {short_name:?} is still assigned to {users}: take it from them first"
                ))
            };
            match users {
                0 => {}
                1 => return Err(in_use("1 user")),
                users => return Err(in_use(&format!("{users} users"))),
            }
            match tx.execute(REMOVE, args![short_name]) {
                Ok(0) => Err(StoreError::NoSuch(format!("profile {short_name:?}"))),
                Ok(_) => audit::record(tx, act, &deed(Action::ProfileRemove, short_name).within(owner)),
                Err(error) if error.is_referenced() => Err(in_use("users")),
                Err(error) => Err(error),
            }
        })
    }
}
