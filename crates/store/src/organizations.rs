use rollcall_domain::{Organization, OrganizationId};
use rusqlite::{OptionalExtension, Transaction};

use crate::error::{is_referenced, is_taken};
use crate::{Store, StoreError, sql};

sql! {
    INSERT = "INSERT INTO organizations (name) VALUES (?1) RETURNING id";
    BY_NAME = "SELECT id FROM organizations WHERE name = ?1";
    LIST = "SELECT id, name FROM organizations ORDER BY id";
    RENAME = "UPDATE organizations SET name = ?2 WHERE name = ?1";
    REMOVE = "DELETE FROM organizations WHERE name = ?1";
}

fn taken(name: &str) -> impl Fn(rusqlite::Error) -> StoreError + '_ {
    move |error| match is_taken(&error) {
        true => StoreError::Taken(format!("the organization name {name:?}")),
        false => error.into(),
    }
}

pub(crate) fn id_of(tx: &Transaction<'_>, name: &str) -> Result<Option<OrganizationId>, StoreError> {
    Ok(tx.prepare_cached(BY_NAME)?.query_row([name], |row| row.get(0)).optional()?)
}

pub(crate) fn insert(tx: &Transaction<'_>, name: &str) -> Result<OrganizationId, StoreError> {
    tx.prepare_cached(INSERT)?.query_row([name], |row| row.get(0)).map_err(taken(name))
}

impl Store {
    /// Adds an organization; its number.
    pub fn add_organization(&self, name: &str) -> Result<OrganizationId, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.write(|tx| insert(tx, name))
    }

    /// Every organization, by number.
    pub fn organizations(&self) -> Result<Vec<Organization>, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.read(|tx| {
            let mut list = tx.prepare_cached(LIST)?;
            let rows = list.query_map([], |row| Ok(Organization { id: row.get(0)?, name: row.get(1)? }))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Gives an organization another name.
    pub fn rename_organization(&self, name: &str, new: &str) -> Result<(), StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.write(|tx| match tx.execute(RENAME, [name, new]).map_err(taken(new))? {
            0 => Err(StoreError::NoSuch(format!("organization {name:?}"))),
            _ => Ok(()),
        })
    }

    /// Removes an organization that has no users and no runs.
    pub fn remove_organization(&self, name: &str) -> Result<(), StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.write(|tx| match tx.execute(REMOVE, [name]) {
            Ok(0) => Err(StoreError::NoSuch(format!("organization {name:?}"))),
            Ok(_) => Ok(()),
            Err(error) if is_referenced(&error) => Err(StoreError::InUse(format!(
                "organization {name:?} still has users: move or remove them first"
            ))),
            Err(error) => Err(error.into()),
        })
    }
}
