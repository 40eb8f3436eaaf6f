//! The threads that drive the workers. Each owns one worker, since a worker lives on the thread that started it; all
//! take targets from one queue, so a slow target delays nobody but its neighbours in the same worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Scope;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded, unbounded};
use rollcall_domain::Clock;
use rollcall_sandbox::{Report, RunFacts, Sandbox, StartError, Target, Worker};
use tracing::{debug, debug_span};

use super::evaluate::{Evaluated, Rules, planned_update};
use super::guard::guarded;
use super::job::RunJob;
use crate::error::{AppError, ended_early};
use crate::scripts::hints::explained_syntax;

/// A worker is given this much work in advance, by its measured speed: enough to hide the way there and back,
/// little enough that at a run's end no worker sits on what others could do.
const AHEAD_MICROS: i64 = 10_000;

/// The evaluated targets that a thread returns. An error means that the thread has ended, and its targets
/// with it.
type Batch = Result<Vec<Evaluated>, AppError>;

/// Where targets go that the crew is to execute.
#[derive(Clone)]
pub(super) struct Work {
    queue: Sender<Target>,
    /// Targets that have not come back.
    under_way: Arc<AtomicUsize>,
}

/// Everybody of the crew is gone.
pub(super) struct NobodyThere;

impl Work {
    pub(super) fn send(&self, target: Target) -> Result<(), NobodyThere> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        self.queue.send(target).map_err(|_| NobodyThere)
    }
}

/// Worker threads that have compiled the script and wait for their run. They go home when this is dropped, even from
/// the middle of a target.
pub(super) struct Crew {
    orders: Vec<Sender<Orders>>,
    dismissed: Arc<AtomicBool>,
    pub(super) work: Work,
    queue: Receiver<Target>,
    done: Receiver<Batch>,
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.dismissed.store(true, Ordering::Relaxed);
    }
}

impl Crew {
    /// Starts `count` workers. Comes back as soon as one has compiled the script, or could not; the others follow.
    pub(super) fn hire<'scope>(
        scope: &'scope Scope<'scope, '_>,
        sandbox: &'scope Sandbox,
        RunJob { job, dictionary }: &'scope RunJob,
        count: usize,
    ) -> Result<Self, AppError> {
        let (work, queue) = unbounded();
        let (results, done) = unbounded();
        let (ready, first) = bounded(count);
        let dismissed = Arc::new(AtomicBool::new(false));
        let mut orders = Vec::with_capacity(count);
        let work = Work { queue: work, under_way: Arc::default() };
        for number in 0..count {
            let (sender, receiver) = bounded::<Orders>(1);
            orders.push(sender);
            let (queue, results, ready, dismissed) =
                (queue.clone(), results.clone(), ready.clone(), dismissed.clone());
            scope.spawn(move || {
                let _worker = debug_span!("worker", worker = number).entered();
                let prepared = guarded("worker", || {
                    fail::fail_point!("thread.worker_start");
                    Worker::prepare(sandbox, job).map_err(|error| match error {
                        StartError::Syntax(fault) => {
                            AppError::Syntax { name: job.name.clone(), fault: explained_syntax(fault) }
                        }
                        StartError::Broken(broken) => broken.into(),
                    })
                });
                let worker = match prepared {
                    Ok(worker) => {
                        debug!("script compiled");
                        let _ = ready.send(Ok(()));
                        worker
                    }
                    Err(error) => {
                        debug!(%error, "worker not started");
                        // If another worker has made it, the run does without this one.
                        let _ = ready.send(Err(error));
                        return;
                    }
                };
                drop(ready);
                // Without facts there is no run, and the worker goes home.
                let Ok(Orders { facts, keep, reports, clock, ahead }) = receiver.recv() else { return };
                let _run = debug_span!("run", run = facts.id).entered();
                let preview = facts.preview.then(|| planned_update(facts.now));
                let now = || preview.unwrap_or_else(|| clock.now());
                let strict = job.dictionary.is_some();
                let rules = Rules { profiles: &job.profiles, keep, reports, dictionary, strict };
                let evaluate = |target, report| rules.evaluate(target, report, now());
                let done = guarded("worker", || {
                    drive(worker.begin(facts), &evaluate, ahead, &queue, &results, &dismissed);
                    Ok(())
                });
                // The run must hear of it: the targets of this thread would never come back.
                if let Err(error) = done {
                    let _ = results.send(Err(error));
                }
            });
        }
        drop((results, ready));
        let mut failed = None;
        for start in &first {
            match start {
                Ok(()) => return Ok(Self { orders, dismissed, work, queue, done }),
                Err(error @ AppError::Syntax { .. }) => return Err(error),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| ended_early("worker")))
    }

    /// What comes back next, if something does in that time.
    pub(super) fn receive(&self, most: Duration) -> Result<Vec<Evaluated>, AppError> {
        match self.done.recv_timeout(most) {
            Ok(Ok(batch)) => {
                self.work.under_way.fetch_sub(batch.len(), Ordering::Relaxed);
                Ok(batch)
            }
            Ok(Err(error)) => Err(error),
            Err(RecvTimeoutError::Disconnected) => Err(ended_early("worker")),
            Err(RecvTimeoutError::Timeout) => Ok(Vec::new()),
        }
    }

    /// Calls back what is not wanted any more, and throws away what was begun of it, so that the next chunk begins with
    /// an idle crew. It takes no longer than one target, of which each of the crew has one at most that was begun... or
    /// `until` says that all is over.
    pub(super) fn rest(&self, until: impl Fn() -> bool) -> Result<(), AppError> {
        self.call_back();
        while self.is_busy() && !until() {
            self.receive(Duration::from_millis(50))?;
        }
        Ok(())
    }

    /// Calls back what was sent and nobody has begun.
    pub(super) fn call_back(&self) {
        while self.queue.try_recv().is_ok() {
            self.work.under_way.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether something has not come back.
    pub(super) fn is_busy(&self) -> bool {
        self.work.under_way.load(Ordering::Relaxed) > 0
    }

    /// Tells every worker which run it is for.
    pub(super) fn begin(&self, orders: &Orders) {
        for sender in &self.orders {
            // A thread whose worker did not start has ended.
            let _ = sender.send(orders.clone());
        }
    }
}

/// What a thread of the crew is told before its first target.
#[derive(Clone)]
pub(super) struct Orders {
    pub(super) facts: RunFacts,
    /// Whether users come more than once, so that how each is left is to be kept.
    pub(super) keep: bool,
    /// Whether whoever would be changed fails.
    pub(super) reports: bool,
    pub(super) clock: Arc<dyn Clock>,
    /// A worker is given at most so many targets in advance.
    pub(super) ahead: i64,
}

/// Feeds one worker until there is no more work or nobody wants the results.
fn drive(
    mut worker: Worker<'_>,
    evaluate: &dyn Fn(Target, Report) -> Evaluated,
    most_ahead: i64,
    queue: &Receiver<Target>,
    results: &Sender<Batch>,
    dismissed: &AtomicBool,
) {
    let mut ahead: i64 = 1;
    let mut open = true;
    while !dismissed.load(Ordering::Relaxed) {
        fail::fail_point!("thread.worker");
        let mut targets = Vec::new();
        while open && ((worker.waiting() + targets.len()) as i64) < ahead {
            match queue.try_recv() {
                Ok(target) => targets.push(target),
                Err(TryRecvError::Disconnected) => open = false,
                Err(TryRecvError::Empty) if worker.waiting() + targets.len() > 0 => break,
                Err(TryRecvError::Empty) => match queue.recv() {
                    Ok(target) => targets.push(target),
                    Err(_) => open = false,
                },
            }
        }
        worker.submit(targets);
        if worker.waiting() == 0 {
            return;
        }
        let batch = match worker.receive() {
            Ok(reports) if reports.is_empty() => continue,
            Ok(reports) => {
                let spent =
                    reports.iter().fold(0, |sum: i64, (_, report)| sum.saturating_add(report.micros.max(1)));
                let each = spent / i64::try_from(reports.len()).unwrap_or(1);
                ahead = (AHEAD_MICROS / each.max(1)).clamp(1, most_ahead);
                Ok(reports.into_iter().map(|(target, report)| evaluate(target, report)).collect())
            }
            Err(broken) => {
                debug!(error = %broken, "worker process broken");
                Err(broken.into())
            }
        };
        let broken = batch.is_err();
        if results.send(batch).is_err() || broken {
            return;
        }
    }
}
