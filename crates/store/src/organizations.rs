use rollcall_domain::{Act, Action, Deed, Organization, OrganizationId, Scope};

use crate::areas::Organizations;
use crate::columns::{Columns, at, read};
use crate::db::{Row, Tx, args, only};
use crate::scope::{self, has};
use crate::sql::{Sql, sql};
use crate::{StoreError, audit};

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
    tx.first(BY_NAME, args![name], only)
}

pub(crate) fn insert(tx: &Tx<'_>, name: &str) -> Result<OrganizationId, StoreError> {
    tx.value(INSERT, args![name]).map_err(taken(name))
}

/// The columns of the organization that something belongs to, both null if it is everybody's; `o` is the table.
pub(crate) const OWNER: Columns = Columns("o.id, o.name");

/// The organization that something belongs to, which [`OWNER`] reads.
pub(crate) fn owner(row: &Row<'_>) -> Result<Option<Organization>, StoreError> {
    let id: Option<OrganizationId> = row.get(at!(OWNER, "o.id"))?;
    id.map(|id| Ok(Organization { id, name: row.get(at!(OWNER, "o.name"))? })).transpose()
}

fn deed(action: Action, name: &str) -> Deed {
    Deed::new(action, format!("organization {name}"))
}

impl Organizations<'_> {
    /// Adds an organization; its number.
    pub fn add(&self, name: &str, act: &Act<'_>) -> Result<OrganizationId, StoreError> {
        self.0.write(|tx| {
            let id = insert(tx, name)?;
            audit::record(tx, act, &deed(Action::OrganizationAdd, name).within(Some(id)))?;
            Ok(id)
        })
    }

    /// Every organization, by number.
    pub fn all(&self) -> Result<Vec<Organization>, StoreError> {
        self.0.read(|tx| tx.all(LIST, &[], |row| Ok(read!(row, LIST => Organization { id, name }))))
    }

    /// The next organizations of a scope after number `after`.
    pub fn page(
        &self,
        scope: &Scope,
        after: OrganizationId,
        limit: u32,
    ) -> Result<Vec<Organization>, StoreError> {
        let values = args![after, scope::text(scope), limit];
        self.0.read(|tx| tx.all(PAGE, values, |row| Ok(read!(row, LIST => Organization { id, name }))))
    }

    /// Gives an organization another name.
    pub fn rename(&self, name: &str, new: &str, act: &Act<'_>) -> Result<(), StoreError> {
        self.0.write(|tx| match tx.execute(RENAME, args![name, new]).map_err(taken(new))? {
            0 => Err(StoreError::NoSuch(format!("organization {name:?}"))),
            _ => audit::record(tx, act, &deed(Action::OrganizationRename, name).with("new", new)),
        })
    }

    /// Removes an organization that nothing belongs to, with its removed scripts: runs keep the text that they executed.
    pub fn remove(&self, name: &str, act: &Act<'_>) -> Result<(), StoreError> {
        let in_use = |what: &str| {
            StoreError::InUse(format!("organization {name:?} still has {what}: remove them first"))
        };
        self.0.write(|tx| {
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
