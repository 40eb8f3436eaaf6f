//! The execution of a chunk: a loader reads targets, the crew computes their outcomes, and this thread commits them in
//! the order of the targets. Between loading and commit there are at most [`WINDOW`] targets, so memory does not grow
//! with their number; whatever is not committed when the process dies has had no effect.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use rollcall_domain::{Mode, Run, RunId, Tally, User, UserId};
use rollcall_sandbox::{RunFacts, Target};
use rollcall_store::{Loaded, Settled, Store, StoreError};
use tracing::{Span, debug};

use super::chains::Chains;
use super::crew::{Crew, Orders, Work};
use super::evaluate::{Evaluated, conflict, plan_before};
use super::guard::guarded;
use super::ledger::{Ledger, Written, chunk_size};
use crate::app::App;
use crate::error::AppError;

/// Targets between loading and commit.
const WINDOW: i64 = 12_000;
/// Bytes of rows between loading and commit: of long ones there are fewer.
const WINDOW_BYTES: i64 = 256 << 20;
/// The part of the window that is loaded at once, or given to one worker in advance.
const PART: i64 = 12;
/// Outcomes wait at most this long for others to be committed with.
const PATIENCE: Duration = Duration::from_secs(1);
/// What was begun when a turn is over is waited for at most this long.
const AT_LAST: Duration = Duration::from_secs(2);
/// A user that is changed by others this many times in a row, between loading and commit, is left alone.
const TRIES: u32 = 5;

/// Executes the ledger's chunk, until it is through or the ledger says that it ends.
pub(super) fn execute(
    app: &App,
    run: &Run,
    crew: &Crew,
    window: i64,
    ledger: &mut Ledger<'_>,
) -> Result<(), AppError> {
    let (first, last) = (ledger.cursor(), ledger.last());
    let committed = AtomicI64::new(first);
    let mut committer = Committer {
        app,
        run,
        ledger,
        settled: BTreeMap::new(),
        chains: Chains::default(),
        tries: HashMap::new(),
        restless: HashSet::new(),
        chunk: chunk_size(),
    };
    std::thread::scope(|scope| {
        // The loader waits for the committer's permits, and ends when the committer does.
        let (permits, permitted) = bounded(1);
        let (loaded, notices) = unbounded();
        let (work, committed) = (crew.work.clone(), &committed);
        let span = Span::current();
        scope.spawn(move || {
            let _span = span.entered();
            let range = Range { run: run.id, first, last, window };
            let done = guarded("loader", || {
                Ok(load(app.store_unchecked(), range, &work, &loaded, &permitted, committed)?)
            });
            if let Err(error) = done {
                let _ = loaded.send(Err(error));
            }
        });
        let loading = Loading { notices, permits, committed };
        let result = committer.commit_all(crew, &loading);
        // The loader finds it gone.
        drop(loading);
        result
    })
}

/// Tells the crew which run it is for.
pub(super) fn begin(app: &App, run: &Run, crew: &Crew, window: i64) {
    let facts = RunFacts {
        id: run.id,
        now: run.created_at,
        preview: run.mode == Mode::Preview,
        administrator: run.administrator.clone(),
        columns: run.columns.clone().unwrap_or_default(),
    };
    crew.begin(&Orders {
        facts,
        keep: run.repeats,
        reports: run.settings.report,
        clock: app.shared.clock.clone(),
        ahead: window / PART,
    });
}

/// How many targets of a run may be between loading and commit.
pub(super) fn window(app: &App, run: &Run) -> Result<i64, AppError> {
    let Some(columns) = &run.columns else { return Ok(WINDOW) };
    // Once as it came and once on its way to a worker, and what every cell costs beside its text.
    let row = 2 * app.store_unchecked().chunks().longest_row(run.id)?
        + 64 * i64::try_from(columns.len()).unwrap_or(i64::MAX / 128);
    Ok((WINDOW_BYTES / row.max(1)).clamp(PART, WINDOW))
}

/// What the loader has to say beside the targets that go to the crew, or why it stopped.
type Notice = Result<Aside, AppError>;

/// A target that does not go to the crew, at least not yet.
enum Aside {
    /// Its user is gone.
    Gone(i64, UserId),
    /// Its user has an earlier target, which may not be settled.
    Again { number: i64, prior: i64, user_id: UserId, cells: Option<Vec<String>> },
}

/// The committer's ends of what joins it and the loader.
struct Loading<'a> {
    notices: Receiver<Notice>,
    /// Wakes the loader, which then looks at `committed`.
    permits: Sender<()>,
    /// Every target up to here is committed.
    committed: &'a AtomicI64,
}

/// What the loader has to load.
#[derive(Clone, Copy)]
struct Range {
    run: RunId,
    /// Everything up to here has its outcome.
    first: i64,
    last: i64,
    window: i64,
}

/// Loads targets as far as the window allows and hands them to the crew.
fn load(
    store: &Store,
    range: Range,
    work: &Work,
    notices: &Sender<Notice>,
    permitted: &Receiver<()>,
    committed: &AtomicI64,
) -> Result<(), StoreError> {
    let Range { run, first, last: end, window } = range;
    let mut loaded = first;
    while loaded < end {
        fail::fail_point!("thread.loader");
        while loaded + window / PART > committed.load(Ordering::Acquire) + window {
            if permitted.recv().is_err() {
                return Ok(()); // the run ends early
            }
        }
        let last = (loaded + window / PART).min(end);
        for Loaded { target: number, user_id, user, cells, prior } in
            store.chunks().load(run, loaded, last)?
        {
            let nobody_there = match (user, prior) {
                (Some(user), None) => work.send(Target { number, user, cells }).is_err(),
                (Some(_), Some(prior)) => {
                    notices.send(Ok(Aside::Again { number, prior, user_id, cells })).is_err()
                }
                (None, _) => notices.send(Ok(Aside::Gone(number, user_id))).is_err(),
            };
            if nobody_there {
                return Ok(());
            }
        }
        loaded = last;
    }
    Ok(())
}

/// The user that a target is to be executed on.
enum Base {
    Ready(User),
    /// It was removed.
    Gone,
    /// Somebody else has changed what the preview planned to change.
    Changed(User),
}

struct Committer<'a, 'b> {
    app: &'a App,
    run: &'a Run,
    ledger: &'a mut Ledger<'b>,
    /// Outcomes that are not committed yet.
    settled: BTreeMap<i64, Evaluated>,
    /// Targets whose user has an earlier one.
    chains: Chains,
    /// How often a target was executed again.
    tries: HashMap<i64, u32>,
    /// Users that others have changed while the run was at them. Their targets are committed one by one: of a long
    /// chain that is built before it is committed, the next change would cost all of it.
    restless: HashSet<UserId>,
    /// So many outcomes are committed without waiting for more.
    chunk: usize,
}

impl Committer<'_, '_> {
    fn commit_all(&mut self, crew: &Crew, loading: &Loading<'_>) -> Result<(), AppError> {
        let mut last_commit = Instant::now();
        // Others may take their share of the chunk meanwhile.
        while self.ledger.cursor() < self.ledger.last() {
            for evaluated in crew.receive(Duration::from_millis(50))? {
                self.take(evaluated, &crew.work)?;
            }
            while let Ok(notice) = loading.notices.try_recv() {
                match notice? {
                    Aside::Gone(number, user_id) => self.take(conflict(number, user_id, None), &crew.work)?,
                    Aside::Again { number, prior, user_id, cells } => {
                        self.chains.add(prior, number, user_id, cells);
                        self.go_on_after(prior, &crew.work)?;
                    }
                }
            }
            let ends = self.ledger.ends()?;
            let ready = self.ready();
            let due =
                ready >= self.chunk || ends || self.chains.want_commit() || last_commit.elapsed() >= PATIENCE;
            if due || self.ledger.cursor() + ready as i64 == self.ledger.last() {
                fail::fail_point!("thread.committer");
                self.commit(ready, &crew.work)?;
                last_commit = Instant::now();
                loading.committed.store(self.ledger.cursor(), Ordering::Release);
                let _ = loading.permits.try_send(());
            }
            let settled = &self.settled;
            self.ledger.tell(|| {
                let mut tally = Tally::default();
                settled.values().for_each(|evaluated| tally.count(evaluated.settled.outcome().outcome));
                tally
            });
            if ends || self.ledger.ends()? {
                break;
            }
        }
        if self.ledger.yields() {
            self.finish_begun(crew)?;
        }
        Ok(())
    }

    /// Commits what the crew is at, too, before another run has its turn: of slow targets much would be done again.
    fn finish_begun(&mut self, crew: &Crew) -> Result<(), AppError> {
        let since = Instant::now();
        while since.elapsed() < AT_LAST && crew.is_busy() && !self.ledger.is_told() {
            crew.call_back();
            for evaluated in crew.receive(Duration::from_millis(50))? {
                self.take(evaluated, &crew.work)?;
            }
            self.ledger.keep_chunk()?;
        }
        let ready = self.ready();
        self.commit(ready, &crew.work)
    }

    fn take(&mut self, evaluated: Evaluated, work: &Work) -> Result<(), AppError> {
        let number = evaluated.settled.outcome().target;
        if self.chains.accept(number) {
            let evaluated = match self.chains.prior(number) {
                Some(prior) => evaluated.called(self.chains.username_after(prior)),
                None => evaluated,
            };
            self.settled.insert(number, evaluated);
            return self.go_on_after(number, work);
        }
        // It was executed on what has turned out wrong since.
        match self.chains.prior(number) {
            Some(prior) => self.go_on_after(prior, work),
            None => Ok(()),
        }
    }

    /// Hands the next target of the same user to the crew, if it waits for this one and can go on.
    fn go_on_after(&mut self, prior: i64, work: &Work) -> Result<(), AppError> {
        let Some(link) = self.chains.waiting_for(prior) else { return Ok(()) };
        let (number, user_id) = (link.number, link.user_id);
        let base = if prior <= self.ledger.cursor() {
            self.committed_user(number)?
        } else {
            match self.settled.get(&prior).map(|before| before.left.clone()) {
                None => return Ok(()), // not settled yet
                left if left == Some(None) || self.restless.contains(&user_id) => {
                    self.chains.wait_for_commit_of(prior);
                    return Ok(());
                }
                Some(left) => left.map_or(Base::Gone, Base::Ready),
            }
        };
        let cells = link.cells.clone();
        let username = match self.settled.get(&prior) {
            Some(before) => before.settled.outcome().username.clone(),
            None => {
                let before =
                    self.app.store_unchecked().outcomes().page(self.run.id, None, prior - 1, 1)?.pop();
                before.and_then(|before| before.username)
            }
        };
        self.chains.executing_after(prior, username);
        match base {
            Base::Ready(user) => {
                let _ = work.send(Target { number, user, cells });
                Ok(())
            }
            Base::Gone => self.take(conflict(number, user_id, None), work),
            Base::Changed(user) => self.take(conflict(number, user_id, Some(&user)), work),
        }
    }

    /// The user of a target whose earlier targets are all committed, as those leave it.
    fn committed_user(&self, number: i64) -> Result<Base, AppError> {
        let loaded = self.app.store_unchecked().chunks().load(self.run.id, number - 1, number)?.pop();
        let Some(mut user) = loaded.and_then(|loaded| loaded.user) else { return Ok(Base::Gone) };
        if self.run.mode == Mode::Apply {
            return Ok(Base::Ready(user));
        }
        let fits = plan_before(self.app, self.run, number, &mut user)?;
        Ok(if fits { Base::Ready(user) } else { Base::Changed(user) })
    }

    /// How many outcomes follow the cursor without a gap.
    fn ready(&self) -> usize {
        let expected = self.ledger.cursor() + 1..=self.ledger.last();
        self.settled.keys().zip(expected).take(self.chunk).take_while(|(have, want)| **have == *want).count()
    }

    /// Commits the next `count` outcomes, or sends those whose user has changed meanwhile through the crew again.
    fn commit(&mut self, count: usize, work: &Work) -> Result<(), AppError> {
        if count == 0 {
            return Ok(());
        }
        let last = self.ledger.cursor() + count as i64;
        let later = self.settled.split_off(&(last + 1));
        let evaluated = std::mem::replace(&mut self.settled, later).into_values();
        let (chunk, left): (Vec<Settled>, Vec<Option<User>>) =
            evaluated.map(|Evaluated { settled, left }| (settled, left)).unzip();
        match self.ledger.commit(&chunk)? {
            Written::Done(done, refused) => {
                if self.run.repeats {
                    for number in refused {
                        self.outdate_after(number);
                    }
                    for number in chunk[..done].iter().map(|settled| settled.outcome().target) {
                        self.chains.committed(number);
                        self.go_on_after(number, work)?;
                    }
                }
            }
            Written::Stale(numbers) => {
                let evaluated = chunk.into_iter().zip(left);
                let evaluated = evaluated.map(|(settled, left)| Evaluated { settled, left });
                self.settled.extend(evaluated.map(|each| (each.settled.outcome().target, each)));
                for number in numbers {
                    self.repeat(number, work)?;
                }
            }
        }
        Ok(())
    }

    fn outdate_after(&mut self, number: i64) {
        for follower in self.chains.outdate_after(number) {
            self.settled.remove(&follower);
        }
    }

    /// Executes a target again, on its user as it is now, and what follows it.
    fn repeat(&mut self, number: i64, work: &Work) -> Result<(), AppError> {
        let Some(Evaluated { settled, .. }) = self.settled.remove(&number) else { return Ok(()) };
        self.outdate_after(number);
        let tries = self.tries.entry(number).or_default();
        *tries += 1;
        debug!(target = number, tries, "user changed meanwhile: target executed again");
        let again = *tries <= TRIES;
        if self.run.repeats && self.run.mode == Mode::Apply {
            self.restless.insert(settled.outcome().user_id);
        }
        if let Some(prior) = self.chains.prior(number)
            && again
        {
            self.chains.wait_for_commit_of(prior);
            if prior <= self.ledger.cursor() {
                self.chains.committed(prior);
            }
            return self.go_on_after(prior, work);
        }
        let loaded = self.app.store_unchecked().chunks().load(self.run.id, number - 1, number)?.pop();
        let (user, cells) = loaded.map_or((None, None), |loaded| (loaded.user, loaded.cells));
        match user {
            Some(user) if again => {
                let _ = work.send(Target { number, user, cells });
                Ok(())
            }
            user => self.take(conflict(number, settled.outcome().user_id, user.as_ref()), work),
        }
    }
}
