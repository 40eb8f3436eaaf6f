use rollcall_domain::{Catalogue, Item, ItemKind, Operator, Profile, ProfileId};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::error::{is_referenced, is_taken};
use crate::{Store, StoreError, sql};

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

fn items(tx: &Transaction<'_>, profile: ProfileId, kind: ItemKind) -> Result<Vec<Item>, StoreError> {
    let mut query = tx.prepare_cached(ITEMS)?;
    let mut rows = query.query(params![profile, kind_number(kind)])?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        let operation = operator(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?;
        items.push(Item { attr: row.get(0)?, operation, value: row.get(2)? });
    }
    Ok(items)
}

pub(crate) fn catalogue(tx: &Transaction<'_>) -> Result<Catalogue, StoreError> {
    let mut list = tx.prepare_cached(LIST)?;
    let rows = list.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

impl Store {
    /// Adds a profile with its items; its number.
    pub fn add_profile(
        &self,
        short_name: &str,
        reply: &[Item],
        check: &[Item],
    ) -> Result<ProfileId, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.write(|tx| {
            let id = tx.query_row(INSERT, [short_name], |row| row.get(0)).map_err(|error| {
                if is_taken(&error) {
                    StoreError::Taken(format!("the profile name {short_name:?}"))
                } else {
                    error.into()
                }
            })?;
            for (kind, items) in [(ItemKind::Reply, reply), (ItemKind::Check, check)] {
                for (position, item) in (1_i64..).zip(items) {
                    let operation = item.operation.as_str();
                    tx.prepare_cached(INSERT_ITEM)?.execute(params![
                        id,
                        kind_number(kind),
                        position,
                        item.attr,
                        operation,
                        item.value
                    ])?;
                }
            }
            Ok(id)
        })
    }

    /// Every profile with its items, by number.
    pub fn profiles(&self) -> Result<Vec<Profile>, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.read(|tx| {
            let mut list = tx.prepare_cached(LIST)?;
            let rows = list.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let names: Vec<(ProfileId, String)> = rows.collect::<Result<_, _>>()?;
            let whole = |(id, short_name)| {
                let (reply, check) = (items(tx, id, ItemKind::Reply)?, items(tx, id, ItemKind::Check)?);
                Ok(Profile { id, short_name, reply, check })
            };
            names.into_iter().map(whole).collect()
        })
    }

    /// One profile by name.
    pub fn profile(&self, short_name: &str) -> Result<Option<Profile>, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.read(|tx| {
            let Some(id) = tx.query_row(BY_NAME, [short_name], |row| row.get(0)).optional()? else {
                return Ok(None);
            };
            let (reply, check) = (items(tx, id, ItemKind::Reply)?, items(tx, id, ItemKind::Check)?);
            Ok(Some(Profile { id, short_name: short_name.to_owned(), reply, check }))
        })
    }

    /// The numbers and names of all profiles.
    pub fn catalogue(&self) -> Result<Catalogue, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.read(catalogue)
    }

    /// Removes a profile that no user has.
    pub fn remove_profile(&self, short_name: &str) -> Result<(), StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.write(|tx| match tx.execute(REMOVE, [short_name]) {
            Ok(0) => Err(StoreError::NoSuch(format!("profile {short_name:?}"))),
            Ok(_) => Ok(()),
            Err(error) if is_referenced(&error) => {
                let users: i64 = tx.query_row(COUNT_USERS, [short_name], |row| row.get(0))?;
                Err(StoreError::InUse(format!(
                    "profile {short_name:?} is still assigned to {users} user{}: take it from them first",
                    if users == 1 { "" } else { "s" }
                )))
            }
            Err(error) => Err(error.into()),
        })
    }
}
