//! A worker: it executes whatever run is there, together with others.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use rollcall_domain::{Right, Run, RunId, RunState, Timestamp};
use rollcall_store::{Beat, Hold, RunEnd, StoreError};
use tracing::debug;

use super::config::ExecutionConfig;
use super::crew::Crew;
use super::guard::guarded;
use super::ledger::{Ledger, Role};
use super::observer::{Nobody, Stop};
use crate::error::AppError;
use crate::holder;
use crate::operations::WorkerOperations;
use crate::pause::pause;
use crate::prune::Pruned;

/// How often a worker says that it is alive.
const BEAT: Duration = Duration::from_secs(2);
/// Whoever is not heard of for so long is taken for dead, in lists.
const SILENT: u64 = 15;
/// How often a worker looks for work, where nobody tells it: an idle one must not keep a server busy.
const LOOK: Duration = Duration::from_millis(500);
/// A run that cannot be executed here is looked at again after this long.
const AVOID: Duration = Duration::from_secs(30);
/// Between two attempts to reach a server that is gone.
const RETRY: Duration = Duration::from_secs(1);
/// How often one of the processes that stay prunes by the setting...
const PRUNE: Duration = Duration::from_secs(60 * 60);
/// ...and how often each looks whether it is the one.
const LOOK_FOR_OLD: Duration = Duration::from_secs(10 * 60);
/// Candidates that are looked at.
const CANDIDATES: u32 = 20;

/// What a worker tells.
#[derive(Debug)]
pub enum Event<'a> {
    /// It begins to help with a run.
    Joins(&'a Run),
    /// It is through with it, after so many outcomes.
    Leaves(&'a Run, u64),
    /// Something does not work; it goes on.
    Trouble(String),
    /// It works again.
    Recovered,
    /// It has pruned, as the setting wants.
    Pruned(Pruned),
}

/// A worker process, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerInfo {
    /// The machine.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// Whether it is heard of.
    pub alive: bool,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was last heard of.
    pub seen_at: Timestamp,
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

impl<'a> WorkerOperations<'a> {
    /// Executes runs together with other workers until `drain` is set; then it releases its chunks to them. It survives
    /// the loss of the database server for a while.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Unavailable`] if scripts cannot be executed on this machine.
    pub fn execute_runs(
        self,
        execution: &ExecutionConfig,
        drain: &Stop,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), AppError> {
        // Whatever run is there, whoever's.
        self.app.require_permission_everywhere(Right::Execute)?;
        // Better said now than at every run that it cannot be.
        let kept = self.app.shared.warm_pool.keep_warm(execution)?;
        let id = holder::current();
        let at = AtomicI64::new(0);
        self.beat(&id, execution, &at, 0, drain)?;
        // Whoever was here before and is gone has left something at the moment when this one comes.
        self.free_the_dead()?;
        let (aside, told) = unbounded();
        let (going_on, over) = bounded(0);
        let keep_going = |thread: &'static str, work: &dyn Fn()| {
            restart_after_panics(thread, &over, &aside, work);
        };
        std::thread::scope(|scope| {
            // These threads end when it is dropped, even by a panic.
            let going_on = going_on;
            let (id, at, over, aside) = (&id, &at, &over, &aside);
            scope.spawn(|| keep_going("heartbeat", &|| self.keep_beating(id, execution, at, drain, over)));
            scope.spawn(|| keep_going("listener", &|| self.listen(drain)));
            scope.spawn(|| keep_going("pruning", &|| self.keep_pruned(drain, over, aside)));
            self.execute_until(id, execution, at, drain, &told, tell);
            drop(going_on);
        });
        told.try_iter().for_each(tell);
        drop(kept);
        Ok(self.app.store_unchecked().workers().remove(&id)?)
    }

    fn execute_until(
        self,
        id: &str,
        execution: &ExecutionConfig,
        at: &AtomicI64,
        drain: &Stop,
        told: &Receiver<Event<'static>>,
        tell: &mut dyn FnMut(Event<'_>),
    ) {
        let mut avoided: HashMap<RunId, Instant> = HashMap::new();
        let (mut heard, mut ailing) = (0, false);
        while !drain.load(Ordering::Relaxed) {
            told.try_iter().for_each(&mut *tell);
            avoided.retain(|_, since| since.elapsed() < AVOID);
            let next = guarded("worker", || self.next_run(|run| avoided.contains_key(&run)));
            let worked = match next {
                Ok(Some(run)) => {
                    debug!(run = run.id, "joined the run");
                    tell(Event::Joins(&run));
                    at.store(run.id, Ordering::Relaxed);
                    let before = self.app.shared.committed.load(Ordering::Relaxed);
                    let avoid = avoided.keys().copied().collect();
                    let helped = guarded("worker", || {
                        fail::fail_point!("thread.worker_loop");
                        self.help(&run, execution, drain, avoid)
                    });
                    if let Err(error @ AppError::Panicked { .. }) = &helped {
                        self.stop_run(&run, &error.to_string());
                    }
                    at.store(0, Ordering::Relaxed);
                    tell(Event::Leaves(&run, self.app.shared.committed.load(Ordering::Relaxed) - before));
                    if let Err(error) = &helped
                        && !is_disconnection(error)
                    {
                        avoided.insert(run.id, Instant::now());
                    }
                    helped.map(|()| true)
                }
                Ok(None) => Ok(false),
                Err(error) => Err(error),
            };
            match worked {
                Ok(worked) => {
                    if std::mem::take(&mut ailing) {
                        tell(Event::Recovered);
                    }
                    if !worked {
                        self.app.shared.news.wait(&mut heard, LOOK);
                    }
                }
                Err(error) => {
                    if !ailing || !is_disconnection(&error) {
                        tell(Event::Trouble(error.to_string()));
                    }
                    ailing = is_disconnection(&error);
                    pause(RETRY);
                    // What it had when it was cut off may be had by anybody, itself first.
                    let _ = self.app.store_unchecked().chunks().free_all_of(id);
                }
            }
        }
    }

    /// The run that needs a worker most.
    fn next_run(self, avoided: impl Fn(RunId) -> bool) -> Result<Option<Run>, AppError> {
        let to_do = self.app.store_unchecked().workers().runs_to_do(CANDIDATES)?;
        let Some(id) = to_do.into_iter().find(|run| !avoided(*run)) else { return Ok(None) };
        Ok(self.app.store_unchecked().runs().by_id(id)?.filter(|run| run.state == RunState::Running))
    }

    /// Executes chunks of a run, as long as there are some to be had and no other run waits, but for those `avoided`.
    fn help(
        self,
        run: &Run,
        execution: &ExecutionConfig,
        drain: &Stop,
        avoided: Vec<RunId>,
    ) -> Result<(), AppError> {
        if !self.app.is_still_allowed(run)? {
            let note = format!(
                "{} may no longer do what this run does: somebody who may can resume it",
                run.administrator
            );
            let end = RunEnd {
                state: RunState::Stopped,
                note: Some(&note),
                ended_at: self.app.now(),
                millis: run.millis,
            };
            self.app.store_unchecked().runs().end(Hold { run: run.id, token: run.token }, &end)?;
            return Ok(());
        }
        let mut observer = Nobody;
        let ledger = Ledger::new(self.app, run, Role::Helper, drain, &mut observer).in_turns(avoided);
        let nothing_left = self.app.store_unchecked().chunks().glance(run.id)?.chunks == 0;
        if run.replays().is_some() || nothing_left {
            self.app.runs().take_part(run, None, drain, ledger)?;
            return Ok(());
        }
        let (sandbox, job) = self.app.runs().prepare(run, &execution.limited(run.settings.time_limit))?;
        std::thread::scope(|scope| {
            let crew = Crew::hire(scope, &sandbox, &job, execution.workers.max(1))?;
            self.app.runs().take_part(run, Some(&crew), drain, ledger)?;
            Ok(())
        })
    }

    /// Stops a run that has met an internal error here, which it would meet again: an administrator can resume it. It
    /// may have ended meanwhile.
    fn stop_run(self, run: &Run, reason: &str) {
        let end = RunEnd {
            state: RunState::Stopped,
            note: Some(reason),
            ended_at: self.app.now(),
            millis: run.millis,
        };
        let _ = self.app.store_unchecked().runs().end(Hold { run: run.id, token: run.token }, &end);
    }

    fn beat(
        self,
        id: &str,
        execution: &ExecutionConfig,
        at: &AtomicI64,
        speed: u64,
        drain: &Stop,
    ) -> Result<(), StoreError> {
        let run = at.load(Ordering::Relaxed);
        self.app.store_unchecked().workers().beat(&Beat {
            id,
            crew: u32::try_from(execution.workers.max(1)).unwrap_or(u32::MAX),
            run: (run > 0).then_some(run),
            committed: self.app.shared.committed.load(Ordering::Relaxed),
            speed,
            draining: drain.load(Ordering::Relaxed),
        })
    }

    /// Says now and then that this worker is alive, and frees what dead processes of this machine had: nobody else can
    /// tell that they are.
    fn keep_beating(
        self,
        id: &str,
        execution: &ExecutionConfig,
        at: &AtomicI64,
        drain: &Stop,
        over: &Receiver<()>,
    ) {
        fail::fail_point!("thread.heartbeat");
        let mut last = (Instant::now(), self.app.shared.committed.load(Ordering::Relaxed));
        while over.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
            let committed = self.app.shared.committed.load(Ordering::Relaxed);
            let millis = u64::try_from(last.0.elapsed().as_millis()).unwrap_or(u64::MAX);
            let speed = (committed - last.1) * 1_000 / millis.max(1);
            last = (Instant::now(), committed);
            // A server that does not answer is the concern of whoever needs an answer.
            let _ = self.beat(id, execution, at, speed, drain);
            let _ = self.free_the_dead();
        }
    }

    /// Removes what is old now and then: what is kept for a day only, and if the setting wants that and no other
    /// process does it, what it names.
    fn keep_pruned(self, drain: &Stop, over: &Receiver<()>, told: &Sender<Event<'static>>) {
        fail::fail_point!("thread.pruning");
        loop {
            match self
                .app
                .maintenance()
                .remove_expired(drain)
                .and_then(|()| self.app.maintenance().prune_by_settings(PRUNE, drain))
            {
                Ok(None) => {}
                Ok(Some(pruned)) => drop(told.send(Event::Pruned(pruned))),
                // A server that is gone is told of by whoever works.
                Err(error) if is_disconnection(&error) => {}
                Err(error) => {
                    let what = format!("removing what is old: {error}");
                    drop(told.send(Event::Trouble(what)));
                }
            }
            if over.recv_timeout(LOOK_FOR_OLD) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    fn free_the_dead(self) -> Result<(), StoreError> {
        for dead in
            self.app.store_unchecked().chunks().holders()?.iter().filter(|holder| holder::is_dead(holder))
        {
            self.app.store_unchecked().chunks().free_all_of(dead)?;
        }
        for worker in
            self.app.store_unchecked().workers().all()?.iter().filter(|worker| holder::is_dead(&worker.id))
        {
            self.app.store_unchecked().workers().remove(&worker.id)?;
        }
        Ok(())
    }

    /// Listens to the server, if it is one, until `over` is set.
    fn listen(self, over: &Stop) {
        fail::fail_point!("thread.listener");
        let over = || over.load(Ordering::Relaxed);
        while !over() {
            let heard = self.app.store_unchecked().watch().and_then(|mut watch| {
                self.app.shared.news.listen(true);
                while !over() {
                    match watch.wait(LOOK)? {
                        Some(true) => self.app.shared.news.tell(),
                        Some(false) => {}
                        None => return Ok(false),
                    }
                }
                Ok(true)
            });
            self.app.shared.news.listen(false);
            match heard {
                Ok(false) => return,
                Ok(true) => {}
                Err(_) => pause(RETRY),
            }
        }
    }

    /// Whether a worker is online that takes new runs.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn any_available(self) -> Result<bool, AppError> {
        self.app.require_permission(Right::Look)?;
        Ok(self.known()?.iter().any(|worker| worker.alive && !worker.draining))
    }

    /// Lists the worker processes and their status, in the order of their starts.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list(self) -> Result<Vec<WorkerInfo>, AppError> {
        self.app.require_permission_everywhere(Right::Look)?;
        self.known()
    }

    fn known(self) -> Result<Vec<WorkerInfo>, AppError> {
        let info = |worker: rollcall_store::WorkerRow| {
            let (host, pid) = holder::parts(&worker.id).unwrap_or_default();
            WorkerInfo {
                host: host.to_owned(),
                pid,
                alive: worker.silent < SILENT && !holder::is_dead(&worker.id),
                started_at: worker.started_at,
                seen_at: worker.seen_at,
                crew: worker.crew,
                run: worker.run,
                committed: worker.committed,
                speed: worker.speed,
                draining: worker.draining,
            }
        };
        Ok(self.app.store_unchecked().workers().all()?.into_iter().map(info).collect())
    }
}

/// Runs `work` until it returns, again after each panic, which it tells, unless the sender of `over` is gone.
fn restart_after_panics(
    thread: &'static str,
    over: &Receiver<()>,
    told: &Sender<Event<'static>>,
    work: impl Fn(),
) {
    while let Err(error) = guarded(thread, || {
        work();
        Ok(())
    }) {
        drop(told.send(Event::Trouble(error.to_string())));
        if over.recv_timeout(RETRY) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

pub(super) fn is_disconnection(error: &AppError) -> bool {
    matches!(error, AppError::Store(error) if error.is_disconnection())
}
