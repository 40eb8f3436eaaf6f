//! The processes that execute whatever run is there, and what there is for them to do.

use rollcall_domain::{RunId, Timestamp};

use crate::StoreError;
use crate::areas::Workers;
use crate::chunks::{NOW, shared};
use crate::columns::{at, read};
use crate::db::{args, only};
use crate::sql::{sql, text};

sql! {
    BEAT = text!("INSERT INTO workers (id, started_at, seen_at, crew, run_id, committed, speed, draining) \
                    VALUES (?1, ", NOW, ", ", NOW, ", ?2, ?3, ?4, ?5, ?6) \
                    ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, run_id = excluded.run_id, \
                    committed = excluded.committed, speed = excluded.speed, draining = excluded.draining")
        => "INSERT INTO workers (id, started_at, seen_at, crew, run_id, committed, speed, draining) \
            VALUES (?1, clock_timestamp(), clock_timestamp(), ?2, ?3, ?4, ?5, ?6) \
            ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, run_id = excluded.run_id, \
            committed = excluded.committed, speed = excluded.speed, draining = excluded.draining";
    ALL = text!("SELECT id, started_at, seen_at, (", NOW, " - seen_at) / 1000000 AS silent, crew, run_id, committed, speed, draining \
                   FROM workers ORDER BY started_at, id")
        => "SELECT id, started_at, seen_at, CAST(extract(epoch FROM clock_timestamp() - seen_at) AS BIGINT) AS silent, crew, run_id, \
            committed, speed, draining FROM workers ORDER BY started_at, id";
    REMOVE = "DELETE FROM workers WHERE id = ?1";
    // Whoever fewest are at comes first, then whoever was served longest ago: chunks get their numbers when they are leased
    // and when they are put down. A run of which nothing is left has to be ended.
    TO_DO = text!("SELECT r.id FROM runs r WHERE r.state = 'running' \
                     AND (NOT EXISTS (SELECT 1 FROM chunks WHERE run_id = r.id) \
                          OR EXISTS (SELECT 1 FROM chunks WHERE run_id = r.id AND (holder IS NULL OR leased_until <= ", NOW, ")) \
                          OR EXISTS (SELECT 1 FROM chunks WHERE ", shared!("r.id"), ")) \
                     ORDER BY (SELECT count(holder) FROM chunks WHERE run_id = r.id), \
                              (SELECT coalesce(max(id), 0) FROM chunks WHERE run_id = r.id), r.id LIMIT ?1")
        => text!("SELECT r.id FROM runs r WHERE r.state = 'running' \
                    AND (NOT EXISTS (SELECT 1 FROM chunks WHERE run_id = r.id) \
                         OR EXISTS (SELECT 1 FROM chunks WHERE run_id = r.id \
                                    AND (holder IS NULL OR leased_until <= clock_timestamp())) \
                         OR EXISTS (SELECT 1 FROM chunks WHERE ", shared!("r.id"), ")) \
                    ORDER BY (SELECT count(holder) FROM chunks WHERE run_id = r.id), \
                             (SELECT coalesce(max(id), 0) FROM chunks WHERE run_id = r.id), r.id LIMIT ?1");
    WAITING = text!("SELECT r.id FROM runs r WHERE r.state = 'running' AND NOT EXISTS \
                       (SELECT 1 FROM chunks WHERE run_id = r.id AND holder IS NOT NULL AND leased_until > ", NOW, ") \
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

impl Workers<'_> {
    /// Says that a worker is alive, and what it does.
    pub fn beat(&self, beat: &Beat<'_>) -> Result<(), StoreError> {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let Beat { id, crew, run, committed, speed, draining } = *beat;
        let values = args![id, crew, run, number(committed), number(speed), draining];
        self.0.write(|tx| tx.execute(BEAT, values).map(drop))
    }

    /// Every worker that has not said farewell.
    pub fn all(&self) -> Result<Vec<WorkerRow>, StoreError> {
        self.0.read(|tx| {
            tx.all(ALL, &[], |row| {
                Ok(read!(row, ALL => WorkerRow {
                    id, started_at, seen_at, crew, run = "run_id", committed, speed, draining;
                    silent: row.get::<i64>(at!(ALL, "silent"))?.max(0).unsigned_abs(),
                }))
            })
        })
    }

    /// Forgets a worker.
    pub fn remove(&self, id: &str) -> Result<(), StoreError> {
        self.0.write(|tx| tx.execute(REMOVE, args![id]).map(drop))
    }

    /// Runs that have something to do for a worker who has nothing, the most urgent first; at most `most`.
    pub fn runs_to_do(&self, most: u32) -> Result<Vec<RunId>, StoreError> {
        self.0.read(|tx| tx.all(TO_DO, args![most], only))
    }

    /// Runs that are to be executed and that nobody is at; at most `most`.
    pub fn runs_waiting(&self, most: u32) -> Result<Vec<RunId>, StoreError> {
        self.0.read(|tx| tx.all(WAITING, args![most], only))
    }
}
