//! Three workers share one run after the other on a server, and are disturbed: killed, stalled past their lease, cut off
//! from the server, told to end, or the server itself goes away. After each run it is checked that nothing is lost, nothing
//! is done twice and nothing is half done. `scripts/worker-loop` does it for longer.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "long loops show how far they are")]

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::cluster::{Cluster, Network};
use crate::common::workers::{Worker, done_by};
use crate::common::{Desk, Done, wait_until};
use crate::state::{Run, Server, Tables, check, number, users};
use fastrand::Rng;
use nix::sys::signal::Signal;

const WORKERS: usize = 3;
const USERS: usize = 400;
/// The shortest that there is, so that a round does not take for ever.
const LEASE: &str = "1s";
/// Longer than a lease.
const STALL: Duration = Duration::from_millis(1_600);

/// Effects that show if they are lost or come twice, in every table; some fail or are skipped. Slow enough that the run
/// is worth sharing and is met in the middle.
const SCRIPT: &str = "\
import time
time.sleep(0.008)
if user.obj_id % 23 == 0: fail('never')
if user.obj_id % 29 == 0: skip('not now')
user.username_length += 1
count = str(user.username_length)
user.attribute_add('Class', count, '+=')
classes = [row for row in user.attributes if row.attr == 'Class']
if len(classes) > 3: user.attribute_remove('Class', classes[0].value)
user.check_attribute_add('Max-Daily-Session', count, ':=')
plus = any(profile.short_name == 'plus' for profile in user.profiles)
(user.profile_remove if plus else user.profile_add)(short_name='plus')
if user.obj_id % 5 == 0: user.is_active = not user.is_active
if user.obj_id % 7 == 0: user.username = user.username[1:] if user.username[0] == 'x' else 'x' + user.username
if row: user.description = row['note']
";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Apply,
    ApplyRows,
    Preview,
    ApplyPreview(i64),
    Undo(i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    Kill,
    KillAll,
    Stall,
    Cut,
    Drain,
    Restart,
    Crash,
}

const TROUBLES: [Trouble; 7] = [
    Trouble::Kill,
    Trouble::KillAll,
    Trouble::Stall,
    Trouble::Cut,
    Trouble::Drain,
    Trouble::Restart,
    Trouble::Crash,
];

/// Where workers are started, and what is done to them.
struct Shop {
    desk: Desk,
    cluster: Cluster,
    workers: Vec<Option<Worker>>,
    rng: Rng,
    /// What workers that have ended say that they have committed.
    committed: u64,
    /// Killed ones do not say.
    exact: bool,
}

impl Shop {
    fn new(seed: u64) -> Self {
        let networks: Vec<_> = (0..WORKERS).map_while(|n| Network::new(u8::try_from(n).unwrap())).collect();
        let cluster = Cluster::start(networks);
        let desk = Desk::on_server_at(cluster.url()).and_users(USERS);
        desk.ok(&["profiles", "add", "plus"]);
        desk.write("script.py", SCRIPT);
        let rows: String = (0..USERS).map(|n| format!("{},note {n}\n", 1 + n * 7 % (USERS / 2))).collect();
        desk.write("rows.csv", format!("obj_id,note\n{rows}"));
        let workers = (0..WORKERS).map(|_| None).collect();
        let mut shop = Self { desk, cluster, workers, rng: Rng::with_seed(seed), committed: 0, exact: true };
        (0..WORKERS).for_each(|n| shop.hire(n));
        shop
    }

    fn permitted(&self, trouble: Trouble) -> bool {
        trouble != Trouble::Cut || self.cluster.networks().len() == WORKERS
    }

    fn hire(&mut self, n: usize) {
        let mut command = self.desk.command(&["worker", "--workers", "1", "--lease", LEASE]);
        let network = self.cluster.networks().get(n);
        command
            .env("ROLLCALL_DATABASE", self.cluster.url_in(network))
            .env("FAILPOINTS", "chunk_size=return(15)");
        let mut inside: Command = match network {
            Some(network) => network.command(&command),
            None => command,
        };
        self.workers[n] = Some(Worker::of(&mut inside));
    }

    fn server(&self) -> Server {
        Server::connect(&self.cluster.url())
    }

    /// Whoever has a chunk of the run, or anybody.
    fn somebody(&mut self) -> usize {
        self.rng.usize(..WORKERS)
    }

    fn ended(&mut self, done: &Done) {
        self.committed += done_by(done);
        assert!(!done.err.contains("panicked"), "{done:?}");
    }

    #[expect(clippy::disallowed_methods, reason = "what is waited for is that time goes by")]
    fn trouble(&mut self, trouble: Trouble) {
        let n = self.somebody();
        match trouble {
            Trouble::Kill => {
                let done = self.workers[n].take().unwrap().kill();
                self.ended(&done);
                self.exact = false;
                self.hire(n);
            }
            Trouble::KillAll => {
                for n in 0..WORKERS {
                    let done = self.workers[n].take().unwrap().kill();
                    self.ended(&done);
                }
                self.exact = false;
                (0..WORKERS).for_each(|n| self.hire(n));
            }
            Trouble::Stall => {
                let worker = self.workers[n].as_ref().unwrap();
                worker.signal(Signal::SIGSTOP);
                std::thread::sleep(STALL);
                worker.signal(Signal::SIGCONT);
            }
            Trouble::Cut => {
                self.cluster.networks()[n].set(false);
                std::thread::sleep(STALL);
                self.cluster.networks()[n].set(true);
            }
            Trouble::Drain => {
                let done = self.workers[n].take().unwrap().drain();
                assert_eq!(done.code, Some(0), "{done:?}");
                self.ended(&done);
                self.hire(n);
            }
            Trouble::Restart | Trouble::Crash => {
                self.cluster.down(trouble == Trouble::Crash);
                self.cluster.up();
            }
        }
    }
}

/// How many rounds, and which.
fn given(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
#[ignore = "needs PostgreSQL: scripts/test and scripts/worker-loop run it"]
fn whatever_happens_to_workers_every_target_is_done_once() {
    let rounds = given("ROLLCALL_WORKER_ROUNDS", 12);
    let seed = given("ROLLCALL_WORKER_SEED", fastrand::u64(..));
    println!("{rounds} rounds (ROLLCALL_WORKER_SEED={seed})");
    let mut shop = Shop::new(seed);
    if !shop.permitted(Trouble::Cut) {
        println!("no networks can be made here: none is cut");
    }
    let (mut troubles, mut works) = (BTreeMap::<Trouble, u64>::new(), BTreeMap::<&str, u64>::new());
    let (mut undoable, mut previews, mut met) = (None, None, 0);
    let started = Instant::now();
    for round in 0..rounds {
        let database = shop.server();
        let before = users(&database);
        let work = match (shop.rng.u8(..5), previews.take(), undoable) {
            (0, ..) => Work::ApplyRows,
            (1, None, _) => Work::Preview,
            (1, Some(preview), _) => Work::ApplyPreview(preview),
            (2, _, Some(run)) => Work::Undo(run),
            _ => Work::Apply,
        };
        undoable = None;
        let line = match work {
            Work::Apply => "run script.py --all --apply --yes --queue --json".to_owned(),
            Work::ApplyRows => "run script.py --csv rows.csv --apply --yes --queue --json".to_owned(),
            Work::Preview => "run script.py --all --queue --json".to_owned(),
            Work::ApplyPreview(preview) => format!("runs apply {preview} --yes --queue --json"),
            Work::Undo(run) => format!("runs undo {run} --apply --yes --queue --json"),
        };
        let made = shop.desk.call(&line.split(' ').collect::<Vec<_>>()).exits(0).object();
        let run = made["run_id"].as_i64().unwrap();
        // Between the first outcome and the last.
        let at = shop.rng.i64(0..i64::try_from(USERS).unwrap() * 2 / 3);
        let counted = format!("SELECT count(*) FROM outcomes WHERE run_id = {run}");
        let over =
            format!("SELECT count(*) FROM runs WHERE id = {run} AND state NOT IN ('selecting', 'running')");
        wait_until("the run is far enough", || {
            number(&database, &counted) > at || number(&database, &over) > 0
        });
        met += i64::from(number(&database, &over) == 0);
        drop(database);
        let trouble = loop {
            let trouble = TROUBLES[shop.rng.usize(..TROUBLES.len())];
            if shop.permitted(trouble) {
                break trouble;
            }
        };
        *troubles.entry(trouble).or_default() += 1;
        shop.trouble(trouble);

        let database = shop.server();
        let waiting = Instant::now();
        wait_until("the run has ended", || {
            assert!(
                waiting.elapsed() < Duration::from_secs(200),
                "round {round}: {work:?} as run {run} was met by {trouble:?} and does not end: {:?}\n{}",
                database.objects(&format!("SELECT * FROM chunks WHERE run_id = {run}")),
                shop.cluster.log()
            );
            number(&database, &over) > 0
        });
        let context = |error: anyhow::Error| {
            panic!("round {round} (seed {seed}): {work:?} as run {run}, met by {trouble:?}: {error:?}")
        };
        assert_eq!(Run::of(&database, run).state(), "finished", "{work:?} met by {trouble:?}");
        check(&database, run, &before).map_or_else(context, drop);
        assert_eq!(number(&database, "SELECT count(*) FROM chunks"), 0);
        let name = match work {
            Work::Apply => "script",
            Work::ApplyRows => "rows",
            Work::Preview => "preview",
            Work::ApplyPreview(_) => "plan",
            Work::Undo(_) => "undo",
        };
        *works.entry(name).or_default() += 1;
        match work {
            Work::Preview => previews = Some(run),
            _ => undoable = Some(run),
        }
    }
    let outcomes = number(&shop.server(), "SELECT count(*) FROM outcomes");
    for n in 0..WORKERS {
        let done = shop.workers[n].take().unwrap().drain();
        assert_eq!(done.code, Some(0), "{done:?}");
        shop.ended(&done);
    }
    // Of a server that goes away in the middle of a commit nobody knows whether it has committed.
    let certain =
        shop.exact && !troubles.keys().any(|trouble| [Trouble::Restart, Trouble::Crash].contains(trouble));
    assert!(
        !certain || shop.committed == u64::try_from(outcomes).unwrap(),
        "{} of {outcomes}",
        shop.committed
    );
    println!(
        "{rounds} rounds in {} s, {met} met in the middle: {works:?}, {troubles:?}; 0 violations",
        started.elapsed().as_secs()
    );
}
