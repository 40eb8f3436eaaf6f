use rollcall_domain::{Act, Action, Catalogue, Deed, Item, ItemKind, Operator, Profile, ProfileId};

use crate::db::{Tx, args};
use crate::{Store, StoreError, audit, sql};

sql! {
    INSERT = "INSERT INTO profiles (short_name) VALUES (?1) RETURNING id";
    INSERT_ITEM = "INSERT INTO profile_items (profile_id, kind, position, attr, operation, value) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    LIST = "SELECT id, short_name FROM profiles ORDER BY id";
    BY_NAME = "SELECT id FROM profiles WHERE short_name = ?1";
    ITEMS = "SELECT attr, operation, value FROM profile_items WHERE profile_id = ?1 AND kind = ?2 ORDER BY position";
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

pub(crate) fn operator(text: &str) -> Result<Operator, StoreError> {
    Operator::parse(text).ok_or_else(|| StoreError::Corrupt(format!("the operator {text:?}")))
}

fn items(tx: &Tx<'_>, profile: ProfileId, kind: ItemKind) -> Result<Vec<Item>, StoreError> {
    tx.all(ITEMS, args![profile, kind_number(kind)], |row| {
        Ok(Item { attr: row.get(0)?, operation: operator(row.text(1)?)?, value: row.get(2)? })
    })
}

pub(crate) fn catalogue(tx: &Tx<'_>) -> Result<Catalogue, StoreError> {
    Ok(tx.all(LIST, &[], |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect())
}

fn deed(action: Action, name: &str) -> Deed {
    Deed::new(action, format!("profile {name}"))
}

impl Store {
    /// Adds a profile with its items; its number.
    pub fn add_profile(
        &self,
        short_name: &str,
        reply: &[Item],
        check: &[Item],
        act: &Act<'_>,
    ) -> Result<ProfileId, StoreError> {
        self.write(|tx| {
            let id: ProfileId = tx.value(INSERT, args![short_name]).map_err(|error| {
                if error.is_taken() {
                    StoreError::Taken(format!("the profile name {short_name:?}"))
                } else {
                    error
                }
            })?;
            for (kind, items) in [(ItemKind::Reply, reply), (ItemKind::Check, check)] {
                for (position, item) in (1_i64..).zip(items) {
                    let operation = item.operation.as_str();
                    let values = args![id, kind_number(kind), position, &item.attr, operation, &item.value];
                    tx.execute(INSERT_ITEM, values)?;
                }
            }
            audit::record(tx, act, &deed(Action::ProfileAdd, short_name).with("id", id))?;
            Ok(id)
        })
    }

    /// Every profile with its items, by number.
    pub fn profiles(&self) -> Result<Vec<Profile>, StoreError> {
        self.read(|tx| {
            let names: Vec<(ProfileId, String)> = tx.all(LIST, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let whole = |(id, short_name)| {
                let (reply, check) = (items(tx, id, ItemKind::Reply)?, items(tx, id, ItemKind::Check)?);
                Ok(Profile { id, short_name, reply, check })
            };
            names.into_iter().map(whole).collect()
        })
    }

    /// One profile by name.
    pub fn profile(&self, short_name: &str) -> Result<Option<Profile>, StoreError> {
        self.read(|tx| {
            let Some(id) = tx.first(BY_NAME, args![short_name], |row| row.get(0))? else {
                return Ok(None);
            };
            let (reply, check) = (items(tx, id, ItemKind::Reply)?, items(tx, id, ItemKind::Check)?);
            Ok(Some(Profile { id, short_name: short_name.to_owned(), reply, check }))
        })
    }

    /// The numbers and names of all profiles.
    pub fn catalogue(&self) -> Result<Catalogue, StoreError> {
        self.read(catalogue)
    }

    /// Removes a profile that no user has.
    pub fn remove_profile(&self, short_name: &str, act: &Act<'_>) -> Result<(), StoreError> {
        self.write(|tx| {
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
                Ok(_) => audit::record(tx, act, &deed(Action::ProfileRemove, short_name)),
                Err(error) if error.is_referenced() => Err(in_use("users")),
                Err(error) => Err(error),
            }
        })
    }
}
