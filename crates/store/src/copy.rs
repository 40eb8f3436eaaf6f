//! Copying everything into another database, of whichever kind.
//!
//! The source is read in one unchanging state, the target is filled table by table in the order of the keys, a batch at a
//! time. A mark in the target says that it is half a copy: whoever opens it is told so, and an interrupted copy goes on
//! after the last row that is there. In the end both sides are read again and compared; only then the mark goes.

use std::collections::BTreeMap;
use std::path::Path;

use ::postgres::binary_copy::BinaryCopyInWriter;
use ::postgres::types::{ToSql, Type};
use rollcall_domain::{Act, Action, Deed, Run, RunId};

use crate::db::{Arg, Own, Tx, args};
use crate::sql::sql;
use crate::tables::{Sum, TABLES, Table};
use crate::{Location, Store, StoreError, audit, chunks, half_copy, import, json, runs};

/// Rows that are written in one transaction, unless they are long.
const ROWS: i64 = 20_000;
/// Bytes of text after which a transaction ends earlier.
const BYTES: usize = 32 << 20;
/// Between two words about how far a table has been read, in rows.
const STEP: u64 = 1_000;
/// A worker that has not been heard of for so many seconds is gone.
const SILENT: u64 = 60;

sql! {
    // Of two who would begin at once, the second goes on with what the first has begun. The number is "RoCa".
    ALONE = "SELECT 1" => "SELECT CAST(pg_advisory_xact_lock(1382433633) AS TEXT)";
    TAKE = "UPDATE rollcall_migration SET attempt = attempt + 1, source = ?1 RETURNING attempt";
    IS_OURS = "SELECT 1 FROM rollcall_migration WHERE attempt = ?1"
        => "SELECT 1 FROM rollcall_migration WHERE attempt = ?1 FOR UPDATE";
    SUMS = "SELECT sums FROM rollcall_migration";
    SET_SUMS = "UPDATE rollcall_migration SET sums = ?1";
    // What tells a server's databases, and servers, apart.
    IDENTITY = "SELECT ''"
        => "SELECT CAST(pg_postmaster_start_time() AS TEXT) || ' ' || oid FROM pg_database WHERE datname = current_database()";
}

/// A server closes sessions that do nothing in a transaction for a while, but this one waits for what it was read for.
const HOLD_STATE: &str =
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = 0";

/// What is being done to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It is read, to know what the copy has to be like.
    Reading,
    /// Its rows are copied.
    Copying,
    /// The copy is read.
    Verifying,
}

/// What is told while a database is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyEvent {
    /// How far it is.
    Step {
        /// What is being done.
        phase: Phase,
        /// To which table.
        table: &'static str,
        /// Rows that are done in this phase, those of all tables together.
        done: u64,
        /// All rows; 0 while nobody knows.
        total: u64,
    },
    /// An earlier attempt has copied something already.
    GoesOn,
    /// It had, but the source has changed since, in these tables: everything is copied anew.
    StartsOver(Vec<&'static str>),
}

/// What has become of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Its name.
    pub table: &'static str,
    /// What was to be copied.
    pub source: Sum,
    /// What was found in the copy.
    pub copy: Sum,
}

impl Copied {
    /// Whether the copy is the same as what it was made from.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.source == self.copy
    }
}

/// One state of a database, whatever others write meanwhile.
#[derive(Debug)]
pub struct Snapshot<'a> {
    store: &'a Store,
    connection: Own,
}

impl Store {
    /// The database as it is from the first look at it.
    pub fn snapshot(&self) -> Result<Snapshot<'_>, StoreError> {
        let connection = match self {
            Self::Sqlite(sqlite) => {
                let connection = sqlite.another()?;
                connection.execute_batch("BEGIN")?;
                Own::Sqlite(connection)
            }
            Self::Postgres(postgres) => {
                let connection = postgres.another()?;
                connection.batch(HOLD_STATE)?;
                Own::Postgres(Box::new(connection))
            }
        };
        Ok(Snapshot { store: self, connection })
    }

    /// What tells it apart from all other databases.
    fn identity(&self) -> Result<String, StoreError> {
        match self {
            Self::Sqlite(sqlite) => Ok(absolute(sqlite.path())),
            Self::Postgres(postgres) => postgres.read(|tx| tx.value(IDENTITY, &[])),
        }
    }
}

fn absolute(path: &Path) -> String {
    path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string()
}

impl Snapshot<'_> {
    /// Runs that have not ended.
    pub fn begun_runs(&self) -> Result<Vec<Run>, StoreError> {
        runs::begun(&self.connection.tx())
    }

    /// The runs of which something is leased, with the process that has it.
    pub fn leases(&self) -> Result<Vec<(RunId, String)>, StoreError> {
        chunks::leased(&self.connection.tx())
    }

    /// Copies everything to `to`, which is made if it is not there, has to be empty, or is half a copy already; every table
    /// is told about. If all are equal it can be used from then on, and that `act` made it is the next row of its audit log; if not, it is half a copy still, to be made anew.
    pub fn copy_to(
        &self,
        to: &Location,
        act: &Act<'_>,
        tell: &mut dyn FnMut(CopyEvent),
    ) -> Result<Vec<Copied>, StoreError> {
        let (target, _) = Store::create_for_copy(to)?;
        if target.identity()? == self.store.identity()? {
            return Err(StoreError::SameDatabase(to.to_string()));
        }
        if target.workers().all()?.iter().any(|worker| worker.silent < SILENT) {
            let why =
                format!("a worker waits at {to}: end it first, and start it again when everything is copied");
            return Err(StoreError::InUse(why));
        }
        let from = self.shown();
        let attempt = take(&target, &from)?;
        let sums = sums(&self.connection.tx(), Phase::Reading, 0, tell)?;
        let total = sums.iter().map(|sum| sum.rows).sum();
        let mut copy = Copy { source: self.connection.tx(), target, attempt, tell, total, done: 0 };
        copy.begin(&sums)?;
        for (table, sum) in TABLES.iter().zip(&sums) {
            copy.fill(table, sum)?;
        }
        copy.complete(&sums)?;
        copy.verify(sums, &from, act)
    }

    /// Where it is, for a command that may be typed in another folder.
    fn shown(&self) -> String {
        match self.store {
            Store::Sqlite(sqlite) => format!("sqlite:{}", absolute(sqlite.path())),
            Store::Postgres(_) => self.store.location().to_string(),
        }
    }
}

/// Makes sure that the target has nothing but what was copied to it, and that nobody else copies; the number of this attempt.
fn take(target: &Store, source: &str) -> Result<i64, StoreError> {
    target.write(|tx| {
        tx.first(ALONE, &[], |_| Ok(()))?;
        if !half_copy::is_marked(tx)? {
            for table in TABLES {
                if !table.is_empty(tx)? {
                    let location = target.location().to_string();
                    return Err(StoreError::Occupied { location, table: table.name });
                }
            }
            half_copy::mark(tx)?;
        }
        tx.value(TAKE, args![source])
    })
}

/// Reads all tables.
fn sums(
    tx: &Tx<'_>,
    phase: Phase,
    total: u64,
    tell: &mut dyn FnMut(CopyEvent),
) -> Result<Vec<Sum>, StoreError> {
    let mut before = 0;
    let sum = |table: &Table| {
        let mut tell = |rows| tell(CopyEvent::Step { phase, table: table.name, done: before + rows, total });
        tell(0);
        let sum = table.sum(tx, |rows| {
            if rows.is_multiple_of(STEP) {
                tell(rows);
            }
        })?;
        before += sum.rows;
        Ok(sum)
    };
    TABLES.iter().map(sum).collect()
}

/// A copy that is being made.
struct Copy<'a> {
    source: Tx<'a>,
    target: Store,
    attempt: i64,
    tell: &'a mut dyn FnMut(CopyEvent),
    total: u64,
    done: u64,
}

/// What one transaction has copied.
#[derive(Default)]
struct Batch {
    rows: u64,
    bytes: usize,
    last: Option<Vec<Arg<'static>>>,
}

impl Copy<'_> {
    /// Runs `work` in a transaction on the target, unless somebody else has begun to fill it.
    fn write<T>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.target.write(|tx| {
            if !half_copy::is_marked(tx)? || !tx.exists(IS_OURS, args![self.attempt])? {
                return Err(StoreError::Stale(self.target.location().to_string()));
            }
            work(tx)
        })
    }

    /// Goes on with what is there, or, if that is not what is being copied now, removes it.
    fn begin(&mut self, sums: &[Sum]) -> Result<(), StoreError> {
        let wanted: BTreeMap<&str, (u64, &str)> = TABLES
            .iter()
            .zip(sums)
            .map(|(table, sum)| (table.name, (sum.rows, sum.checksum.as_str())))
            .collect();
        let event = self.write(|tx| {
            let known: String = tx.value(SUMS, &[])?;
            let known: BTreeMap<String, (u64, String)> = json::read(&known)?;
            let same = |table: &&Table| {
                known.get(table.name).map(|(rows, sum)| (*rows, sum.as_str()))
                    == wanted.get(table.name).copied()
            };
            let changed: Vec<_> =
                TABLES.iter().filter(|table| !same(table)).map(|table| table.name).collect();
            if changed.is_empty() {
                return Ok(Some(CopyEvent::GoesOn));
            }
            clear(tx)?;
            tx.execute(SET_SUMS, args![json::write(&wanted)?])?;
            Ok((!known.is_empty()).then_some(CopyEvent::StartsOver(changed)))
        })?;
        event.into_iter().for_each(&mut self.tell);
        Ok(())
    }

    /// Copies what the target does not have yet of a table.
    fn fill(&mut self, table: &'static Table, sum: &Sum) -> Result<(), StoreError> {
        let (mut last, mut rows) = self.target.read(|tx| Ok((table.last_key(tx)?, table.count(tx)?)))?;
        loop {
            let done = self.done + rows;
            (self.tell)(CopyEvent::Step {
                phase: Phase::Copying,
                table: table.name,
                done,
                total: self.total,
            });
            if rows >= sum.rows {
                break;
            }
            let batch = self.write(|tx| batch(&self.source, tx, table, last.take()))?;
            if batch.rows == 0 {
                break;
            }
            rows += batch.rows;
            last = batch.last;
        }
        self.done += rows;
        Ok(())
    }

    /// What a database knows about its tables besides their rows.
    fn complete(&self, sums: &[Sum]) -> Result<(), StoreError> {
        self.write(|tx| {
            for (table, sum) in TABLES.iter().zip(sums) {
                table.go_on_after(tx, sum.highest)?;
            }
            match tx {
                Tx::Sqlite(_) => tx.batch(import::MEASURE),
                Tx::Postgres(pg) => pg.batch(&format!("ANALYZE {}", names(", "))),
            }
        })
    }

    /// Reads the copy. If it is equal it is a database like any other from now on.
    fn verify(self, sums: Vec<Sum>, from: &str, act: &Act<'_>) -> Result<Vec<Copied>, StoreError> {
        let found = self.target.read(|tx| self::sums(tx, Phase::Verifying, self.total, self.tell))?;
        let pairs = TABLES.iter().zip(sums.into_iter().zip(found));
        let copied: Vec<_> =
            pairs.map(|(table, (source, copy))| Copied { table: table.name, source, copy }).collect();
        let equal = copied.iter().all(Copied::is_equal);
        self.write(|tx| {
            if !equal {
                // Nothing is known any more about what is there: the next attempt starts over.
                return tx.execute(SET_SUMS, args!["{}"]).map(drop);
            }
            half_copy::unmark(tx)?;
            audit::record(tx, act, &Deed::new(Action::Migrate, "database").with("from", from))
        })?;
        Ok(copied)
    }
}

fn names(separator: &str) -> String {
    TABLES.iter().map(|table| table.name).collect::<Vec<_>>().join(separator)
}

/// Empties all tables.
fn clear(tx: &Tx<'_>) -> Result<(), StoreError> {
    audit::unguarded(tx, || match tx {
        Tx::Postgres(pg) => pg.batch(&format!("TRUNCATE {}", names(", "))),
        Tx::Sqlite(_) => TABLES.iter().rev().try_for_each(|table| {
            tx.execute(&format!("DELETE FROM {}", table.name), &[])?;
            Ok(())
        }),
    })
}

fn most_rows() -> i64 {
    fail::fail_point!("copy_rows", |rows| rows.and_then(|rows| rows.parse().ok()).unwrap_or(ROWS));
    ROWS
}

/// Copies the rows after key `after`.
fn batch(
    source: &Tx<'_>,
    target: &Tx<'_>,
    table: &'static Table,
    after: Option<Vec<Arg<'static>>>,
) -> Result<Batch, StoreError> {
    let next = table.next(after.is_some());
    let mut from = after.unwrap_or_default();
    from.push(Arg::Int(most_rows()));
    let mut batch = Batch::default();
    let mut read = |write: &mut dyn FnMut(&[Arg<'_>]) -> Result<(), StoreError>| {
        source.each_while(&next, &from, |row| {
            let row = table.read(row)?;
            write(&row)?;
            batch.rows += 1;
            batch.bytes += row.iter().map(text_bytes).sum::<usize>();
            let enough = batch.bytes >= BYTES;
            batch.last = Some(table.key_of(&row));
            Ok(!enough)
        })
    };
    match target {
        Tx::Sqlite(connection) => {
            let mut insert = connection.prepare_cached(&table.insert())?;
            read(&mut |row| Ok(insert.execute(rusqlite::params_from_iter(row)).map(drop)?))?;
        }
        Tx::Postgres(pg) => {
            let types: Vec<Type> = {
                let statement = pg.prepare(&table.next(false))?;
                statement.columns().iter().map(|column| column.type_().clone()).collect()
            };
            let mut client = pg.client();
            let copy = format!("COPY {} ({}) FROM STDIN BINARY", table.name, table.list());
            let mut writer = BinaryCopyInWriter::new(client.copy_in(&copy)?, &types);
            read(&mut |row| {
                check_nul(table, row)?;
                Ok(writer.write_raw(row.iter().map(|value| value as &(dyn ToSql + Sync)))?)
            })?;
            writer.finish()?;
        }
    }
    Ok(batch)
}

fn text_bytes(value: &Arg<'_>) -> usize {
    if let Arg::Text(text) = value { text.len() } else { 0 }
}

/// A file can keep a NUL character in a text, a server cannot.
fn check_nul(table: &'static Table, row: &[Arg<'_>]) -> Result<(), StoreError> {
    let has_nul = |value: &Arg<'_>| matches!(value, Arg::Text(text) if text.contains('\0'));
    let Some(at) = row.iter().position(has_nul) else { return Ok(()) };
    let shown = |value: Arg<'_>| match value {
        Arg::Int(number) => number.to_string(),
        Arg::Owned(text) => format!("{text:?}"),
        other => format!("{other:?}"),
    };
    let key = table.key_of(row).into_iter().map(shown).collect::<Vec<_>>().join(", ");
    Err(StoreError::Nul { table: table.name, column: table.column(at), key })
}
