use rollcall_domain::{Act, Action, Deed, Organization, OrganizationId};

use crate::db::{Tx, args};
use crate::{Store, StoreError, audit, sql};

sql! {
    INSERT = "INSERT INTO organizations (name) VALUES (?1) RETURNING id";
    BY_NAME = "SELECT id FROM organizations WHERE name = ?1";
    LIST = "SELECT id, name FROM organizations ORDER BY id";
    RENAME = "UPDATE organizations SET name = ?2 WHERE name = ?1";
    REMOVE = "DELETE FROM organizations WHERE name = ?1";
}

fn taken(name: &str) -> impl Fn(StoreError) -> StoreError + '_ {
    move |error| {
        if error.is_taken() { StoreError::Taken(format!("the organization name {name:?}")) } else { error }
    }
}

pub(crate) fn id_of(tx: &Tx<'_>, name: &str) -> Result<Option<OrganizationId>, StoreError> {
    tx.first(BY_NAME, args![name], |row| row.get(0))
}

pub(crate) fn insert(tx: &Tx<'_>, name: &str) -> Result<OrganizationId, StoreError> {
    tx.value(INSERT, args![name]).map_err(taken(name))
}

fn deed(action: Action, name: &str) -> Deed {
    Deed::new(action, format!("organization {name}"))
}

impl Store {
    /// Adds an organization; its number.
    pub fn add_organization(&self, name: &str, act: &Act<'_>) -> Result<OrganizationId, StoreError> {
        self.write(|tx| {
            let id = insert(tx, name)?;
            audit::record(tx, act, &deed(Action::OrganizationAdd, name).within(Some(id)))?;
            Ok(id)
        })
    }

    /// Every organization, by number.
    pub fn organizations(&self) -> Result<Vec<Organization>, StoreError> {
        self.read(|tx| tx.all(LIST, &[], |row| Ok(Organization { id: row.get(0)?, name: row.get(1)? })))
    }

    /// Gives an organization another name.
    pub fn rename_organization(&self, name: &str, new: &str, act: &Act<'_>) -> Result<(), StoreError> {
        self.write(|tx| match tx.execute(RENAME, args![name, new]).map_err(taken(new))? {
            0 => Err(StoreError::NoSuch(format!("organization {name:?}"))),
            _ => audit::record(tx, act, &deed(Action::OrganizationRename, name).with("new", new)),
        })
    }

    /// Removes an organization that has no users and no runs.
    pub fn remove_organization(&self, name: &str, act: &Act<'_>) -> Result<(), StoreError> {
        self.write(|tx| match tx.execute(REMOVE, args![name]) {
            Ok(0) => Err(StoreError::NoSuch(format!("organization {name:?}"))),
            Ok(_) => audit::record(tx, act, &deed(Action::OrganizationRemove, name)),
            Err(error) if error.is_referenced() => Err(StoreError::InUse(format!(
                "organization {name:?} still has users: move or remove them first"
            ))),
            Err(error) => Err(error),
        })
    }
}
