use rollcall_domain::{
    Act, Action, Administrator, AdministratorId, Deed, Grant, OrganizationId, Rights, Timestamp,
};
use serde_json::json;

use crate::areas::Administrators;
use crate::columns::{Columns, at, read};
use crate::db::{Row, Tx, args, only};
use crate::sql::{sql, text};
use crate::{StoreError, audit, credentials};

/// The columns of an administrator, as [`read_row`] reads them.
const ADMINISTRATOR: Columns = Columns("id, name, created_at");

sql! {
    INSERT = "INSERT INTO administrators (name, created_at) VALUES (?1, ?2) RETURNING id";
    LIST = text!("SELECT ", ADMINISTRATOR.0, " FROM administrators WHERE removed_at IS NULL ORDER BY id");
    PAGE = text!("SELECT ", ADMINISTRATOR.0, " FROM administrators WHERE removed_at IS NULL AND id > ?1 ORDER BY id LIMIT ?2");
    BY_ID = text!("SELECT ", ADMINISTRATOR.0, " FROM administrators WHERE id = ?1 AND removed_at IS NULL");
    BY_NAME = text!("SELECT ", ADMINISTRATOR.0, " FROM administrators WHERE name = ?1 AND removed_at IS NULL");
    ANYBODY = "SELECT 1 FROM administrators WHERE removed_at IS NULL LIMIT 1";
    REMOVE = "UPDATE administrators SET removed_at = ?2 WHERE id = ?1 AND removed_at IS NULL";
    IS_THERE = "SELECT 1 FROM administrators WHERE id = ?1 AND removed_at IS NULL"
        => "SELECT 1 FROM administrators WHERE id = ?1 AND removed_at IS NULL FOR UPDATE";
    GRANTS = "SELECT role, organization_id FROM grants WHERE administrator_id = ?1 ORDER BY id";
    GIVE = "INSERT INTO grants (administrator_id, role, organization_id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    TAKE = "DELETE FROM grants WHERE administrator_id = ?1 AND role = ?2 AND organization_id IS NOT DISTINCT FROM ?3";
    TAKE_ALL = "DELETE FROM grants WHERE administrator_id = ?1";
    // Locked, so that of two who remove the last two the second sees the first.
    ADMINS = "SELECT administrator_id FROM grants WHERE role = 'admin' AND organization_id IS NULL ORDER BY id"
        => "SELECT administrator_id FROM grants WHERE role = 'admin' AND organization_id IS NULL ORDER BY id FOR UPDATE";
}

fn administrator(
    tx: &Tx<'_>,
    row: (AdministratorId, String, Timestamp),
) -> Result<Administrator, StoreError> {
    let (id, name, created_at) = row;
    let grants =
        tx.all(GRANTS, args![id], |row| Ok(read!(row, GRANTS => Grant { role, organization_id })))?;
    Ok(Administrator { id, name, created_at, rights: Rights::from_iter(grants) })
}

fn read_row(row: &Row<'_>) -> Result<(AdministratorId, String, Timestamp), StoreError> {
    let (id, name) = (row.get(at!(ADMINISTRATOR, "id"))?, row.get(at!(ADMINISTRATOR, "name"))?);
    Ok((id, name, row.get(at!(ADMINISTRATOR, "created_at"))?))
}

/// Refuses to take what would leave nobody who may do everything.
fn keep_an_admin(tx: &Tx<'_>, without: AdministratorId) -> Result<(), StoreError> {
    let admins: Vec<AdministratorId> = tx.all(ADMINS, &[], only)?;
    if admins.contains(&without) && admins.iter().all(|admin| *admin == without) {
        return Err(StoreError::InUse(
            "this is the last administrator who may do everything: grant 'admin' to somebody else first"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Refuses to go on with somebody who was removed; on a server, whoever else asks has to wait.
pub(crate) fn check_there(tx: &Tx<'_>, administrator: &Administrator) -> Result<(), StoreError> {
    if tx.exists(IS_THERE, args![administrator.id])? {
        return Ok(());
    }
    Err(StoreError::NoSuch(format!("administrator {:?}", administrator.name)))
}

/// The administrator of this number.
pub(crate) fn by_id(tx: &Tx<'_>, id: AdministratorId) -> Result<Option<Administrator>, StoreError> {
    let row = tx.first(BY_ID, args![id], read_row)?;
    row.map(|row| administrator(tx, row)).transpose()
}

pub(crate) fn is_there_anybody(tx: &Tx<'_>) -> Result<bool, StoreError> {
    tx.exists(ANYBODY, &[])
}

pub(crate) fn insert(
    tx: &Tx<'_>,
    name: &str,
    grants: &[Grant],
    now: Timestamp,
) -> Result<AdministratorId, StoreError> {
    let id = tx.value(INSERT, args![name, now]).map_err(|error: StoreError| match error.is_taken() {
        true => StoreError::Taken(format!("the administrator name {name:?}")),
        false => error,
    })?;
    grants.iter().try_for_each(|grant| give(tx, id, grant).map(drop))?;
    Ok(id)
}

impl Administrators<'_> {
    /// Adds an administrator with what they are granted; their number.
    pub fn add(&self, name: &str, grants: &[Grant], act: &Act<'_>) -> Result<AdministratorId, StoreError> {
        self.0.write(|tx| {
            let id = insert(tx, name, grants, act.at)?;
            let deed = deed(Action::AdministratorAdd, name).with("id", id).with("grants", json!(grants));
            audit::record(tx, act, &deed)?;
            Ok(id)
        })
    }

    /// Every administrator who is there, by number.
    pub fn all(&self) -> Result<Vec<Administrator>, StoreError> {
        self.0.read(|tx| {
            let rows = tx.all(LIST, &[], read_row)?;
            rows.into_iter().map(|row| administrator(tx, row)).collect()
        })
    }

    /// The next administrators who are there, after number `after`.
    pub fn page(&self, after: AdministratorId, limit: u32) -> Result<Vec<Administrator>, StoreError> {
        self.0.read(|tx| {
            let rows = tx.all(PAGE, args![after, limit], read_row)?;
            rows.into_iter().map(|row| administrator(tx, row)).collect()
        })
    }

    /// The administrator of this name.
    pub fn by_name(&self, name: &str) -> Result<Option<Administrator>, StoreError> {
        self.0.read(|tx| {
            let row = tx.first(BY_NAME, args![name], read_row)?;
            row.map(|row| administrator(tx, row)).transpose()
        })
    }

    /// The administrator of this number, unless they were removed.
    pub fn by_id(&self, id: AdministratorId) -> Result<Option<Administrator>, StoreError> {
        self.0.read(|tx| {
            let row = tx.first(BY_ID, args![id], read_row)?;
            row.map(|row| administrator(tx, row)).transpose()
        })
    }

    /// Grants a role; nothing happens if it is granted already.
    pub fn grant(&self, to: &Administrator, grant: &Grant, act: &Act<'_>) -> Result<(), StoreError> {
        self.0.write(|tx| {
            check_there(tx, to)?;
            match give(tx, to.id, grant)? {
                true => audit::record(tx, act, &granted(Action::Grant, to, grant)),
                false => Ok(()),
            }
        })
    }

    /// Takes a role that was granted; says whether it was. The last one who may do everything keeps that.
    pub fn revoke(&self, from: &Administrator, grant: &Grant, act: &Act<'_>) -> Result<bool, StoreError> {
        self.0.write(|tx| {
            check_there(tx, from)?;
            if *grant == Grant::EVERYTHING {
                keep_an_admin(tx, from.id)?;
            }
            let taken = tx.execute(TAKE, args![from.id, grant.role.name(), grant.organization_id])? > 0;
            if taken {
                audit::record(tx, act, &granted(Action::Revoke, from, grant))?;
            }
            Ok(taken)
        })
    }

    /// Removes an administrator with everything granted; not the last one who may do everything.
    pub fn remove(&self, who: &Administrator, act: &Act<'_>) -> Result<(), StoreError> {
        self.0.write(|tx| {
            check_there(tx, who)?;
            keep_an_admin(tx, who.id)?;
            tx.execute(TAKE_ALL, args![who.id])?;
            credentials::forget(tx, who.id)?;
            tx.execute(REMOVE, args![who.id, act.at])?;
            audit::record(tx, act, &deed(Action::AdministratorRemove, &who.name).with("id", who.id))
        })
    }
}

/// What is done to an administrator.
pub(crate) fn deed(action: Action, name: &str) -> Deed {
    Deed::new(action, format!("administrator {name}"))
}

fn granted(action: Action, to: &Administrator, grant: &Grant) -> Deed {
    deed(action, &to.name).within(grant.organization_id).with("id", to.id).with("role", grant.role.name())
}

/// Says whether it was not granted before.
fn give(tx: &Tx<'_>, id: AdministratorId, grant: &Grant) -> Result<bool, StoreError> {
    let organization: Option<OrganizationId> = grant.organization_id;
    Ok(tx.execute(GIVE, args![id, grant.role.name(), organization])? > 0)
}
