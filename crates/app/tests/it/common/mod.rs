//! Runs of real workers on a small real database.

pub mod runs;
pub mod site;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rollcall_app::runs::{Choice, ExecutionConfig, RunOptions, RunRequest, Script};
use rollcall_app::{Actor, App, UserSelection};
use rollcall_domain::{Mode, Outcome, Run, TargetOutcome, User, Zone};
use rollcall_sandbox::{Isolation, Limits};
use rollcall_store::{Added, Decision, Newcomer, StoreError};
use rollcall_testkit::{TestClock, TestDatabase, time};

pub const NOW: &str = "2026-11-23T12:00:00Z";

/// A database with users `user1` to `userN`, and Rollcall on it.
pub fn site(users: i64) -> (TestDatabase, App) {
    site_on(TestDatabase::new(), users)
}

/// The same on a database of one's own.
pub fn site_on(database: TestDatabase, users: i64) -> (TestDatabase, App) {
    let app = App::new(
        database.open(),
        Arc::new(TestClock::at(NOW)),
        Zone::utc(),
        Actor::account("cli:test".to_owned()),
    );
    app.profiles().add("basic", None, &[], &[]).unwrap();
    (database.open())
        .users()
        .import(|import| {
            let organization = import.organization("default")?;
            for n in 1..=users {
                let user = User::new(0, &format!("user{n}"), organization, time("2026-01-01"));
                let user = Newcomer::User { line: n.unsigned_abs(), id: None, user: &user, password: None };
                assert_eq!(import.add_all(&[user])?, [Some(Added::As(n))]);
            }
            Ok::<_, StoreError>(Decision::Commit(()))
        })
        .unwrap();
    (database, app)
}

pub fn request(source: &str, mode: Mode) -> RunRequest {
    RunRequest {
        script: Script { version: None, name: "test.py".to_owned(), source: source.to_owned() },
        mode,
        report: false,
        choice: Choice::Users(UserSelection::default()),
        params: Vec::new(),
        execution: ExecutionConfig {
            python: PathBuf::from("python3"),
            isolation: Isolation::Full,
            workers: 2,
            limits: Limits { time: Duration::from_secs(5), memory: 256 << 20, ..Limits::default() },
        },
        options: RunOptions::default(),
    }
}

pub fn outcomes(app: &App, run: &Run) -> Vec<TargetOutcome> {
    app.runs().list_outcomes(run, None).unwrap().map(Result::unwrap).collect()
}

/// What holds for every run that has ended: one outcome a target, in order, and counters that are their sums.
pub fn check(app: &App, run: &Run) {
    assert!(run.state.ended());
    let all = outcomes(app, run);
    let numbers: Vec<_> = all.iter().map(|outcome| outcome.target).collect();
    assert_eq!(numbers, (1..=i64::try_from(run.targets).unwrap()).collect::<Vec<_>>());
    for kind in Outcome::ALL {
        let count = all.iter().filter(|outcome| outcome.outcome == kind).count();
        assert_eq!(run.final_tally().get(kind), count as u64, "{kind}");
    }
}
