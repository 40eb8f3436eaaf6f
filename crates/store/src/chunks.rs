//! Who executes which part of a run.
//!
//! What is left of a run lies in chunks. Whoever wants to execute some of it leases a chunk that nobody has, or half of
//! the one whose holder has most left to do; so the work is shared evenly however fast each is, with a lease now and then
//! instead of one every few targets. A chunk has another number whenever it changes hands, and the commit of outcomes
//! asks for the number: what a holder writes whose lease has ended and was given to another is refused.
//!
//! Leases end by the clock of the database where that is a server, since those of several machines may differ.

use std::time::Duration;

use rollcall_domain::{Run, RunId, RunState, Tally, Timestamp};
use tracing::{debug, trace};

use crate::StoreError;
use crate::areas::Chunks;
use crate::columns::{Columns, at, read};
use crate::counters::{COUNTERS, read_counters};
use crate::db::{Row, Tx, args, only};
use crate::sql::{sql, text};

/// The present moment on SQLite, in microseconds.
pub(crate) const NOW: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";

macro_rules! pg_until {
    ($micros:literal) => {
        concat!("clock_timestamp() + CAST(", $micros, " AS BIGINT) * interval '1 microsecond'")
    };
}

// A chunk is shared if it keeps its holder busy for two seconds or more. Of one that has not said yet how long a target
// takes, that is thought to be the case from 4,000 on. Several rows of one user build on each other: such a run is not
// shared.
macro_rules! shared {
    ($run:literal) => {
        concat!(
            "run_id = ",
            $run,
            " AND last - done >= 2 AND (last - done) * coalesce(pace, 500) >= 2000000 \
             AND NOT (SELECT repeats FROM runs WHERE id = ",
            $run,
            ")"
        )
    };
}
pub(crate) use shared;

/// What is read of a chunk that is to be leased.
const CHUNK: Columns = Columns("id, done, last");

sql! {
    OPEN_CHUNK = "INSERT INTO chunks (run_id, done, last) VALUES (?1, ?2, ?3)";
    IS_OURS = "SELECT 1 FROM runs WHERE id = ?1 AND state = 'running' AND token = ?2";
    FREE = text!("SELECT ", CHUNK.0, " FROM chunks WHERE run_id = ?1 AND (holder IS NULL OR leased_until <= ", NOW, ") \
                    ORDER BY done LIMIT 1")
        => text!("SELECT ", CHUNK.0, " FROM chunks WHERE run_id = ?1 AND (holder IS NULL OR leased_until <= clock_timestamp()) \
            ORDER BY done LIMIT 1 FOR UPDATE SKIP LOCKED");
    LONGEST = text!("SELECT ", CHUNK.0, " FROM chunks WHERE ", shared!("?1"), " \
                       ORDER BY (last - done) * coalesce(pace, 500) DESC LIMIT 1")
        => text!("SELECT ", CHUNK.0, " FROM chunks WHERE ", shared!("?1"), " \
                    ORDER BY (last - done) * coalesce(pace, 500) DESC LIMIT 1 FOR UPDATE SKIP LOCKED");
    SHORTEN = "UPDATE chunks SET last = ?2 WHERE id = ?1";
    REMOVE = "DELETE FROM chunks WHERE id = ?1";
    HAND_OUT = text!("INSERT INTO chunks (run_id, done, last, holder, leased_until) VALUES (?1, ?2, ?3, ?4, ", NOW, " + ?5) \
                        RETURNING id")
        => text!("INSERT INTO chunks (run_id, done, last, holder, leased_until) VALUES (?1, ?2, ?3, ?4, ", pg_until!("?5"), ") \
                    RETURNING id");
    IS_HELD = "UPDATE runs SET holder = ?2, leased_until = ?3 WHERE id = ?1 AND state = 'running'";
    PUT_DOWN = "DELETE FROM chunks WHERE id = ?1 RETURNING run_id, done, last";
    IS_LEFT = "UPDATE runs SET holder = NULL, leased_until = NULL WHERE id = ?1 AND state = 'running' AND holder = ?2";
    RENEW = text!("UPDATE chunks SET leased_until = ", NOW, " + ?2 WHERE id = ?1 RETURNING last")
        => text!("UPDATE chunks SET leased_until = ", pg_until!("?2"), " WHERE id = ?1 RETURNING last");
    MOVE_ON = text!("UPDATE chunks SET done = ?3, pace = ?4, leased_until = ", NOW, " + ?5 \
                       WHERE id = ?1 AND done = ?2 AND last > ?3")
        => text!("UPDATE chunks SET done = ?3, pace = ?4, leased_until = ", pg_until!("?5"), " \
                    WHERE id = ?1 AND done = ?2 AND last > ?3");
    COMPLETE = "DELETE FROM chunks WHERE id = ?1 AND done = ?2 AND last = ?3";
    LAST_OF = "SELECT last FROM chunks WHERE id = ?1 AND done = ?2";
    LOCK_ALL = "SELECT id FROM chunks WHERE run_id = ?1" => "SELECT id FROM chunks WHERE run_id = ?1 ORDER BY id FOR UPDATE";
    RENUMBER = "INSERT INTO chunks (run_id, done, last) SELECT run_id, done, last FROM chunks WHERE run_id = ?1 ORDER BY done";
    NEWEST = "SELECT max(id) FROM chunks WHERE run_id = ?1";
    REMOVE_UP_TO = "DELETE FROM chunks WHERE run_id = ?1 AND id <= ?2";
    REMOVE_ALL = "DELETE FROM chunks WHERE run_id = ?1";
    HOLDERS = "SELECT DISTINCT holder FROM chunks WHERE holder IS NOT NULL";
    LEASED = text!("SELECT run_id, holder FROM chunks WHERE holder IS NOT NULL AND leased_until > ", NOW, " ORDER BY id")
        => "SELECT run_id, holder FROM chunks WHERE holder IS NOT NULL AND leased_until > clock_timestamp() ORDER BY id";
    FREE_OF = "UPDATE chunks SET holder = NULL, leased_until = NULL WHERE holder = ?1";
    GLANCE = text!("SELECT state, token, (SELECT count(*) FROM chunks WHERE run_id = ?1) AS chunks, \
                      EXISTS (SELECT 1 FROM chunks WHERE run_id = ?1 AND (holder IS NULL OR leased_until <= ", NOW, ")) \
                      OR EXISTS (SELECT 1 FROM chunks WHERE ", shared!("?1"), ") AS free, ", COUNTERS, " FROM runs WHERE id = ?1")
        => text!("SELECT state, token, (SELECT count(*) FROM chunks WHERE run_id = ?1) AS chunks, \
                    EXISTS (SELECT 1 FROM chunks WHERE run_id = ?1 AND (holder IS NULL OR leased_until <= clock_timestamp())) \
                    OR EXISTS (SELECT 1 FROM chunks WHERE ", shared!("?1"), ") AS free, ", COUNTERS, " FROM runs WHERE id = ?1");
}

/// A part of a run that a process has leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Its number, until somebody else gets it.
    pub id: i64,
    /// Its run.
    pub run: RunId,
    /// The last target before the chunk, or of what is done of it.
    pub done: i64,
    /// Its last target.
    pub last: i64,
}

/// A run that processes execute, until another one takes it over: then the token is no longer the run's, and nothing is
/// written for it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// The run.
    pub run: RunId,
    /// Its token when the process took it.
    pub token: i64,
}

/// Who leases.
#[derive(Debug, Clone, Copy)]
pub struct Lessee<'a> {
    /// The process.
    pub holder: &'a str,
    /// For how long it has a chunk without being heard of.
    pub lease: Duration,
    /// When others may take the run over, if it is not heard of again.
    pub leased_until: Timestamp,
}

impl Lessee<'_> {
    pub(crate) fn micros(&self) -> i64 {
        i64::try_from(self.lease.as_micros()).unwrap_or(i64::MAX)
    }
}

/// How a run stands, at a glance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Glance {
    /// Its state.
    pub state: RunState,
    /// Another one if it was taken over since.
    pub token: i64,
    /// How many chunks are not done.
    pub chunks: u64,
    /// Whether one of them can be leased, wholly or in part.
    pub free: bool,
    /// The outcomes so far.
    pub tally: Tally,
}

/// Moves a chunk on from `after` to `last`, and says whether it could: whether its holder still has it, to there.
pub(crate) fn move_on(
    tx: &Tx<'_>,
    chunk: i64,
    [after, last]: [i64; 2],
    pace: i64,
    lessee: &Lessee<'_>,
) -> Result<bool, StoreError> {
    Ok(tx.execute(MOVE_ON, args![chunk, after, last, pace, lessee.micros()])? > 0
        || tx.execute(COMPLETE, args![chunk, after, last])? > 0)
}

/// The last target of a chunk of which everything up to `done` is done; none if it is not there any more.
pub(crate) fn end_of(tx: &Tx<'_>, chunk: i64, done: i64) -> Result<Option<i64>, StoreError> {
    tx.first(LAST_OF, args![chunk, done], only)
}

/// Whether a run is still being executed by those who know it as this.
pub(crate) fn is_ours(tx: &Tx<'_>, hold: Hold) -> Result<bool, StoreError> {
    tx.exists(IS_OURS, args![hold.run, hold.token])
}

/// Puts the targets of a run after `done` up to `last` to be done.
pub(crate) fn open(tx: &Tx<'_>, run: RunId, done: i64, last: i64) -> Result<(), StoreError> {
    if done < last {
        tx.execute(OPEN_CHUNK, args![run, done, last])?;
    }
    Ok(())
}

/// Takes all chunks of a run from their holders; says how many there are.
pub(crate) fn recall(tx: &Tx<'_>, run: RunId) -> Result<u64, StoreError> {
    // Chunks are locked before their run, by everybody.
    tx.each(LOCK_ALL, args![run], |_| Ok(()))?;
    let newest: Option<i64> = tx.value(NEWEST, args![run])?;
    tx.execute(RENUMBER, args![run])?;
    tx.execute(REMOVE_UP_TO, args![run, newest])
}

/// The runs of which something is leased, with the process that has it.
pub(crate) fn leased(tx: &Tx<'_>) -> Result<Vec<(RunId, String)>, StoreError> {
    tx.all(LEASED, &[], |row| Ok((row.get(at!(LEASED, "run_id"))?, row.get(at!(LEASED, "holder"))?)))
}

/// Removes what is left to be done of a run.
pub(crate) fn drop_all(tx: &Tx<'_>, run: RunId) -> Result<(), StoreError> {
    tx.execute(REMOVE_ALL, args![run]).map(drop)
}

impl Chunks<'_> {
    /// Leases what nobody has of a run, or half of what keeps its holder busy longest; nothing if the others have all of
    /// it. [`StoreError::RunLost`] if the run is not being executed, or was taken over since it was seen.
    pub fn lease(&self, of: Hold, lessee: &Lessee<'_>) -> Result<Option<Chunk>, StoreError> {
        let run = of.run;
        self.0.write(|tx| {
            if !is_ours(tx, of)? {
                return Err(StoreError::RunLost(run));
            }
            let read = |row: &Row<'_>| {
                Ok((row.get(at!(CHUNK, "id"))?, row.get(at!(CHUNK, "done"))?, row.get(at!(CHUNK, "last"))?))
            };
            let (done, last) = match tx.first(FREE, args![run], read)? {
                Some((id, done, last)) => {
                    tx.execute(REMOVE, args![id])?;
                    (done, last)
                }
                None => {
                    let longest: Option<(i64, i64, i64)> = tx.first(LONGEST, args![run], read)?;
                    let Some((id, done, last)) = longest else { return Ok(None) };
                    let middle = done + (last - done) / 2;
                    tx.execute(SHORTEN, args![id, middle])?;
                    (middle, last)
                }
            };
            let id = tx.value(HAND_OUT, args![run, done, last, lessee.holder, lessee.micros()])?;
            match tx.execute(IS_HELD, args![run, lessee.holder, lessee.leased_until])? {
                0 => Err(StoreError::RunLost(run)),
                _ => {
                    debug!(run, chunk = id, after = done, last, "chunk leased");
                    Ok(Some(Chunk { id, run, done, last }))
                }
            }
        })
    }

    /// Keeps a chunk for longer; its last target, which is an earlier one when others have taken their share of it. None if
    /// it is somebody else's.
    pub fn renew(&self, chunk: &Chunk, lessee: &Lessee<'_>) -> Result<Option<i64>, StoreError> {
        self.0.write(|tx| {
            let last = tx.first(RENEW, args![chunk.id, lessee.micros()], only)?;
            trace!(run = chunk.run, chunk = chunk.id, last, "lease renewed");
            if last.is_some() {
                tx.execute(IS_HELD, args![chunk.run, lessee.holder, lessee.leased_until])?;
            }
            Ok(last)
        })
    }

    /// Gives back what is left of a chunk, for whoever wants it: its run queues up behind those that wait.
    pub fn release(&self, chunk: &Chunk, holder: &str) -> Result<(), StoreError> {
        self.0.write(|tx| {
            let left = tx.first(PUT_DOWN, args![chunk.id], |row| {
                Ok((
                    row.get(at!(PUT_DOWN, "run_id"))?,
                    row.get(at!(PUT_DOWN, "done"))?,
                    row.get(at!(PUT_DOWN, "last"))?,
                ))
            })?;
            let Some((run, done, last)) = left else { return Ok(()) };
            open(tx, run, done, last)?;
            debug!(run, chunk = chunk.id, after = done, last, "chunk released");
            tx.announce()?;
            tx.execute(IS_LEFT, args![chunk.run, holder]).map(drop)
        })
    }

    /// The processes that have chunks.
    pub fn holders(&self) -> Result<Vec<String>, StoreError> {
        self.0.read(|tx| tx.all(HOLDERS, &[], only))
    }

    /// Gives back the chunks of a process that is certainly gone.
    pub fn free_all_of(&self, holder: &str) -> Result<u64, StoreError> {
        self.0.write(|tx| {
            let freed = tx.execute(FREE_OF, args![holder])?;
            if freed > 0 {
                debug!(holder, chunks = freed, "chunks of a process taken back");
                tx.announce()?;
            }
            Ok(freed)
        })
    }

    /// How a run stands.
    pub fn glance(&self, run: RunId) -> Result<Glance, StoreError> {
        self.0.read(|tx| {
            let found = tx.first(GLANCE, args![run], |row| {
                Ok(read!(row, GLANCE => Glance {
                    state, token, chunks, free;
                    tally: read_counters(row, at!(GLANCE, "changed"))?,
                }))
            })?;
            found.ok_or(StoreError::RunLost(run))
        })
    }
}

/// The first chunks of a run that is about to be, or goes on: as far as its canary, or to its end.
pub(crate) fn until(run: &Run) -> i64 {
    let targets = i64::try_from(run.targets).unwrap_or(i64::MAX);
    let canary = run.settings.canary.map_or(targets, |k| i64::try_from(k).unwrap_or(i64::MAX));
    if run.cursor < canary { canary.min(targets) } else { targets }
}
