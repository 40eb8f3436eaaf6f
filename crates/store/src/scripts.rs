use rollcall_domain::{ScriptVersion, Timestamp};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::load::time;
use crate::{Store, StoreError, sql};

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
        saved_at: time(row.get(3)?)?,
        note: row.get(4)?,
        source: row.get(5)?,
    })
}

fn versions(tx: &Transaction<'_>, sql: &str, name: Option<&str>) -> Result<Vec<ScriptVersion>, StoreError> {
    let mut query = tx.prepare_cached(sql)?;
    let mut rows = match name {
        Some(name) => query.query([name])?,
        None => query.query([])?,
    };
    let mut versions = Vec::new();
    while let Some(row) = rows.next()? {
        versions.push(version(row)?);
    }
    Ok(versions)
}

impl Store {
    /// Saves `new` as the next version of its script, whatever number it has; the number that it got comes back.
    pub fn save_script(&self, new: &ScriptVersion) -> Result<i64, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.write(|tx| {
            let script: i64 = tx.query_row(REVIVE, [&new.script], |row| row.get(0))?;
            let number: i64 = tx.query_row(NEXT, [script], |row| row.get(0))?;
            let saved_at = new.saved_at.as_micros();
            tx.execute(INSERT, params![script, number, new.source, new.administrator, saved_at, new.note])?;
            Ok(number)
        })
    }

    /// A version of a script: the one of this number, removed or not, or the latest of a script that is there.
    pub fn script(&self, name: &str, number: Option<i64>) -> Result<Option<ScriptVersion>, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.read(|tx| {
            let found = match number {
                Some(number) => tx.query_row(NUMBERED, params![name, number], |row| Ok(version(row))),
                None => tx.query_row(LATEST, [name], |row| Ok(version(row))),
            };
            found.optional()?.transpose()
        })
    }

    /// The latest version of every script that is there, by name.
    pub fn scripts(&self) -> Result<Vec<ScriptVersion>, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.read(|tx| versions(tx, ALL, None))
    }

    /// Every version of a script, newest first, also of one that was removed.
    pub fn script_history(&self, name: &str) -> Result<Vec<ScriptVersion>, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.read(|tx| versions(tx, HISTORY, Some(name)))
    }

    /// Takes a script off the list; says whether it was there. Its versions stay.
    pub fn remove_script(&self, name: &str, now: Timestamp) -> Result<bool, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.write(|tx| Ok(tx.execute(REMOVE, params![name, now.as_micros()])? > 0))
    }
}
