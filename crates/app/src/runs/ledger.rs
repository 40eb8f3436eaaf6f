//! What this process does of a run, and whether the run is to go on. Both ways of executing a run, with a script and
//! from a plan, commit their outcomes here, chunk by chunk, in the order of a chunk's targets.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rollcall_domain::{Outcome, Run, RunId, RunState, Tally, Timestamp, Tripped};
use rollcall_store::{Chunk, Commit, Hold, Lessee, Settled, StoreError, Stretch};
use tracing::debug;

use super::observer::{Observer, Progress, Stop};
use crate::app::App;
use crate::error::AppError;
use crate::holder;
use crate::pause::pause;

/// Between two renewals of the lease, when no commit does it by the way: so many fit into one.
const RENEWALS: u32 = 6;
/// How often it is looked whether somebody wants the run to end...
const LOOK: Duration = Duration::from_millis(200);
/// ...and how often where that is told, in case that it is not.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);
/// Before another attempt at what somebody else holds for the length of a commit...
const SOON: Duration = Duration::from_millis(20);
/// ...twice as long after each, so many times at most: where many want the last there is, asking for it is in the way
/// of those who have it.
const DOUBLED: u32 = 6;
/// How often whoever watches is told.
const TELL: Duration = Duration::from_millis(200);

/// A worker is at one run for so long at least, while others wait for somebody...
const TURN: Duration = Duration::from_secs(2);
/// ...and looks so often whether some do.
const LOOK_ROUND: Duration = Duration::from_millis(500);
/// Runs that wait, of which some may not concern this process.
const WAITING: u32 = 50;

/// Until when a process that executes a run keeps it.
pub(super) fn lease(app: &App) -> Timestamp {
    let now = app.now();
    let micros = i64::try_from(app.lease.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(now.as_micros().saturating_add(micros)).unwrap_or(now)
}

/// Outcomes that are committed at once, when they come fast.
const CHUNK: usize = 4_000;

/// The same, of which tests want less: a few users are many commits then, and a crash finds a run between any two.
pub(super) fn chunk_size() -> usize {
    fail::fail_point!("chunk_size", |size| size.and_then(|size| size.parse().ok()).unwrap_or(CHUNK));
    CHUNK
}

/// How a commit went.
pub(super) enum Written {
    /// So many of its targets are committed: all of them, unless the run or the chunk ends here. Of these targets the
    /// changes were refused.
    Done(usize, Vec<i64>),
    /// Nothing is: the users of these targets are no longer as their outcomes assume. If there are none, the database
    /// was locked.
    Stale(Vec<i64>),
}

/// What a process does when it is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It was started for this run, and cancels it. What others do of the run it waits for.
    Conductor,
    /// It helps, and leaves the rest to others.
    Helper,
}

/// Why this process is through with a run.
#[derive(Debug, PartialEq)]
pub(super) enum End {
    /// Every target has its outcome, or had its turn for now.
    Through,
    /// It was told to stop.
    Told,
    /// The run was ended, by a brake or by somebody else.
    Ended,
    /// Others have what is left.
    Shared,
    /// Its turn is over, and other runs wait for somebody.
    Yields,
}

/// How long a worker is at a run already that takes turns with others.
struct Turn {
    since: Instant,
    looked: Instant,
    /// Whether it has committed something: a turn must bring the run further.
    moved: bool,
    /// Runs that cannot be executed here, wait as they may.
    avoided: Vec<RunId>,
}

/// What these outcomes have become, of which the changes of some were refused.
fn committed(outcomes: &[Settled], refused: &[i64], instead: Outcome) -> Tally {
    let mut tally = Tally::default();
    for outcome in outcomes.iter().map(Settled::outcome) {
        tally.count(if refused.contains(&outcome.target) { instead } else { outcome.outcome });
    }
    tally
}

pub(super) struct Ledger<'a> {
    app: &'a App,
    run: &'a Run,
    role: Role,
    stop: &'a Stop,
    observer: &'a mut dyn Observer,
    hold: Hold,
    holder: String,
    /// What this process has of the run, if it has something.
    chunk: Option<Chunk>,
    /// Since when, and from which target on.
    since: (Instant, i64),
    /// Committed outcomes of the run, as far as known.
    tally: Tally,
    started: Instant,
    renewed: Instant,
    looked: Instant,
    /// Up to which news.
    heard: u64,
    told: Instant,
    /// None: the run does not take turns.
    turn: Option<Turn>,
    end: Option<End>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(
        app: &'a App,
        run: &'a Run,
        role: Role,
        stop: &'a Stop,
        observer: &'a mut dyn Observer,
    ) -> Self {
        let now = Instant::now();
        Self {
            app,
            run,
            role,
            stop,
            observer,
            hold: Hold { run: run.id, token: run.token },
            holder: holder::current(),
            chunk: None,
            since: (now, 0),
            tally: run.tally,
            started: now,
            renewed: now,
            looked: now,
            heard: 0,
            told: now,
            turn: None,
            end: None,
        }
    }

    /// The same, which makes room when other runs wait, but for those that are `avoided`.
    pub(super) fn in_turns(self, avoided: Vec<RunId>) -> Self {
        let now = Instant::now();
        Self { turn: Some(Turn { since: now, looked: now, moved: false, avoided }), ..self }
    }

    /// Whether it ends because other runs wait. What was begun may be brought to its end.
    pub(super) fn yields(&self) -> bool {
        self.end == Some(End::Yields)
    }

    /// Whether this process was told to stop.
    pub(super) fn is_told(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn turn_is_over(&mut self) -> Result<bool, AppError> {
        let Some(turn) = &mut self.turn else { return Ok(false) };
        if !turn.moved || turn.since.elapsed() < TURN || turn.looked.elapsed() < LOOK_ROUND {
            return Ok(false);
        }
        turn.looked = Instant::now();
        let waiting = self.app.store_unchecked().workers().runs_waiting(WAITING)?;
        Ok(waiting.iter().any(|run| *run != self.run.id && !turn.avoided.contains(run)))
    }

    /// Every target of the chunk up to here is committed.
    pub(super) fn cursor(&self) -> i64 {
        self.chunk.map_or(0, |chunk| chunk.done)
    }

    /// The last target of the chunk. Others may take their share of it, from its end.
    pub(super) fn last(&self) -> i64 {
        self.chunk.map_or(0, |chunk| chunk.last)
    }

    fn patience(&self) -> Duration {
        if self.app.shared.news.listening() { LOOK_ANYWAY } else { LOOK }
    }

    fn lessee(&self) -> Lessee<'_> {
        Lessee { holder: &self.holder, lease: self.app.lease, leased_until: lease(self.app) }
    }

    /// Leases the next chunk. None if there is none for this process any more; [`Ledger::close`] says why.
    pub(super) fn next_chunk(&mut self) -> Result<Option<Chunk>, AppError> {
        let mut in_vain = 0;
        loop {
            if self.ends()? {
                return Ok(None);
            }
            let glance = self.app.store_unchecked().chunks().glance(self.run.id)?;
            self.tally = glance.tally;
            if glance.state != RunState::Running || glance.token != self.hold.token {
                self.end = Some(End::Ended);
            } else if glance.chunks == 0 {
                self.end = Some(End::Through);
            } else if glance.free {
                match self.app.store_unchecked().chunks().lease(self.hold, &self.lessee()) {
                    Ok(Some(chunk)) => {
                        self.chunk = Some(chunk);
                        self.since = (Instant::now(), chunk.done);
                        self.renewed = Instant::now();
                        return Ok(Some(chunk));
                    }
                    // Somebody else was faster, or is just committing.
                    Ok(None) | Err(StoreError::Busy) => {
                        pause(SOON * 2_u32.pow(in_vain));
                        in_vain = DOUBLED.min(in_vain + 1);
                    }
                    Err(StoreError::RunLost(_)) => self.end = Some(End::Ended),
                    Err(error) => return Err(error.into()),
                }
            } else if self.role == Role::Helper {
                self.end = Some(End::Shared);
            } else {
                self.tell(Tally::default);
                pause(LOOK);
            }
        }
    }

    /// Whether this chunk is through or the run has to end: somebody wants it to, or a brake has tripped. Keeps the
    /// chunk from being given to somebody else.
    pub(super) fn ends(&mut self) -> Result<bool, AppError> {
        if self.end.is_some() {
            return Ok(true);
        }
        if self.is_told() {
            self.end = Some(End::Told);
        } else if self.app.shared.news.any_since(&mut self.heard) || self.looked.elapsed() >= self.patience()
        {
            self.looked = Instant::now();
            let glance = self.app.store_unchecked().chunks().glance(self.run.id)?;
            self.tally = glance.tally;
            if glance.state != RunState::Running || glance.token != self.hold.token {
                self.end = Some(End::Ended);
            }
        }
        if self.end.is_none() && self.turn_is_over()? {
            self.end = Some(End::Yields);
        }
        if self.end.is_none() {
            self.keep_chunk()?;
        }
        Ok(self.end.is_some())
    }

    /// Keeps the chunk from being given to somebody else.
    pub(super) fn keep_chunk(&mut self) -> Result<(), AppError> {
        if let Some(chunk) = self.chunk
            && self.renewed.elapsed() >= self.app.lease / RENEWALS
        {
            self.renewed = Instant::now();
            match self.app.store_unchecked().chunks().renew(&chunk, &self.lessee()) {
                Ok(Some(last)) => self.chunk = Some(Chunk { last, ..chunk }),
                Ok(None) => self.chunk = None,
                // Others write for a long time, and so cannot take the chunk either.
                Err(StoreError::Busy) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Commits the outcomes of the next targets of the chunk, as far as the brakes allow.
    pub(super) fn commit(&mut self, outcomes: &[Settled]) -> Result<Written, AppError> {
        let mut outcomes = outcomes;
        let mut brake: Option<Tripped> = None;
        while let Some(chunk) = self.chunk
            && !outcomes.is_empty()
        {
            let last = chunk.done + outcomes.len() as i64;
            let of = Stretch {
                chunk: chunk.id,
                hold: self.hold,
                lessee: self.lessee(),
                mode: self.run.mode,
                brakes: self.run.settings.brakes,
                braked_from: self.run.braked_from,
                stop: brake.as_ref().map(|tripped| tripped.why.as_str()),
                refused: if self.run.replays().is_some() { Outcome::Conflict } else { Outcome::Failed },
                after: chunk.done,
                last,
                now: self.app.now(),
                millis: self.millis(),
                pace: self.pace(last),
            };
            let began = Instant::now();
            match self.app.store_unchecked().chunks().commit(&of, outcomes) {
                Ok(Commit::Done { tally, refused, stopped }) => {
                    let done = committed(outcomes, &refused, of.refused);
                    self.app.shared.counters.committed(&done, began.elapsed());
                    self.chunk = Some(Chunk { done: last, ..chunk });
                    self.tally = tally;
                    self.renewed = Instant::now();
                    self.app.shared.count_committed(outcomes.len() as u64);
                    if let Some(turn) = &mut self.turn {
                        turn.moved = true;
                    }
                    if stopped.is_some() {
                        self.end = Some(End::Ended);
                    }
                    return Ok(Written::Done(outcomes.len(), refused));
                }
                Ok(Commit::TooMany(keep, tripped)) => {
                    outcomes = &outcomes[..keep];
                    brake = Some(tripped);
                }
                Ok(Commit::Shortened(last)) => {
                    let left = usize::try_from(last - chunk.done).unwrap_or(0);
                    outcomes = &outcomes[..left.min(outcomes.len())];
                    self.chunk = Some(Chunk { last, ..chunk });
                }
                Ok(Commit::ChunkLost) => self.chunk = None,
                Ok(Commit::Stale(numbers)) => return Ok(Written::Stale(numbers)),
                // Somebody else writes for a long time. Nothing is lost by waiting, and a cancel is heard in between.
                Err(StoreError::Busy) => return Ok(Written::Stale(Vec::new())),
                Err(StoreError::RunLost(_)) => {
                    self.end = Some(End::Ended);
                    return Ok(Written::Done(0, Vec::new()));
                }
                Err(error) => return Err(error.into()),
            }
        }
        if let (Some(tripped), Some(_)) = (brake, self.chunk) {
            self.end_run(RunState::Stopped, Some(&tripped.why))?;
            self.end = Some(End::Ended);
        }
        Ok(Written::Done(0, Vec::new()))
    }

    /// Begins anew after the server was gone: what this process had is as far as the database says.
    pub(super) fn start_over(&mut self) -> Result<(), AppError> {
        self.chunk = None;
        self.app.store_unchecked().chunks().free_all_of(&self.holder)?;
        Ok(())
    }

    /// How long this process takes for a target of the chunk, in microseconds, once everything up to `last` is done.
    fn pace(&self, last: i64) -> i64 {
        let (since, first) = self.since;
        let elapsed = i64::try_from(since.elapsed().as_micros()).unwrap_or(i64::MAX);
        elapsed / (last - first).max(1)
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

    /// Gives back what is left of the chunk, for others.
    pub(super) fn put_down(&mut self) -> Result<(), AppError> {
        match self.chunk.take() {
            Some(chunk) if chunk.done < chunk.last => {
                Ok(self.app.store_unchecked().chunks().release(&chunk, &self.holder)?)
            }
            _ => Ok(()),
        }
    }

    fn end_run(&self, state: RunState, note: Option<&str>) -> Result<(), AppError> {
        let end = rollcall_store::RunEnd { state, note, ended_at: self.app.now(), millis: self.millis() };
        match self.app.store_unchecked().runs().end(self.hold, &end) {
            // Somebody else was faster.
            Ok(_) | Err(StoreError::RunLost(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends the run, if it falls to this process, after its part of the execution has ended with `result`.
    pub(super) fn close(mut self, result: Result<(), AppError>) -> Result<End, AppError> {
        self.observer.progress(Progress { targets: self.run.targets, tally: self.tally });
        if let Err(error) = result {
            debug!(%error, "execution failed");
            match self.role {
                // Why it stopped is in the run's note. If even that cannot be written, the first error counts.
                Role::Conductor => match self.end_run(RunState::Stopped, Some(&error.to_string())) {
                    Ok(()) => return Ok(End::Ended),
                    Err(_) => return Err(error),
                },
                // Perhaps it is only here that it cannot be executed.
                Role::Helper => {
                    let _ = self.put_down();
                    return Err(error);
                }
            }
        }
        let end = self.end.take().unwrap_or(End::Through);
        debug!(?end, millis = self.millis(), "execution ended");
        match (&end, self.role) {
            (End::Through, _) => {
                let done = self.tally.total();
                if done >= self.run.targets {
                    self.end_run(RunState::Finished, None)?;
                } else {
                    let note =
                        format!("a canary: the first {done} targets are done, the rest waits to be resumed");
                    self.end_run(RunState::Stopped, Some(&note))?;
                }
            }
            (End::Told, Role::Conductor) => {
                let note =
                    format!("cancelled by {}; what was done before stays done", self.app.actor().name());
                self.end_run(RunState::Cancelled, Some(&note))?;
            }
            (End::Told, Role::Helper) | (End::Yields, _) => self.put_down()?,
            (End::Ended | End::Shared, _) => {}
        }
        Ok(end)
    }
}
