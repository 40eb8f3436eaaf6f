//! Migrations: numbered files, in pairs of equal names once there are two databases.

use rusqlite::{Connection, TransactionBehavior};

use crate::StoreError;

/// In order; the position of the last is the schema's version.
const SQLITE: &[&str] = &[
    include_str!("../migrations/sqlite/0001_initial.sql"),
    include_str!("../migrations/sqlite/0002_lists_and_scripts.sql"),
    include_str!("../migrations/sqlite/0003_life_of_a_run.sql"),
];

/// The version that this program needs.
pub(crate) const VERSION: i64 = SQLITE.len() as i64;

/// "RoCa": marks a SQLite file as Rollcall's.
pub(crate) const APPLICATION_ID: i32 = 0x526f_4361;

pub(crate) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

pub(crate) fn application_id(connection: &Connection) -> rusqlite::Result<i32> {
    connection.query_row("PRAGMA application_id", [], |row| row.get(0))
}

/// Brings the schema to this program's version, one transaction a step.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    loop {
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = version(&step)?;
        let Some(script) = usize::try_from(done).ok().and_then(|done| SQLITE.get(done)) else {
            return Ok(());
        };
        step.execute_batch(script)?;
        step.pragma_update(None, "application_id", APPLICATION_ID)?;
        step.pragma_update(None, "user_version", done + 1)?;
        step.commit()?;
    }
}
