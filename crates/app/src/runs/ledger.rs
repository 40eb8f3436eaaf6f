//! What a run has done so far, and whether it is to go on. Both ways of executing a run, with a script and from a plan,
//! commit their outcomes here, in the order of the targets.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rollcall_domain::{Counts, Outcome, Run, RunState, Tally, Timestamp, Tripped};
use rollcall_store::{ChunkOf, Commit, Hold, Settled, StoreError};

use super::{Observer, Progress, Stop};
use crate::{App, AppError};

/// A run that is not heard of for so long may be taken over by another process. Long enough for a machine that is busy
/// or swaps, short enough for whoever waits for one that is gone.
const LEASE_SECONDS: i64 = 30;
/// Between two renewals of the lease, when no commit does it by the way.
const RENEW: Duration = Duration::from_secs(5);
/// How often it is looked whether somebody wants the run to end.
const LOOK: Duration = Duration::from_millis(200);
/// How often whoever watches is told.
const TELL: Duration = Duration::from_millis(200);

/// Until when a process that executes a run keeps it.
pub(super) fn lease(app: &App) -> Timestamp {
    let now = app.clock.now();
    Timestamp::from_micros(now.as_micros() + LEASE_SECONDS * 1_000_000).unwrap_or(now)
}

/// Outcomes that are committed at once, when they come fast.
const CHUNK: usize = 4_000;

/// The same, of which tests want less: a few users are many chunks then, and a crash finds a run between any two.
pub(super) fn chunk_size() -> usize {
    fail::fail_point!("chunk_size", |size| size.and_then(|size| size.parse().ok()).unwrap_or(CHUNK));
    CHUNK
}

/// How the commit of a chunk went.
pub(super) enum Written {
    /// So many of its targets are committed: all of them, unless the run ends here. Of these targets the changes were
    /// refused.
    Done(usize, Vec<i64>),
    /// Nothing is: the users of these targets are no longer as their outcomes assume. If there are none, the database
    /// was locked.
    Stale(Vec<i64>),
}

pub(super) struct Ledger<'a> {
    app: &'a App,
    run: &'a Run,
    stop: &'a Stop,
    observer: &'a mut dyn Observer,
    hold: Hold,
    /// Every target up to here is committed.
    cursor: i64,
    /// Committed outcomes.
    tally: Tally,
    counts: Counts,
    started: Instant,
    renewed: Instant,
    looked: Instant,
    told: Instant,
    /// How the run ends early.
    early: Option<(RunState, String)>,
}

impl<'a> Ledger<'a> {
    /// Of a run that this process holds.
    pub(super) fn new(app: &'a App, run: &'a Run, stop: &'a Stop, observer: &'a mut dyn Observer) -> Self {
        let now = Instant::now();
        Self {
            app,
            run,
            stop,
            observer,
            hold: Hold { run: run.id, token: run.token },
            cursor: run.cursor,
            tally: run.tally,
            counts: run.counts(),
            started: now,
            renewed: now,
            looked: now,
            told: now,
            early: None,
        }
    }

    /// Every target up to here is committed.
    pub(super) fn cursor(&self) -> i64 {
        self.cursor
    }

    /// The last target that has its turn now.
    pub(super) fn last(&self) -> i64 {
        let targets = i64::try_from(self.run.targets).unwrap_or(i64::MAX);
        let canary = self.run.settings.canary.map_or(targets, |k| i64::try_from(k).unwrap_or(i64::MAX));
        // Past its canary a run goes all the way.
        if self.run.cursor < canary { canary.min(targets) } else { targets }
    }

    /// Whether the run has to end: somebody wants it to, or a brake has tripped. Keeps it from being taken over.
    pub(super) fn ends(&mut self) -> Result<bool, AppError> {
        if self.early.is_some() {
            return Ok(true);
        }
        let by = if self.stop.load(Ordering::Relaxed) {
            Some(self.app.administrator.clone())
        } else if self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            self.app.store.cancelled_by(self.hold)?
        } else {
            None
        };
        if let Some(by) = by {
            self.early =
                Some((RunState::Cancelled, format!("cancelled by {by}; what was done before stays done")));
        } else if self.renewed.elapsed() >= RENEW {
            self.renewed = Instant::now();
            match self.app.store.lease_run(self.hold, lease(self.app)) {
                // Others write for a long time, and so cannot take the run either.
                Ok(()) | Err(StoreError::Busy) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.early.is_some())
    }

    /// Commits the outcomes of the next targets, as far as the brakes allow.
    pub(super) fn commit(&mut self, chunk: &[Settled]) -> Result<Written, AppError> {
        let mut chunk = chunk;
        let mut brake = None;
        while !chunk.is_empty() {
            let last = self.cursor + chunk.len() as i64;
            let of = ChunkOf {
                hold: self.hold,
                mode: self.run.mode,
                brakes: self.run.settings.brakes,
                counts: self.counts,
                refused: if self.run.replays().is_some() { Outcome::Conflict } else { Outcome::Failed },
                after: self.cursor,
                last,
                now: self.app.clock.now(),
                leased_until: lease(self.app),
                millis: self.millis(),
            };
            match self.app.store.commit_chunk(of, chunk) {
                Ok(Commit::Done { tally, refused, counts, tripped }) => {
                    self.cursor = last;
                    self.tally += tally;
                    self.counts = counts;
                    self.renewed = Instant::now();
                    self.stop_for(brake.or(tripped));
                    return Ok(Written::Done(chunk.len(), refused));
                }
                Ok(Commit::TooMany(keep, tripped)) => {
                    chunk = &chunk[..keep];
                    brake = Some(tripped);
                }
                Ok(Commit::Stale(numbers)) => return Ok(Written::Stale(numbers)),
                // Somebody else writes for a long time. Nothing is lost by waiting, and a cancel is heard in between.
                Err(StoreError::Busy) => return Ok(Written::Stale(Vec::new())),
                Err(error) => return Err(error.into()),
            }
        }
        self.stop_for(brake);
        Ok(Written::Done(0, Vec::new()))
    }

    /// A cancel counts for more than a brake.
    fn stop_for(&mut self, brake: Option<Tripped>) {
        self.early = self.early.take().or_else(|| Some((RunState::Stopped, brake?.why)));
    }

    /// Tells whoever watches, now and then; `waiting` are outcomes that are not committed yet.
    pub(super) fn tell(&mut self, waiting: impl FnOnce() -> Tally) {
        if self.told.elapsed() >= TELL {
            let mut tally = self.tally;
            tally += waiting();
            self.observer.progress(Progress { targets: self.run.targets, tally });
            self.told = Instant::now();
        }
    }

    fn millis(&self) -> i64 {
        let elapsed = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.run.millis.saturating_add(elapsed)
    }

    /// How the run ended: its state, why if early, and how long it was executed in milliseconds.
    pub(super) fn close(mut self, result: &Result<(), AppError>) -> (RunState, Option<String>, i64) {
        self.observer.progress(Progress { targets: self.run.targets, tally: self.tally });
        let millis = self.millis();
        let through = self.tally.total() == self.run.targets;
        let (state, note) = match (result, self.early.take()) {
            (Err(error), _) => (RunState::Stopped, Some(error.to_string())),
            (Ok(()), Some((state, note))) if !through => (state, Some(note)),
            (Ok(()), None) if !through => {
                let done = self.last();
                let note =
                    format!("a canary: the first {done} targets are done, the rest waits to be resumed");
                (RunState::Stopped, Some(note))
            }
            (Ok(()), _) => (RunState::Finished, None),
        };
        (state, note, millis)
    }
}
