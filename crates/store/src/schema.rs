//! Migrations: numbered files, in pairs of equal names, one of each pair for SQLite and one for PostgreSQL.

use rusqlite::{Connection, TransactionBehavior};

use crate::StoreError;
use crate::db::{Arg, Tx};
use crate::postgres::{PgConnection, in_transaction};
use crate::sqlite::Verdict;

macro_rules! migrations {
    ($($name:literal),*) => {
        /// In order; the position of the last is the schema's version.
        const SQLITE: &[&str] = &[$(include_str!(concat!("../migrations/sqlite/", $name, ".sql"))),*];
        const POSTGRES: &[&str] = &[$(include_str!(concat!("../migrations/postgres/", $name, ".sql"))),*];
    };
}

migrations!(
    "0001_initial",
    "0002_lists_and_scripts",
    "0003_life_of_a_run",
    "0004_chunks_and_workers",
    "0005_runs_without_references",
    "0006_administrators",
    "0007_audit",
    "0008_credentials"
);

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

/// Where PostgreSQL keeps the version: this table marks a database as Rollcall's.
const MARK: &str = "CREATE TABLE IF NOT EXISTS rollcall_schema (version BIGINT NOT NULL)";
/// Two processes do not migrate at once: the second finds it done. The number is "RoCa".
const LOCK: &str = "SELECT pg_advisory_xact_lock(1382433633)";
const IS_MARKED: &str = "SELECT 1 WHERE to_regclass('rollcall_schema') IS NOT NULL";
const PG_VERSION: &str = "SELECT coalesce(max(version), 0) FROM rollcall_schema";
const SET_VERSION: &str = "INSERT INTO rollcall_schema (version) VALUES (?)";

/// The schema's version on PostgreSQL; none if the database is not Rollcall's.
pub(crate) fn pg_version(tx: &Tx<'_>) -> Result<Option<i64>, StoreError> {
    if !tx.exists(IS_MARKED, &[])? {
        return Ok(None);
    }
    tx.value(PG_VERSION, &[]).map(Some)
}

/// The same on PostgreSQL. Says whether there was none before.
pub(crate) fn pg_migrate(connection: &PgConnection) -> Result<bool, StoreError> {
    let mut made = false;
    loop {
        let more = in_transaction(connection, "BEGIN", |tx| {
            tx.first(LOCK, &[], |_| Ok(()))?;
            connection.batch(MARK)?;
            let done: i64 = tx.value(PG_VERSION, &[])?;
            made |= done == 0;
            let Some(script) = usize::try_from(done).ok().and_then(|done| POSTGRES.get(done)) else {
                return Ok(Verdict::Keep(false));
            };
            connection.batch(script)?;
            tx.execute(SET_VERSION, &[Arg::Int(done + 1)])?;
            Ok(Verdict::Keep(true))
        })?;
        if !more {
            return Ok(made);
        }
    }
}
