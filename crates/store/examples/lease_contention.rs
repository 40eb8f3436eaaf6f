//! How many workers can share one run before they stand in each other's way, measured on a PostgreSQL server: each is a
//! thread with connections of its own, and does to the database just what a worker process does. Only scripts are not
//! executed: `slow` ones take 20 ms to 1 s a user and change nobody, `fast` ones take no time and change nobody, `write`
//! does the same and changes everybody.
//!
//! `scripts/lease-contention` gives it a server.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for whoever develops Rollcall")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use rollcall_domain::filter::{Filter, parse};
use rollcall_domain::{
    Act, Brakes, Catalogue, Clock, Counts, Edit, Field, Mode, Outcome, Run, RunState, Scope, Selection,
    Settings, SystemClock, TargetOutcome, Value, Zone, diff,
};
use rollcall_store::{
    Beat, Chunk, Commit, Creation, Hold, Lessee, List, Loaded, Location, NewRun, RunEnd, Settled, Store,
    StoreError, Stretch, Watch,
};

/// What the application has under these names.
const CHUNK: usize = 4_000;
const PART: i64 = 1_000;
const LEASE: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(500);
const SOON: Duration = Duration::from_millis(20);
const DOUBLED: u32 = 6;
const BEAT: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Load {
    Slow,
    Fast,
    Write,
}

impl Load {
    fn mode(self) -> Mode {
        if self == Self::Write { Mode::Apply } else { Mode::Preview }
    }

    /// As many as keep all workers busy for some twenty seconds, if their scripts are slow.
    fn targets(self, workers: usize, users: i64) -> i64 {
        match self {
            Self::Slow => (i64::try_from(workers).unwrap() * 80).min(users),
            Self::Fast | Self::Write => users,
        }
    }

    /// How long the script takes for a target: evenly spread over the orders of magnitude, 250 ms on average.
    fn takes(self, target: i64) -> Duration {
        if self != Self::Slow {
            return Duration::ZERO;
        }
        let part = f64::from(u16::try_from(target * 40_503 % 65_536).unwrap()) / 65_536.0;
        Duration::from_secs_f64(0.02 * 50_f64.powf(part))
    }
}

/// What a worker has measured.
#[derive(Default)]
struct Measured {
    leases: Vec<Duration>,
    in_vain: usize,
    commits: Vec<Duration>,
    shortened: usize,
    busy: usize,
    stolen: usize,
    looks: usize,
    idle: Duration,
}

impl Measured {
    fn add(&mut self, other: Self) {
        self.leases.extend(other.leases);
        self.commits.extend(other.commits);
        self.in_vain += other.in_vain;
        self.shortened += other.shortened;
        self.busy += other.busy;
        self.stolen += other.stolen;
        self.looks += other.looks;
        self.idle += other.idle;
    }
}

fn timed<T>(times: &mut Vec<Duration>, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = work();
    times.push(start.elapsed());
    done
}

struct Worker<'a> {
    id: String,
    store: Store,
    watch: Watch,
    load: Load,
    catalogue: &'a Catalogue,
    over: &'a AtomicBool,
    seen: Measured,
    committed: u64,
    beaten: Instant,
    looked: Instant,
    without_work: Instant,
}

impl<'a> Worker<'a> {
    fn new(number: usize, at: &Location, load: Load, catalogue: &'a Catalogue, over: &'a AtomicBool) -> Self {
        let store = Store::open(at).unwrap();
        let watch = store.watch().unwrap();
        let now = Instant::now();
        let id = format!("worker {number}");
        let (seen, committed) = (Measured::default(), 0);
        Self {
            id,
            store,
            watch,
            load,
            catalogue,
            over,
            seen,
            committed,
            beaten: now,
            looked: now,
            without_work: now,
        }
    }

    fn lessee(&self) -> Lessee<'_> {
        Lessee { holder: &self.id, lease: LEASE, leased_until: SystemClock.now() }
    }

    /// As `App::work`.
    fn work(mut self) -> Measured {
        self.without_work = Instant::now();
        while !self.over.load(Ordering::Relaxed) {
            self.beat();
            self.seen.looks += 1;
            let run = self
                .store
                .workers()
                .runs_to_do(20)
                .unwrap()
                .first()
                .and_then(|id| self.store.runs().by_id(*id).unwrap());
            match run.filter(|run| run.state == RunState::Running) {
                Some(run) => self.help(&run),
                None => drop(self.watch.wait(LOOK).unwrap()),
            }
        }
        self.seen.idle += self.without_work.elapsed();
        self.seen
    }

    /// As the thread that says that a worker is alive.
    fn beat(&mut self) {
        if self.beaten.elapsed() >= BEAT {
            self.beaten = Instant::now();
            let (id, committed) = (&self.id, self.committed);
            let beat = Beat { id, crew: 1, run: Some(1), committed, speed: 0, draining: false };
            self.store.workers().beat(&beat).unwrap();
            self.store.chunks().holders().unwrap();
            self.store.workers().all().unwrap();
        }
    }

    /// As `Ledger::next_chunk`, until there is nothing more.
    fn help(&mut self, run: &Run) {
        let hold = Hold { run: run.id, token: run.token };
        let mut in_vain = 0;
        loop {
            self.seen.looks += 1;
            let glance = self.store.chunks().glance(run.id).unwrap();
            if glance.state != RunState::Running {
                return;
            }
            if glance.chunks == 0 {
                let (state, note, ended_at, millis) = (RunState::Finished, None, SystemClock.now(), 0);
                match self.store.runs().end(hold, &RunEnd { state, note, ended_at, millis }) {
                    Ok(_) | Err(StoreError::RunLost(_)) => self.over.store(true, Ordering::Relaxed),
                    Err(error) => panic!("{error}"),
                }
                return;
            }
            if !glance.free {
                return;
            }
            let lessee = Lessee { holder: &self.id, lease: LEASE, leased_until: SystemClock.now() };
            let leased = timed(&mut self.seen.leases, || self.store.chunks().lease(hold, &lessee));
            match leased {
                Ok(Some(chunk)) => {
                    self.seen.idle += self.without_work.elapsed();
                    in_vain = 0;
                    self.execute(run, chunk);
                    self.without_work = Instant::now();
                }
                Ok(None) | Err(StoreError::Busy) => {
                    self.seen.in_vain += 1;
                    pause(SOON * 2_u32.pow(in_vain));
                    in_vain = DOUBLED.min(in_vain + 1);
                }
                Err(StoreError::RunLost(_)) => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// As the loader and the committer of a chunk.
    fn execute(&mut self, run: &Run, chunk: Chunk) {
        let (mut chunk, started, first) = (Some(chunk), Instant::now(), chunk.done);
        let mut loaded = std::collections::VecDeque::new();
        let mut up_to = first;
        let (mut settled, mut last_commit) = (Vec::new(), Instant::now());
        while let Some(held) = chunk {
            if held.done >= held.last {
                return;
            }
            if loaded.is_empty() && up_to < held.last {
                let next = (up_to + PART).min(held.last);
                loaded.extend(self.store.chunks().load(run.id, up_to, next).unwrap());
                up_to = next;
            }
            if let Some(target) = loaded.pop_front() {
                pause(self.load.takes(target.target));
                settled.push(self.settle(run, &target));
            }
            let through = held.done + settled.len() as i64 >= held.last;
            if settled.len() >= CHUNK || through || last_commit.elapsed() >= PATIENCE {
                chunk = self.commit(run, held, &mut settled, started, first);
                last_commit = Instant::now();
            }
            self.beat();
            if self.looked.elapsed() >= PATIENCE {
                self.looked = Instant::now();
                self.seen.looks += 1;
                self.store.chunks().glance(run.id).unwrap();
            }
        }
    }

    fn settle(&self, run: &Run, target: &Loaded) -> Settled {
        let user = target.user.as_ref().unwrap();
        let mut after = user.clone();
        if self.load == Load::Write {
            let text = format!("{} was here in run {}", self.id, run.id);
            after.edit(Edit::Set(Field::Description, Value::Text(text)), self.catalogue).unwrap();
        }
        let changes = diff(user, &after);
        let outcome = if changes.is_empty() { Outcome::Unchanged } else { Outcome::Changed };
        let outcome = TargetOutcome {
            username: Some(user.username.clone()),
            organization_id: Some(user.organization_id),
            changes,
            micros: 20,
            ..TargetOutcome::new(target.target, user.id, outcome)
        };
        let changed = outcome.outcome == Outcome::Changed;
        Settled::new(outcome, Some(user.version), changed.then_some(after))
    }

    /// As `Ledger::commit`: what is left of the chunk, if it is ours still.
    fn commit(
        &mut self,
        run: &Run,
        held: Chunk,
        settled: &mut Vec<Settled>,
        started: Instant,
        first: i64,
    ) -> Option<Chunk> {
        let mut held = held;
        loop {
            let last = held.done + settled.len() as i64;
            let of = Stretch {
                chunk: held.id,
                hold: Hold { run: run.id, token: run.token },
                lessee: self.lessee(),
                mode: run.mode,
                brakes: Brakes::default(),
                braked_from: Counts::default(),
                stop: None,
                refused: Outcome::Failed,
                after: held.done,
                last,
                now: SystemClock.now(),
                millis: 1,
                pace: i64::try_from(started.elapsed().as_micros()).unwrap() / (last - first).max(1),
            };
            let start = Instant::now();
            let done = self.store.chunks().commit(&of, settled);
            self.seen.commits.push(start.elapsed());
            match done {
                Ok(Commit::Done { .. }) => {
                    self.committed += settled.len() as u64;
                    settled.clear();
                    return Some(Chunk { done: last, ..held });
                }
                Ok(Commit::Shortened(end)) => {
                    self.seen.shortened += 1;
                    let left = usize::try_from(end - held.done).unwrap_or(0);
                    self.seen.stolen += settled.len().saturating_sub(left);
                    settled.truncate(left);
                    held.last = end;
                    if settled.is_empty() {
                        return None;
                    }
                }
                // A chunk that was shortened to just where it was done is not there any more.
                Ok(Commit::ChunkLost) | Err(StoreError::RunLost(_)) => {
                    self.seen.stolen += settled.len();
                    return None;
                }
                // Who was faster with the end of the chunk has written its users.
                Ok(Commit::Stale(_)) => {
                    self.seen.stolen += settled.len();
                    let anew = self.store.chunks().load(run.id, held.done, last).unwrap();
                    *settled = anew.iter().map(|target| self.settle(run, target)).collect();
                }
                Err(StoreError::Busy) => self.seen.busy += 1,
                other => panic!("{other:?}"),
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "time goes by: that is what is simulated")]
fn pause(time: Duration) {
    if !time.is_zero() {
        std::thread::sleep(time);
    }
}

fn filter(targets: i64) -> Filter {
    parse(&format!("obj_id le {targets}"), &Zone::utc(), SystemClock.now()).unwrap()
}

fn make_run(store: &Store, load: Load, targets: i64) -> Run {
    let new = NewRun {
        mode: load.mode(),
        script: "contention.py",
        script_version: None,
        source: "",
        params: "{}",
        selection: &Selection::All,
        list: List::Filter(&filter(targets)),
        act: Act { at: SystemClock.now(), who: "cli:test", administrator_id: None, address: None },
        scope: &Scope::Everywhere,
        settings: &Settings::default(),
        applies: None,
        undoes: None,
        state: RunState::Running,
        holder: None,
        leased_until: SystemClock.now(),
        key: None,
    };
    match store.runs().create(&new).unwrap() {
        Creation::New(run) => *run,
        Creation::Existing(run) => panic!("run {run} was there before"),
    }
}

/// Users, by the quickest way there is.
fn make_users(client: &mut Client, users: i64) {
    let made = "INSERT INTO organizations (name) VALUES ('default') ON CONFLICT DO NOTHING";
    client.batch_execute(made).unwrap();
    let make = "INSERT INTO users (username, username_length, first_name, last_name, email, external_id, klass, is_active, \
                date_joined, last_update, organization_id, avatar_url, description) \
                SELECT 'user' || n, 8, 'First', 'Last', n || '@example.com', 'x' || n, 'gold', true, now(), now(), 1, '', '' \
                FROM generate_series((SELECT count(*) + 1 FROM users), $1) n";
    client.execute(make, &[&users]).unwrap();
    client.batch_execute("VACUUM ANALYZE").unwrap();
}

fn number(client: &mut Client, query: &str) -> i64 {
    client.query_one(query, &[]).unwrap().get(0)
}

/// That every target has one outcome, that the counters say so, and that every user was written once if at all.
fn check(client: &mut Client, run: &Run, versions: i64) {
    let id = run.id;
    let missing = format!(
        "SELECT count(*) FROM targets t WHERE run_id = {id} \
         AND (SELECT count(*) FROM outcomes o WHERE o.run_id = {id} AND o.seq = t.seq AND o.user_id = t.user_id) <> 1"
    );
    assert_eq!(number(client, &missing), 0, "every target has one outcome");
    let outcomes = number(client, &format!("SELECT count(*) FROM outcomes WHERE run_id = {id}"));
    assert_eq!(outcomes.unsigned_abs(), run.targets, "and nobody else has");
    let counted = format!("SELECT changed + unchanged FROM runs WHERE id = {id} AND state = 'finished'");
    assert_eq!(number(client, &counted), outcomes, "the counters are their sums");
    assert_eq!(number(client, &format!("SELECT count(*) FROM chunks WHERE run_id = {id}")), 0);
    let written = number(client, "SELECT CAST(sum(version) AS BIGINT) FROM users") - versions;
    let expected = if run.mode == Mode::Apply { outcomes } else { 0 };
    assert_eq!(written, expected, "users are written once, or not at all");
}

/// What is printed, times in milliseconds: how long the run took; how much of their time workers were without a chunk;
/// leases, and how many attempts got none; commits; how many targets were executed twice, since others got them; how many
/// commits were refused; how often a worker looked what there is.
const HEAD: [&str; 16] = [
    "workers",
    "targets",
    "s",
    "/s",
    "idle%",
    "leases",
    "vain%",
    "median",
    "p99",
    "commits",
    "median",
    "p99",
    "twice%",
    "refused",
    "deadlocks",
    "looks/s",
];

fn row(cells: &[String; 16]) {
    println!("{}", cells.iter().map(|cell| format!("{cell:>9}")).collect::<String>());
}

fn at(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
    let place = ((times.len() as f64 - 1.0).max(0.0) * share).round() as usize;
    times.get(place).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

fn measure(url: &str, load: Load, workers: usize, users: i64) {
    let location: Location = url.parse().unwrap();
    let mut client = Client::connect(url, NoTls).unwrap();
    let store = Store::open(&location).unwrap();
    let catalogue = store.profiles().catalogue().unwrap();
    let over = AtomicBool::new(false);
    // What an earlier measurement has left behind would be executed first.
    for run in store.workers().runs_to_do(20).unwrap() {
        let act = Act { at: SystemClock.now(), who: "cli:test", administrator_id: None, address: None };
        store.runs().cancel(run, "left over", &act).unwrap();
    }
    let versions = number(&mut client, "SELECT CAST(sum(version) AS BIGINT) FROM users");
    let sum = Mutex::new(Measured::default());
    let targets = load.targets(workers, users);
    let counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let deadlocks = number(&mut client, counted);
    let mut started = Instant::now();
    let mut id = 0;
    std::thread::scope(|scope| {
        let hands: Vec<_> =
            (0..workers).map(|number| Worker::new(number, &location, load, &catalogue, &over)).collect();
        id = make_run(&store, load, targets).id;
        started = Instant::now();
        for hand in hands {
            scope.spawn(|| {
                let seen = hand.work();
                sum.lock().unwrap().add(seen);
            });
        }
    });
    let took = started.elapsed();
    check(&mut client, &store.runs().by_id(id).unwrap().unwrap(), versions);
    let all = took.as_secs_f64() * workers as f64;
    let Measured { mut leases, in_vain, mut commits, shortened, busy, stolen, looks, idle } =
        sum.into_inner().unwrap();
    pause(Duration::from_millis(1_200)); // until the server has counted
    let deadlocks = number(&mut client, counted) - deadlocks;
    let percent = |part: usize, of: usize| format!("{:.1}", 100.0 * part as f64 / of.max(1) as f64);
    row(&[
        workers.to_string(),
        targets.to_string(),
        format!("{:.1}", took.as_secs_f64()),
        format!("{:.0}", targets as f64 / took.as_secs_f64()),
        format!("{:.1}", 100.0 * idle.as_secs_f64() / all),
        (leases.len() - in_vain).to_string(),
        percent(in_vain, leases.len()),
        format!("{:.1}", at(&mut leases, 0.5)),
        format!("{:.1}", at(&mut leases, 0.99)),
        commits.len().to_string(),
        format!("{:.1}", at(&mut commits, 0.5)),
        format!("{:.1}", at(&mut commits, 0.99)),
        percent(stolen, usize::try_from(targets).unwrap()),
        (shortened + busy).to_string(),
        deadlocks.to_string(),
        format!("{:.0}", looks as f64 / took.as_secs_f64()),
    ]);
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().expect("a URL");
    let load = match arguments.next().as_deref() {
        Some("slow") => Load::Slow,
        Some("fast") => Load::Fast,
        Some("write") => Load::Write,
        _ => panic!("slow, fast or write"),
    };
    let users: i64 = arguments.next().expect("how many users").parse().unwrap();
    Store::create(&url.parse().unwrap()).unwrap();
    make_users(&mut Client::connect(&url, NoTls).unwrap(), users);
    row(&HEAD.map(str::to_owned));
    for workers in arguments {
        measure(&url, load, workers.parse().unwrap(), users);
    }
}
