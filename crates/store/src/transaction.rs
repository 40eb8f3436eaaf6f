//! Transactions that write, on a connection of either kind.

use std::time::Instant;

use rusqlite::{Connection, TransactionBehavior};
use tracing::trace;

use crate::StoreError;
use crate::crash_point::crash_point;
use crate::db::Tx;
use crate::pg_connection::PgConnection;

/// How a transaction ends whose work has succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<T> {
    /// What it has written stays.
    Commit(T),
    /// It leaves nothing behind, for example since it was a rehearsal.
    RollBack(T),
}

/// Runs `work` in one write transaction of a connection, which is rolled back if it fails.
pub(crate) fn on_sqlite<T, E: From<StoreError>>(
    connection: &mut Connection,
    work: impl FnOnce(&Tx<'_>) -> Result<Decision<T>, E>,
) -> Result<T, E> {
    let begin = TransactionBehavior::Immediate;
    let transaction = connection.transaction_with_behavior(begin).map_err(StoreError::from)?;
    let began = Instant::now();
    match work(&Tx::Sqlite(&transaction))? {
        Decision::Commit(done) => {
            commit(transaction)?;
            trace!(millis = millis(began), "transaction committed");
            Ok(done)
        }
        Decision::RollBack(done) => Ok(done),
    }
}

/// For how long a transaction has had the database.
fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn commit(transaction: rusqlite::Transaction<'_>) -> Result<(), StoreError> {
    crash_point!("before_commit");
    transaction.commit()?;
    crash_point!("after_commit");
    Ok(())
}

/// Runs `work` in one transaction of a connection, which `begin` begins and which is rolled back if it fails.
pub(crate) fn on_postgres<T, E: From<StoreError>>(
    connection: &PgConnection,
    begin: &str,
    work: impl FnOnce(&Tx<'_>) -> Result<Decision<T>, E>,
) -> Result<T, E> {
    connection.batch(begin)?;
    let began = Instant::now();
    let done = work(&Tx::Postgres(connection)).and_then(|decision| Ok(end(connection, decision, began)?));
    if done.is_err() {
        // The first error counts; a connection that cannot even roll back is closed.
        let _ = connection.batch("ROLLBACK");
    }
    done
}

fn end<T>(connection: &PgConnection, decision: Decision<T>, began: Instant) -> Result<T, StoreError> {
    match decision {
        Decision::Commit(done) => {
            crash_point!("before_commit");
            connection.batch("COMMIT")?;
            crash_point!("after_commit");
            trace!(millis = millis(began), "transaction committed");
            Ok(done)
        }
        Decision::RollBack(done) => {
            connection.batch("ROLLBACK")?;
            Ok(done)
        }
    }
}
