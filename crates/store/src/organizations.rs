use rollcall_domain::{Act, Action, Deed, Organization, OrganizationId, Scope};

use crate::db::{Row, Sql, Tx, args};
use crate::scope::{self, has};
use crate::{Store, StoreError, audit, sql};

sql! {
    INSERT = "INSERT INTO organizations (name) VALUES (?1) RETURNING id";
    BY_NAME = "SELECT id FROM organizations WHERE name = ?1";
    LIST = "SELECT id, name FROM organizations ORDER BY id";
    PAGE = concat!("SELECT id, name FROM organizations WHERE id > ?1 AND ", has!("?2", "id"), " ORDER BY id LIMIT ?3");
    RENAME = "UPDATE organizations SET name = ?2 WHERE name = ?1";
    REMOVE = "DELETE FROM organizations WHERE id = ?1";
    HAS_USERS = "SELECT 1 FROM users WHERE organization_id = ?1";
    HAS_PROFILES = "SELECT 1 FROM profiles WHERE organization_id = ?1";
    HAS_FILTERS = "SELECT 1 FROM filters WHERE organization_id = ?1";
    HAS_SCRIPTS = "SELECT 1 FROM scripts WHERE organization_id = ?1 AND removed_at IS NULL";
    HAS_GRANTS = "SELECT 1 FROM grants WHERE organization_id = ?1";
    FORGET_VERSIONS = "DELETE FROM script_versions WHERE script_id IN \
                       (SELECT id FROM scripts WHERE organization_id = ?1 AND removed_at IS NOT NULL)";
    FORGET_SCRIPTS = "DELETE FROM scripts WHERE organization_id = ?1 AND removed_at IS NOT NULL";
}

/// What keeps an organization from being removed.
const BELONGINGS: [(&str, Sql); 5] = [
    ("users", HAS_USERS),
    ("profiles", HAS_PROFILES),
    ("filters", HAS_FILTERS),
    ("scripts", HAS_SCRIPTS),
    ("administrators with roles in it", HAS_GRANTS),
];

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

/// The organization that something belongs to: the first two columns of its row, both null if it is everybody's.
pub(crate) fn owner(row: &Row<'_>) -> Result<Option<Organization>, StoreError> {
    let id: Option<OrganizationId> = row.get(0)?;
    id.map(|id| Ok(Organization { id, name: row.get(1)? })).transpose()
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

    /// The next organizations of a scope after number `after`.
    pub fn organizations_page(
        &self,
        scope: &Scope,
        after: OrganizationId,
        limit: u32,
    ) -> Result<Vec<Organization>, StoreError> {
        let values = args![after, scope::text(scope), limit];
        self.read(|tx| tx.all(PAGE, values, |row| Ok(Organization { id: row.get(0)?, name: row.get(1)? })))
    }

    /// Gives an organization another name.
    pub fn rename_organization(&self, name: &str, new: &str, act: &Act<'_>) -> Result<(), StoreError> {
        self.write(|tx| match tx.execute(RENAME, args![name, new]).map_err(taken(new))? {
            0 => Err(StoreError::NoSuch(format!("organization {name:?}"))),
            _ => audit::record(tx, act, &deed(Action::OrganizationRename, name).with("new", new)),
        })
    }

    /// Removes an organization that nothing belongs to, with its removed scripts: runs keep the text that they executed.
    pub fn remove_organization(&self, name: &str, act: &Act<'_>) -> Result<(), StoreError> {
        let in_use = |what: &str| {
            StoreError::InUse(format!("organization {name:?} still has {what}: remove them first"))
        };
        self.write(|tx| {
            let Some(id) = id_of(tx, name)? else {
                return Err(StoreError::NoSuch(format!("organization {name:?}")));
            };
            let mut kept = Vec::new();
            for (what, statement) in BELONGINGS {
                if tx.exists(statement, args![id])? {
                    kept.push(what);
                }
            }
            if !kept.is_empty() {
                return Err(in_use(&kept.join(", ")));
            }
            tx.execute(FORGET_VERSIONS, args![id])?;
            tx.execute(FORGET_SCRIPTS, args![id])?;
            match tx.execute(REMOVE, args![id]) {
                Ok(_) => audit::record(tx, act, &deed(Action::OrganizationRemove, name)),
                Err(error) if error.is_referenced() => Err(in_use("something")),
                Err(error) => Err(error),
            }
        })
    }
}
