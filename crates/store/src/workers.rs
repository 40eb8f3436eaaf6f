//! The processes that execute whatever run is there, and what there is for them to do.

use rollcall_domain::{RunId, Timestamp};

use crate::chunks::{now, shared};
use crate::db::args;
use crate::{Store, StoreError, sql};

sql! {
    BEAT = concat!("INSERT INTO workers (id, started_at, seen_at, crew, run_id, committed, speed, draining) \
                    VALUES (?1, ", now!(), ", ", now!(), ", ?2, ?3, ?4, ?5, ?6) \
                    ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, run_id = excluded.run_id, \
                    committed = excluded.committed, speed = excluded.speed, draining = excluded.draining")
        => "INSERT INTO workers (id, started_at, seen_at, crew, run_id, committed, speed, draining) \
            VALUES (?1, clock_timestamp(), clock_timestamp(), ?2, ?3, ?4, ?5, ?6) \
            ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, run_id = excluded.run_id, \
            committed = excluded.committed, speed = excluded.speed, draining = excluded.draining";
    ALL = concat!("SELECT id, started_at, seen_at, (", now!(), " - seen_at) / 1000000, crew, run_id, committed, speed, draining \
                   FROM workers ORDER BY started_at, id")
        => "SELECT id, started_at, seen_at, CAST(extract(epoch FROM clock_timestamp() - seen_at) AS BIGINT), crew, run_id, \
            committed, speed, draining FROM workers ORDER BY started_at, id";
    REMOVE = "DELETE FROM workers WHERE id = ?1";
    // Whoever fewest are at comes first, then whoever was served longest ago: chunks get their numbers when they are leased
    // and when they are put down. A run of which nothing is left has to be ended.
    TO_DO = concat!("SELECT r.id FROM runs r WHERE r.state = 'running' \
                     AND (NOT EXISTS (SELECT 1 FROM chunks WHERE run_id = r.id) \
                          OR EXISTS (SELECT 1 FROM chunks WHERE run_id = r.id AND (holder IS NULL OR leased_until <= ", now!(), ")) \
                          OR EXISTS (SELECT 1 FROM chunks WHERE ", shared!("r.id"), ")) \
                     ORDER BY (SELECT count(holder) FROM chunks WHERE run_id = r.id), \
                              (SELECT coalesce(max(id), 0) FROM chunks WHERE run_id = r.id), r.id LIMIT ?1")
        => concat!("SELECT r.id FROM runs r WHERE r.state = 'running' \
                    AND (NOT EXISTS (SELECT 1 FROM chunks WHERE run_id = r.id) \
                         OR EXISTS (SELECT 1 FROM chunks WHERE run_id = r.id \
                                    AND (holder IS NULL OR leased_until <= clock_timestamp())) \
                         OR EXISTS (SELECT 1 FROM chunks WHERE ", shared!("r.id"), ")) \
                    ORDER BY (SELECT count(holder) FROM chunks WHERE run_id = r.id), \
                             (SELECT coalesce(max(id), 0) FROM chunks WHERE run_id = r.id), r.id LIMIT ?1");
    WAITING = concat!("SELECT r.id FROM runs r WHERE r.state = 'running' AND NOT EXISTS \
                       (SELECT 1 FROM chunks WHERE run_id = r.id AND holder IS NOT NULL AND leased_until > ", now!(), ") \
                       ORDER BY r.id LIMIT ?1")
        => "SELECT r.id FROM runs r WHERE r.state = 'running' AND NOT EXISTS \
            (SELECT 1 FROM chunks WHERE run_id = r.id AND holder IS NOT NULL AND leased_until > clock_timestamp()) \
            ORDER BY r.id LIMIT ?1";
}

/// What a worker says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat<'a> {
    /// The process.
    pub id: &'a str,
    /// How many scripts it executes at the same time.
    pub crew: u32,
    /// The run that it is at.
    pub run: Option<RunId>,
    /// Outcomes that it has committed.
    pub committed: u64,
    /// How many a second lately.
    pub speed: u64,
    /// Whether it takes nothing more.
    pub draining: bool,
}

/// A worker, as it was last heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRow {
    /// The process.
    pub id: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was last heard of, by the clock of the database.
    pub seen_at: Timestamp,
    /// How many seconds ago that was.
    pub silent: u64,
    /// How many scripts it executes at the same time.
    pub crew: u64,
    /// The run that it is at.
    pub run: Option<RunId>,
    /// Outcomes that it has committed.
    pub committed: u64,
    /// How many a second lately.
    pub speed: u64,
    /// Whether it takes nothing more.
    pub draining: bool,
}

impl Store {
    /// Says that a worker is alive, and what it does.
    pub fn beat(&self, beat: &Beat<'_>) -> Result<(), StoreError> {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let Beat { id, crew, run, committed, speed, draining } = *beat;
        let values = args![id, crew, run, number(committed), number(speed), draining];
        self.write(|tx| tx.execute(BEAT, values).map(drop))
    }

    /// Every worker that has not said farewell.
    pub fn workers(&self) -> Result<Vec<WorkerRow>, StoreError> {
        self.read(|tx| {
            tx.all(ALL, &[], |row| {
                Ok(WorkerRow {
                    id: row.get(0)?,
                    started_at: row.get(1)?,
                    seen_at: row.get(2)?,
                    silent: row.get::<i64>(3)?.max(0).unsigned_abs(),
                    crew: row.get::<i64>(4)?.unsigned_abs(),
                    run: row.get(5)?,
                    committed: row.get::<i64>(6)?.unsigned_abs(),
                    speed: row.get::<i64>(7)?.unsigned_abs(),
                    draining: row.get(8)?,
                })
            })
        })
    }

    /// Forgets a worker.
    pub fn remove_worker(&self, id: &str) -> Result<(), StoreError> {
        self.write(|tx| tx.execute(REMOVE, args![id]).map(drop))
    }

    /// Runs that have something to do for a worker who has nothing, the most urgent first; at most `most`.
    pub fn runs_to_do(&self, most: u32) -> Result<Vec<RunId>, StoreError> {
        self.read(|tx| tx.all(TO_DO, args![most], |row| row.get(0)))
    }

    /// Runs that are to be executed and that nobody is at; at most `most`.
    pub fn runs_waiting(&self, most: u32) -> Result<Vec<RunId>, StoreError> {
        self.read(|tx| tx.all(WAITING, args![most], |row| row.get(0)))
    }
}
