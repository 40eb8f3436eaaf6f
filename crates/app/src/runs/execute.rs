//! A run's execution: a loader reads targets, the crew computes their outcomes, and this thread commits them in the
//! order of the targets. Between loading and commit there are at most [`WINDOW`] targets, so memory does not grow with
//! their number; whatever is not committed when the process dies has had no effect.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rollcall_domain::{Mode, Run, RunId, Tally, UserId};
use rollcall_sandbox::{RunFacts, Target};
use rollcall_store::{ChunkOf, Commit, Loaded, Settled, Store, StoreError};

use super::crew::{Crew, Lost};
use super::evaluate::conflict;
use super::{Observer, Progress, Stop};
use crate::{App, AppError};

/// Targets between loading and commit.
const WINDOW: u32 = 12_000;
/// Targets that are loaded at once.
const LOAD: i64 = 1_000;
/// Outcomes that are committed at once, when they come fast.
const CHUNK: usize = 4_000;
/// Outcomes wait at most this long for others to be committed with.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often whoever watches is told.
const TELL: Duration = Duration::from_millis(200);
/// A user that is changed by others this many times in a row, between loading and commit, is left alone.
const TRIES: u32 = 5;

/// What an execution came to.
pub(super) struct Executed {
    pub(super) result: Result<(), AppError>,
    pub(super) tally: Tally,
    pub(super) elapsed: Duration,
}

/// Executes a run from its first target to its last, or until `stop` is set.
pub(super) fn execute(
    app: &App,
    run: &Run,
    holder: &str,
    crew: Crew,
    stop: &Stop,
    observer: &mut dyn Observer,
) -> Executed {
    crew.begin(&RunFacts {
        id: run.id,
        now: run.created_at,
        preview: run.mode == Mode::Preview,
        administrator: run.administrator.clone(),
    });
    let targets = i64::try_from(run.targets).unwrap_or(i64::MAX);
    let started = Instant::now();
    let committed = AtomicI64::new(0);
    let mut committer = Committer {
        app,
        run,
        holder,
        started,
        cursor: 0,
        settled: BTreeMap::new(),
        tries: HashMap::new(),
        tally: Tally::default(),
    };
    let result = std::thread::scope(|scope| {
        // The loader waits for the committer's permits, and ends when the committer does.
        let (permits, permitted) = bounded(1);
        let (loaded, notices) = bounded(WINDOW as usize);
        let (work, committed) = (crew.work.clone(), &committed);
        scope.spawn(move || {
            if let Err(error) = load(&app.store, run.id, targets, &work, &loaded, &permitted, committed) {
                let _ = loaded.send(Err(error));
            }
        });
        let loading = Loading { notices, permits, committed };
        let result = committer.commit_all(&crew, &loading, stop, observer);
        // Whoever waits for the other side finds it gone.
        drop((crew, loading));
        result
    });
    Executed { result, tally: committer.tally, elapsed: started.elapsed() }
}

/// What the loader has to say beside the targets that go to the crew: one whose user is gone, or why it stopped.
type Notice = Result<(i64, UserId), StoreError>;

/// The committer's ends of what joins it and the loader.
struct Loading<'a> {
    notices: Receiver<Notice>,
    /// Wakes the loader, which then looks at `committed`.
    permits: Sender<()>,
    /// Every target up to here is committed.
    committed: &'a AtomicI64,
}

/// Loads targets as far as the window allows and hands them to the crew.
fn load(
    store: &Store,
    run: RunId,
    targets: i64,
    work: &Sender<Target>,
    notices: &Sender<Notice>,
    permitted: &Receiver<()>,
    committed: &AtomicI64,
) -> Result<(), StoreError> {
    let mut loaded = 0;
    while loaded < targets {
        while loaded + LOAD > committed.load(Ordering::Acquire) + i64::from(WINDOW) {
            if permitted.recv().is_err() {
                return Ok(()); // the run ends early
            }
        }
        let last = (loaded + LOAD).min(targets);
        for Loaded { target: number, user_id, user, .. } in store.load_chunk(run, loaded, last)? {
            let nobody_there = match user {
                Some(user) => work.send(Target { number, user }).is_err(),
                None => notices.send(Ok((number, user_id))).is_err(),
            };
            if nobody_there {
                return Ok(());
            }
        }
        loaded = last;
    }
    Ok(())
}

struct Committer<'a> {
    app: &'a App,
    run: &'a Run,
    holder: &'a str,
    started: Instant,
    /// Every target up to here is committed.
    cursor: i64,
    /// Outcomes that are not committed yet.
    settled: BTreeMap<i64, Settled>,
    /// How often a target was executed again.
    tries: HashMap<i64, u32>,
    /// Committed outcomes.
    tally: Tally,
}

impl Committer<'_> {
    fn commit_all(
        &mut self,
        crew: &Crew,
        loading: &Loading<'_>,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> Result<(), AppError> {
        let targets = i64::try_from(self.run.targets).unwrap_or(i64::MAX);
        let (mut last_commit, mut last_told) = (Instant::now(), Instant::now());
        while self.cursor < targets {
            match crew.done.recv_timeout(Duration::from_millis(50)) {
                Ok(Ok(batch)) => batch.into_iter().for_each(|settled| self.take(settled)),
                Ok(Err(Lost::Broken(broken))) => return Err(broken.into()),
                Ok(Err(Lost::Panicked)) | Err(RecvTimeoutError::Disconnected) => {
                    return Err(AppError::CrewLost);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            while let Ok(notice) = loading.notices.try_recv() {
                let (number, user_id) = notice?;
                self.take(conflict(number, user_id, None));
            }
            let stopping = stop.load(Ordering::Relaxed);
            let ready = self.ready();
            let due = ready >= CHUNK || stopping || last_commit.elapsed() >= PATIENCE;
            if due || self.cursor + ready as i64 == targets {
                self.commit(ready, &crew.work)?;
                last_commit = Instant::now();
                loading.committed.store(self.cursor, Ordering::Release);
                let _ = loading.permits.try_send(());
            }
            if last_told.elapsed() >= TELL {
                observer.progress(Progress { targets: self.run.targets, tally: self.seen() });
                last_told = Instant::now();
            }
            if stopping {
                break;
            }
        }
        observer.progress(Progress { targets: self.run.targets, tally: self.tally });
        Ok(())
    }

    fn take(&mut self, settled: Settled) {
        self.settled.insert(settled.outcome().target, settled);
    }

    /// The committed outcomes and those that wait to be.
    fn seen(&self) -> Tally {
        let mut tally = self.tally;
        self.settled.values().for_each(|settled| tally.count(settled.outcome().outcome));
        tally
    }

    /// How many outcomes follow the cursor without a gap.
    fn ready(&self) -> usize {
        let expected = self.cursor + 1..;
        self.settled.keys().zip(expected).take(CHUNK).take_while(|(have, want)| **have == *want).count()
    }

    /// Commits the next `count` outcomes, or sends those whose user has changed meanwhile through the crew again.
    fn commit(&mut self, count: usize, work: &Sender<Target>) -> Result<(), AppError> {
        if count == 0 {
            return Ok(());
        }
        let last = self.cursor + count as i64;
        let later = self.settled.split_off(&(last + 1));
        let chunk: Vec<Settled> = std::mem::replace(&mut self.settled, later).into_values().collect();
        let of = ChunkOf {
            run: self.run.id,
            mode: self.run.mode,
            holder: self.holder,
            after: self.cursor,
            last,
            now: self.app.clock.now(),
            millis: i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX),
        };
        let commit = match self.app.store.commit_chunk(of, &chunk) {
            // Somebody else writes for a long time. Nothing is lost by waiting, and a cancel is heard in between.
            Err(StoreError::Busy) => Commit::Stale(Vec::new()),
            commit => commit?,
        };
        match commit {
            Commit::Done { tally, .. } => {
                self.cursor = last;
                self.tally += tally;
            }
            Commit::Stale(numbers) => {
                self.settled.extend(chunk.into_iter().map(|settled| (settled.outcome().target, settled)));
                for number in numbers {
                    self.repeat(number, work)?;
                }
            }
        }
        Ok(())
    }

    /// Executes a target again, on its user as it is now.
    fn repeat(&mut self, number: i64, work: &Sender<Target>) -> Result<(), AppError> {
        let Some(settled) = self.settled.remove(&number) else { return Ok(()) };
        let user_id = settled.outcome().user_id;
        let user = self.app.store.load_users(&[user_id])?.pop();
        let tries = self.tries.entry(number).or_default();
        *tries += 1;
        match user {
            Some(user) if *tries <= TRIES => {
                let _ = work.send(Target { number, user });
            }
            user => {
                self.settled.insert(number, conflict(number, user_id, user.as_ref()));
            }
        }
        Ok(())
    }
}
