use rollcall_domain::{Act, Action, Deed, ScriptVersion};

use crate::db::{Row, args};
use crate::{Store, StoreError, audit, sql};

macro_rules! version_columns {
    () => {
        "SELECT s.name, v.number, v.administrator, v.saved_at, v.note, v.source FROM scripts s \
         JOIN script_versions v ON v.script_id = s.id "
    };
}

sql! {
    // A removed script of that name comes back, and its numbering goes on.
    REVIVE = "INSERT INTO scripts (name) VALUES (?1) ON CONFLICT (name) DO UPDATE SET removed_at = NULL RETURNING id";
    NEXT = "SELECT coalesce(max(number), 0) + 1 FROM script_versions WHERE script_id = ?1";
    INSERT = "INSERT INTO script_versions (script_id, number, source, administrator, saved_at, note) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    LATEST = concat!(version_columns!(), "WHERE s.name = ?1 AND s.removed_at IS NULL ORDER BY v.number DESC LIMIT 1");
    NUMBERED = concat!(version_columns!(), "WHERE s.name = ?1 AND v.number = ?2");
    HISTORY = concat!(version_columns!(), "WHERE s.name = ?1 ORDER BY v.number DESC");
    ALL = concat!(version_columns!(), "WHERE s.removed_at IS NULL AND v.number = \
                  (SELECT max(number) FROM script_versions WHERE script_id = s.id) ORDER BY s.name");
    REMOVE = "UPDATE scripts SET removed_at = ?2 WHERE name = ?1 AND removed_at IS NULL";
}

fn version(row: &Row<'_>) -> Result<ScriptVersion, StoreError> {
    Ok(ScriptVersion {
        script: row.get(0)?,
        version: row.get(1)?,
        administrator: row.get(2)?,
        saved_at: row.get(3)?,
        note: row.get(4)?,
        source: row.get(5)?,
    })
}

fn deed(action: Action, name: &str) -> Deed {
    Deed::new(action, format!("script {name}"))
}

impl Store {
    /// Saves `new` as the next version of its script, whatever number it has; the number that it got comes back.
    pub fn save_script(&self, new: &ScriptVersion, act: &Act<'_>) -> Result<i64, StoreError> {
        self.write(|tx| {
            let script: i64 = tx.value(REVIVE, args![&new.script])?;
            let number: i64 = tx.value(NEXT, args![script])?;
            let ScriptVersion { source, administrator, saved_at, note, .. } = new;
            tx.execute(INSERT, args![script, number, source, administrator, *saved_at, note])?;
            audit::record(tx, act, &deed(Action::ScriptSave, &new.script).with("version", number))?;
            Ok(number)
        })
    }

    /// A version of a script: the one of this number, removed or not, or the latest of a script that is there.
    pub fn script(&self, name: &str, number: Option<i64>) -> Result<Option<ScriptVersion>, StoreError> {
        self.read(|tx| match number {
            Some(number) => tx.first(NUMBERED, args![name, number], version),
            None => tx.first(LATEST, args![name], version),
        })
    }

    /// The latest version of every script that is there, by name.
    pub fn scripts(&self) -> Result<Vec<ScriptVersion>, StoreError> {
        self.read(|tx| tx.all(ALL, &[], version))
    }

    /// Every version of a script, newest first, also of one that was removed.
    pub fn script_history(&self, name: &str) -> Result<Vec<ScriptVersion>, StoreError> {
        self.read(|tx| tx.all(HISTORY, args![name], version))
    }

    /// Takes a script off the list; says whether it was there. Its versions stay.
    pub fn remove_script(&self, name: &str, act: &Act<'_>) -> Result<bool, StoreError> {
        self.write(|tx| {
            let removed = tx.execute(REMOVE, args![name, act.at])? > 0;
            if removed {
                audit::record(tx, act, &deed(Action::ScriptRemove, name))?;
            }
            Ok(removed)
        })
    }
}
