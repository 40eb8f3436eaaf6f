//! The mark of half a copy: a table with one row, in a database into which another one is being copied. Whoever opens such
//! a database is told so.

use crate::StoreError;
use crate::db::Tx;
use crate::sql::sql;

/// The mark of half a copy, with one row: which attempt to make it is the last, of what, and that database's sums when
/// the first row was copied.
pub(crate) const MARK: &str =
    "CREATE TABLE rollcall_migration (attempt BIGINT NOT NULL, source TEXT NOT NULL, sums TEXT NOT NULL)";
const INSERT_MARK: &str = "INSERT INTO rollcall_migration (attempt, source, sums) VALUES (0, '', '{}')";
const REMOVE_MARK: &str = "DROP TABLE rollcall_migration";

sql! {
    IS_MARKED = "SELECT 1 FROM sqlite_schema WHERE name = 'rollcall_migration'"
        => "SELECT 1 WHERE to_regclass('rollcall_migration') IS NOT NULL";
    SOURCE = "SELECT source FROM rollcall_migration";
}

/// Whether the database is half a copy.
pub(crate) fn is_marked(tx: &Tx<'_>) -> Result<bool, StoreError> {
    tx.exists(IS_MARKED, &[])
}

/// Refuses half a copy.
pub(crate) fn refuse(tx: &Tx<'_>) -> Result<(), StoreError> {
    if !is_marked(tx)? {
        return Ok(());
    }
    Err(StoreError::HalfCopied { from: tx.value(SOURCE, &[])? })
}

/// Says that the database is half a copy from now on.
pub(crate) fn mark(tx: &Tx<'_>) -> Result<(), StoreError> {
    tx.execute(MARK, &[])?;
    tx.execute(INSERT_MARK, &[])?;
    Ok(())
}

/// Says that the copy is complete.
pub(crate) fn unmark(tx: &Tx<'_>) -> Result<(), StoreError> {
    tx.execute(REMOVE_MARK, &[]).map(drop)
}
