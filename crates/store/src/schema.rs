//! Migrations: numbered files, in pairs of equal names, one of each pair for SQLite and one for PostgreSQL.

use rusqlite::{Connection, TransactionBehavior};
use tracing::debug;

use crate::StoreError;
use crate::db::{Arg, Tx};
use crate::pg_connection::PgConnection;
use crate::transaction::{self, Decision};

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
    "0008_credentials",
    "0009_owners",
    "0010_approvals",
    "0011_uploads",
    "0012_run_keys",
    "0013_radius",
    "0014_pages",
    "0015_timelines"
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
        debug!(version = done + 1, "schema migrated");
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
        let more = transaction::on_postgres(connection, "BEGIN", |tx| {
            tx.first(LOCK, &[], |_| Ok(()))?;
            connection.batch(MARK)?;
            let done: i64 = tx.value(PG_VERSION, &[])?;
            made |= done == 0;
            let Some(script) = usize::try_from(done).ok().and_then(|done| POSTGRES.get(done)) else {
                return Ok::<_, StoreError>(Decision::Commit(false));
            };
            connection.batch(script)?;
            tx.execute(SET_VERSION, &[Arg::Int(done + 1)])?;
            debug!(version = done + 1, "schema migrated");
            Ok(Decision::Commit(true))
        })?;
        if !more {
            return Ok(made);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn what_had_no_owner_is_everybodys_afterwards() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        let before = SQLITE.iter().position(|script| script.contains("CREATE TABLE owned_scripts")).unwrap();
        SQLITE[..before].iter().for_each(|script| connection.execute_batch(script).unwrap());
        connection.pragma_update(None, "user_version", before as i64).unwrap();
        connection
            .execute_batch(
                "INSERT INTO filters VALUES ('gold', 'klass eq \"gold\"', 'ana', 5);
                 INSERT INTO scripts (id, name, removed_at) VALUES (4, 'old', 9), (7, 'mark', NULL);
                 INSERT INTO script_versions VALUES (7, 1, 'pass', 'ana', 5, ''), (7, 2, 'skip', 'bo', 6, 'why'),
                                                    (4, 1, 'fail', 'ana', 1, '');",
            )
            .unwrap();
        migrate(&mut connection).unwrap();
        let all = |sql: &str| -> Vec<String> {
            let mut statement = connection.prepare(sql).unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        assert_eq!(
            all(
                "SELECT concat_ws('|', id, name, text, administrator, saved_at, organization_id) FROM filters"
            ),
            ["1|gold|klass eq \"gold\"|ana|5"]
        );
        assert_eq!(
            all(
                "SELECT concat_ws('|', s.id, s.name, s.removed_at, v.number, v.source, v.administrator, v.note) \
                 FROM scripts s JOIN script_versions v ON v.script_id = s.id ORDER BY s.id, v.number"
            ),
            ["4|old|9|1|fail|ana|", "7|mark|1|pass|ana|", "7|mark|2|skip|bo|why"]
        );
        assert_eq!(all("SELECT \"table\" FROM pragma_foreign_key_check"), [] as [&str; 0]);
        connection.execute_batch("INSERT INTO script_versions VALUES (5, 1, '', '', 0, '')").unwrap_err();
        connection.execute_batch("INSERT INTO scripts (name) VALUES ('mark')").unwrap_err();
        connection.execute_batch("INSERT INTO scripts (name) VALUES ('new')").unwrap();
        assert_eq!(all("SELECT CAST(max(id) AS TEXT) FROM scripts"), ["8"], "numbers go on");
    }
}
