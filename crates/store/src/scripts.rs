use rollcall_domain::{
    Act, Action, Deed, Organization, OrganizationId, SavedName, Scope, ScriptVersion, full_name,
};

use crate::areas::Scripts;
use crate::columns::{Columns, read};
use crate::db::{Row, args};
use crate::organizations::{OWNER, owner};
use crate::scope::{self, shows};
use crate::sql::{Sql, sql, text};
use crate::{Seen, StoreError, audit};

/// A script, whatever its versions are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedScript {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Whose it is; none: everybody's.
    pub organization: Option<Organization>,
    /// Whether it was taken off the list.
    pub removed: bool,
}

/// The start of a statement that gives versions of scripts, as [`version`] reads them.
const SELECT: Columns = Columns(text!(
    "SELECT ",
    OWNER.0,
    ", s.name, v.number, v.administrator, v.saved_at, v.note, v.source FROM scripts s \
     JOIN script_versions v ON v.script_id = s.id LEFT JOIN organizations o ON o.id = s.organization_id "
));

sql! {
    // A removed script of that name comes back, and its numbering goes on.
    REVIVE = "INSERT INTO scripts (organization_id, name) VALUES (?1, ?2) \
              ON CONFLICT (name, coalesce(organization_id, 0)) DO UPDATE SET removed_at = NULL RETURNING id";
    CURRENT = "SELECT max(v.number) FROM scripts s JOIN script_versions v ON v.script_id = s.id \
               WHERE s.name = ?1 AND s.organization_id IS NOT DISTINCT FROM ?2 AND s.removed_at IS NULL";
    NEXT = "SELECT coalesce(max(number), 0) + 1 FROM script_versions WHERE script_id = ?1";
    INSERT = "INSERT INTO script_versions (script_id, number, source, administrator, saved_at, note) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    NAMED = text!("SELECT ", OWNER.0, ", s.id, s.name, s.removed_at IS NOT NULL AS removed FROM scripts s \
             LEFT JOIN organizations o ON o.id = s.organization_id WHERE s.name = ?1 ORDER BY o.name");
    LATEST = text!(SELECT.0, "WHERE s.id = ?1 AND s.removed_at IS NULL ORDER BY v.number DESC LIMIT 1");
    NUMBERED = text!(SELECT.0, "WHERE s.id = ?1 AND v.number = ?2");
    HISTORY = text!(SELECT.0, "WHERE s.id = ?1 ORDER BY v.number DESC");
    ALL = text!(SELECT.0, "WHERE s.removed_at IS NULL AND v.number = \
                  (SELECT max(number) FROM script_versions WHERE script_id = s.id) ORDER BY s.name, coalesce(o.name, '')");
    PAGE = text!(SELECT.0, "WHERE (s.name, coalesce(o.name, '')) > (?1, ?2) AND ",
                   shows!("?3", "s.organization_id"), " AND s.removed_at IS NULL AND v.number = \
                   (SELECT max(number) FROM script_versions WHERE script_id = s.id) ORDER BY s.name, coalesce(o.name, '') LIMIT ?4");
    HISTORY_PAGE = text!(SELECT.0, "WHERE s.id = ?1 AND v.number < ?2 ORDER BY v.number DESC LIMIT ?3");
    REMOVE = "UPDATE scripts SET removed_at = ?2 WHERE id = ?1 AND removed_at IS NULL";
}

fn version(row: &Row<'_>) -> Result<ScriptVersion, StoreError> {
    Ok(read!(row, SELECT => ScriptVersion {
        script = "s.name", version = "number", administrator, saved_at, note, source;
        organization: owner(row)?,
    }))
}

fn saved(row: &Row<'_>) -> Result<SavedScript, StoreError> {
    Ok(read!(row, NAMED => SavedScript { id = "s.id", name = "s.name", removed; organization: owner(row)? }))
}

fn deed(action: Action, organization: Option<&Organization>, name: &str) -> Deed {
    Deed::new(action, format!("script {}", full_name(organization, name))).within(id(organization))
}

fn id(organization: Option<&Organization>) -> Option<OrganizationId> {
    organization.map(|organization| organization.id)
}

/// Nobody saves a script meanwhile. SQLite has one writer anyway.
const ALONE: Sql = Sql { sqlite: "", postgres: "LOCK TABLE scripts IN SHARE ROW EXCLUSIVE MODE" };

fn stale(organization: Option<&Organization>, name: &str) -> StoreError {
    StoreError::Stale(format!("script {:?}", full_name(organization, name)))
}

impl Scripts<'_> {
    /// Saves `new` as the next version of its script, whatever number it has; the number that it got comes back.
    /// [`StoreError::Stale`] if the latest version of what is on the list is not the one that was seen.
    pub fn save(&self, new: &ScriptVersion, seen: Seen<'_, i64>, act: &Act<'_>) -> Result<i64, StoreError> {
        self.0.write(|tx| {
            let organization = new.organization.as_ref();
            if seen != Seen::Anything {
                tx.batch(ALONE)?;
            }
            let current: Option<i64> = tx.value(CURRENT, args![&new.script, id(organization)])?;
            if !seen.is(current.as_ref()) {
                return Err(stale(organization, &new.script));
            }
            let script: i64 = tx.value(REVIVE, args![id(organization), &new.script])?;
            let number: i64 = tx.value(NEXT, args![script])?;
            let ScriptVersion { source, administrator, saved_at, note, .. } = new;
            tx.execute(INSERT, args![script, number, source, administrator, *saved_at, note])?;
            let deed = deed(Action::ScriptSave, organization, &new.script);
            audit::record(tx, act, &deed.with("version", number))?;
            Ok(number)
        })
    }

    /// The scripts of this name, also removed ones.
    pub fn named(&self, name: &str) -> Result<Vec<SavedScript>, StoreError> {
        self.0.read(|tx| tx.all(NAMED, args![name], saved))
    }

    /// A version of script `id`: the one of this number, removed or not, or the latest of a script that is there.
    pub fn by_id(&self, id: i64, number: Option<i64>) -> Result<Option<ScriptVersion>, StoreError> {
        self.0.read(|tx| match number {
            Some(number) => tx.first(NUMBERED, args![id, number], version),
            None => tx.first(LATEST, args![id], version),
        })
    }

    /// The latest version of every script that is there, by name.
    pub fn all(&self) -> Result<Vec<ScriptVersion>, StoreError> {
        self.0.read(|tx| tx.all(ALL, &[], version))
    }

    /// The next scripts that a scope shows after this name, an organization's or everybody's, by name: the latest versions.
    pub fn page(
        &self,
        scope: &Scope,
        after: SavedName<'_>,
        limit: u32,
    ) -> Result<Vec<ScriptVersion>, StoreError> {
        let after = [after.name, after.organization.unwrap_or_default()];
        self.0.read(|tx| tx.all(PAGE, args![after[0], after[1], scope::text(scope), limit], version))
    }

    /// The next versions of script `id` before version `before`, newest first, also if it was removed.
    pub fn history_page(&self, id: i64, before: i64, limit: u32) -> Result<Vec<ScriptVersion>, StoreError> {
        self.0.read(|tx| tx.all(HISTORY_PAGE, args![id, before, limit], version))
    }

    /// Every version of script `id`, newest first, also if it was removed.
    pub fn history(&self, id: i64) -> Result<Vec<ScriptVersion>, StoreError> {
        self.0.read(|tx| tx.all(HISTORY, args![id], version))
    }

    /// Takes a script off the list; says whether it was there. Its versions stay. [`StoreError::Stale`] if its latest
    /// version is not the one that was seen.
    pub fn remove(
        &self,
        script: &SavedScript,
        seen: Seen<'_, i64>,
        act: &Act<'_>,
    ) -> Result<bool, StoreError> {
        self.0.write(|tx| {
            let organization = script.organization.as_ref();
            if seen != Seen::Anything {
                tx.batch(ALONE)?;
            }
            let current: Option<i64> = tx.value(CURRENT, args![&script.name, id(organization)])?;
            if !seen.is(current.as_ref()) {
                return Err(stale(organization, &script.name));
            }
            let removed = tx.execute(REMOVE, args![script.id, act.at])? > 0;
            if removed {
                let deed = deed(Action::ScriptRemove, script.organization.as_ref(), &script.name);
                audit::record(tx, act, &deed)?;
            }
            Ok(removed)
        })
    }
}
