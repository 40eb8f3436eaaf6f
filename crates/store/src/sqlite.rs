//! Connections to a SQLite file: one that writes, and as many as needed that read.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::db::Tx;
use crate::transaction::{self, Decision};
use crate::{StoreError, half_copy, modes, schema};

/// Another process may hold the write lock for the length of an import.
pub(crate) const BUSY: Duration = Duration::from_secs(30);

/// A SQLite database.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    writer: Mutex<Connection>,
    idle_readers: Mutex<Vec<Connection>>,
}

impl Sqlite {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing(path.to_owned()));
        }
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let failed = |error| StoreError::opening(path, error);
        if schema::application_id(&connection).map_err(failed)? != schema::APPLICATION_ID {
            return Err(StoreError::Foreign(path.to_owned()));
        }
        let found = schema::version(&connection).map_err(failed)?;
        check_version(path, found)?;
        if found < schema::VERSION {
            return Err(StoreError::Older { path: path.to_owned(), found, known: schema::VERSION });
        }
        half_copy::refuse(&Tx::Sqlite(&connection))?;
        Self::new(path, connection)
    }

    pub(crate) fn create(path: &Path) -> Result<(Self, bool), StoreError> {
        let made = !path.exists();
        if made {
            // If that cannot be, SQLite says why.
            let _ = modes::create(path);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut connection = connect(path, flags)?;
        let failed = |error| StoreError::opening(path, error);
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(failed)?;
        if tables > 0 && schema::application_id(&connection).map_err(failed)? != schema::APPLICATION_ID {
            return Err(StoreError::Foreign(path.to_owned()));
        }
        check_version(path, schema::version(&connection).map_err(failed)?)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        schema::migrate(&mut connection)?;
        Ok((Self::new(path, connection)?, made))
    }

    fn new(path: &Path, connection: Connection) -> Result<Self, StoreError> {
        // Better said now than in the middle of something.
        if connection.is_readonly(rusqlite::MAIN_DB).map_err(|error| StoreError::opening(path, error))? {
            return Err(StoreError::Unwritable { path: path.to_owned(), why: "it is read-only".to_owned() });
        }
        modes::keep_group(path);
        Ok(Self {
            path: path.to_owned(),
            writer: Mutex::new(connection),
            idle_readers: Mutex::new(Vec::new()),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` in one write transaction, which is rolled back unless it succeeds and wants to be kept.
    pub(crate) fn write<T, E: From<StoreError>>(
        &self,
        patience: Duration,
        work: impl FnOnce(&Tx<'_>) -> Result<Decision<T>, E>,
    ) -> Result<T, E> {
        let mut writer = lock(&self.writer);
        writer.busy_timeout(patience).map_err(StoreError::from)?;
        transaction::on_sqlite(&mut writer, work)
    }

    /// A connection of its own, for what must not hold up the others.
    pub(crate) fn another(&self) -> Result<Connection, StoreError> {
        connect(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    /// Runs `work` on one unchanging state of the database.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = lock(&self.idle_readers).pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None => self.another()?,
        };
        let transaction = reader.transaction_with_behavior(TransactionBehavior::Deferred)?;
        let done = work(&Tx::Sqlite(&transaction));
        drop(transaction);
        lock(&self.idle_readers).push(reader);
        done
    }
}

/// A panic elsewhere leaves a connection as usable as it was: its transaction was rolled back.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn check_version(path: &Path, found: i64) -> Result<(), StoreError> {
    if found > schema::VERSION {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: schema::VERSION });
    }
    Ok(())
}

pub(crate) fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let failed = |error| StoreError::opening(path, error);
    let connection =
        Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(64);
    // FULL: a committed chunk survives a power cut. The large checkpoint interval keeps a bulk run from copying the
    // same pages into the file over and over.
    connection
        .execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 20000; \
             PRAGMA cache_size = -16384;",
        )
        .map_err(failed)?;
    Ok(connection)
}
