//! Runs a script over a handful of users in a real, locked-down worker.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use rollcall_domain::{Item, ItemKind, ItemRow, ParamValues, ScriptError, Timestamp, User, Zone};
use rollcall_sandbox::{
    Ending, Isolation, Job, Limits, Report, RunFacts, Sandbox, StartError, Target, Worker,
};

pub fn sandbox() -> &'static Sandbox {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| {
        Sandbox::new(Path::new("python3"), Isolation::Full).expect("this machine can lock down")
    })
}

pub fn user(id: i64) -> User {
    let mut user =
        User::new(id, &format!("user{id}"), 1, Timestamp::from_micros(1_700_000_000_000_000).unwrap());
    user.email = format!("user{id}@example.com");
    let row = |kind, operation, value, position| {
        ItemRow::new(Item::new(kind, "Session-Timeout", operation, value).unwrap(), position)
    };
    user.attributes = vec![row(ItemKind::Reply, ":=", "3600", 1)];
    user
}

pub fn job(script: &str) -> Job {
    Job {
        name: "script.py".to_owned(),
        source: script.to_owned(),
        params: ParamValues::default(),
        profiles: [(12, "basic".to_owned(), None), (13, "aaa-01".to_owned(), None)].into_iter().collect(),
        zone: Zone::utc(),
        // Nothing here takes nearly so long, but others may be at work on the machine.
        limits: Limits { time: Duration::from_secs(30), memory: 256 << 20, ..Limits::default() },
        dictionary: None,
    }
}

pub fn prepare_error(script: &str) -> StartError {
    match Worker::prepare(sandbox(), &job(script)) {
        Ok(_) => panic!("the script should not have been accepted"),
        Err(error) => error,
    }
}

/// The report for each of users 1 to `count`.
pub fn run_job(job: &Job, users: Vec<User>) -> BTreeMap<i64, Report> {
    run_job_in(sandbox(), job, users)
}

pub fn run_job_in(sandbox: &Sandbox, job: &Job, users: Vec<User>) -> BTreeMap<i64, Report> {
    let facts = RunFacts {
        id: 5,
        now: Timestamp::from_micros(1_790_000_000_000_000).unwrap(),
        preview: true,
        administrator: "cli:test".to_owned(),
        columns: Vec::new(),
    };
    let targets = users.into_iter().map(|user| Target { number: user.id, user, cells: None }).collect();
    run_targets_in(sandbox, job, facts, targets)
}

pub fn run_targets_in(
    sandbox: &Sandbox,
    job: &Job,
    facts: RunFacts,
    targets: Vec<Target>,
) -> BTreeMap<i64, Report> {
    let count = targets.len();
    let mut worker = Worker::prepare(sandbox, job).map_err(|error| error.to_string()).unwrap().begin(facts);
    worker.submit(targets);
    let mut reports = BTreeMap::new();
    while worker.waiting() > 0 {
        for (target, report) in worker.receive().unwrap() {
            assert!(reports.insert(target.number, report).is_none(), "a target was reported twice");
        }
    }
    assert_eq!(reports.len(), count);
    reports
}

pub fn run(script: &str, count: i64) -> BTreeMap<i64, Report> {
    run_job(&job(script), (1..=count).map(user).collect())
}

/// What the script printed for one user; panics if it did not run through.
pub fn printed(script: &str) -> String {
    let report = run(script, 1).remove(&1).unwrap();
    assert_eq!(report.ending, Ending::Ran, "{report:#?}");
    report.output
}

pub fn failure(report: &Report) -> &ScriptError {
    match &report.ending {
        Ending::Failed(error) | Ending::TimedOut(error) => error,
        ending => panic!("expected a failure, not {ending:?}"),
    }
}
