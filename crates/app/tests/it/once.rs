//! A request that is sent again makes nothing again.

use std::sync::{Arc, Barrier};
use std::thread;

use crate::common::{NOW, request, site};
use rollcall_app::runs::{
    Again, ApplyRequest, Observer, Progress, RetryRequest, RunOptions, Stop, UndoRequest,
};
use rollcall_app::{Actor, App, AppError, Kind};
use rollcall_domain::{Grant, Mode, RequestKey, Role, Run, RunState, Zone};
use rollcall_testkit::TestClock;

struct Quiet;

impl Observer for Quiet {
    fn confirm(&mut self, _: &Run) -> bool {
        true
    }

    fn progress(&mut self, _: Progress) {}
}

fn key(key: &str, request: &str) -> Option<RequestKey> {
    Some(RequestKey::new(key, request.as_bytes()).unwrap())
}

fn options(key: Option<RequestKey>) -> RunOptions {
    RunOptions { confirmed: true, key, ..RunOptions::default() }
}

fn run(app: &App, source: &str, mode: Mode, key: Option<RequestKey>) -> Result<Run, AppError> {
    let mut wanted = request(source, mode);
    wanted.options = options(key);
    app.runs().create(&wanted, &Stop::default(), &mut Quiet)
}

fn count(app: &App) -> usize {
    app.runs().list().unwrap().count()
}

#[test]
fn the_same_request_gets_the_same_run() {
    let (_database, app) = site(3);
    let first = run(&app, "user.klass = 'x'", Mode::Apply, key("k", "one")).unwrap();
    let again = run(&app, "user.klass = 'x'", Mode::Apply, key("k", "one")).unwrap();
    assert_eq!((again.id, again.state, again.tally), (first.id, RunState::Finished, first.tally));
    assert_eq!(count(&app), 1);
    assert_eq!(app.users().find("user1").unwrap().version, 2);
    let error = run(&app, "user.klass = 'y'", Mode::Apply, key("k", "two")).unwrap_err();
    assert_eq!(error.kind(), Kind::Reused);
    let told = "the key of this request was used for another one, which made run 1: make up a new key for each request";
    assert_eq!(error.to_string(), told);
    // Another one, and somebody else's, are their own.
    assert_eq!(run(&app, "pass", Mode::Preview, key("l", "two")).unwrap().id, 2);
    let grant = Grant { role: Role::Operator, organization_id: None };
    app.administrators().add("maria", &[grant]).unwrap();
    let maria = app.acting_as("maria").unwrap();
    assert_eq!(run(&maria, "pass", Mode::Preview, key("k", "two")).unwrap().id, 3);
    assert_eq!(run(&maria, "pass", Mode::Preview, key("k", "two")).unwrap().id, 3);
    assert_eq!(run(&app, "pass", Mode::Preview, None).unwrap().id, 4);
}

#[test]
fn what_follows_a_run_is_not_done_twice_either() {
    let (_database, app) = site(3);
    let stop = Stop::default();
    let script = "if user.obj_id == 2: fail('no')\nuser.klass = 'x'";
    let preview = run(&app, script, Mode::Preview, None).unwrap();
    let wanted = ApplyRequest { plan: None, options: options(key("k", "apply")) };
    let applied = [(); 2].map(|()| app.runs().apply(preview.id, &wanted, &stop, &mut Quiet).unwrap().id);
    assert_eq!(applied, [2, 2], "it would be refused, since it is applied already");
    let wanted = UndoRequest { mode: Mode::Apply, user: None, options: options(key("l", "undo")) };
    assert_eq!([(); 2].map(|()| app.runs().undo(2, &wanted, &stop, &mut Quiet).unwrap().id), [3, 3]);
    let again = |again, key| RetryRequest {
        again,
        preview: false,
        execution: request("", Mode::Preview).execution,
        time_limit: None,
        options: options(key),
    };
    let wanted = again(Again::Failed, key("m", "retry"));
    assert_eq!(
        [(); 2].map(|()| app.runs().retry(preview.id, &wanted, &stop, &mut Quiet).unwrap().id),
        [4, 4]
    );
    let wanted = again(Again::NotRun, key("n", "rest"));
    assert_eq!([(); 2].map(|()| app.runs().retry(2, &wanted, &stop, &mut Quiet).unwrap().id), [5, 5]);
    assert_eq!(count(&app), 5);
}

#[test]
fn what_was_refused_has_used_no_key() {
    let (_database, app) = site(3);
    let preview = run(&app, "pass", Mode::Preview, None).unwrap();
    let wanted = UndoRequest { mode: Mode::Apply, user: None, options: options(key("l", "undo")) };
    let error = app.runs().undo(preview.id, &wanted, &Stop::default(), &mut Quiet).unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    assert_eq!(run(&app, "syntax error", Mode::Apply, key("l", "two")).unwrap_err().kind(), Kind::Invalid);
    // Refused in the transaction that makes the run.
    app.settings().set_four_eyes_above(Some("2".parse().unwrap())).unwrap();
    assert_eq!(run(&app, "pass", Mode::Apply, key("l", "three")).unwrap_err().kind(), Kind::Conflict);
    app.settings().set_four_eyes_above(None).unwrap();
    let made = run(&app, "pass", Mode::Apply, key("l", "four")).unwrap();
    assert_eq!((made.state, count(&app)), (RunState::Finished, 2));
}

#[test]
fn a_key_counts_for_a_day() {
    let (database, _) = site(1);
    let clock = Arc::new(TestClock::at(NOW));
    let app = App::new(database.open(), clock.clone(), Zone::utc(), Actor::account("cli:test".to_owned()));
    let made = |request| run(&app, "pass", Mode::Preview, key("k", request)).map(|run| run.id);
    assert_eq!(made("one").unwrap(), 1);
    clock.advance(86_399);
    assert_eq!(made("one").unwrap(), 1);
    assert_eq!(made("two").unwrap_err().kind(), Kind::Reused);
    clock.advance(1);
    assert_eq!(made("two").unwrap(), 2);
    assert_eq!(made("two").unwrap(), 2);
    let store = database.open();
    assert_eq!(
        store.runs().forget_keys(rollcall_testkit::time("2026-11-24T12:00:00Z")).unwrap(),
        0,
        "replaced"
    );
    clock.advance(86_400);
    app.maintenance().prune(Some("1y".parse().unwrap()), &Stop::default(), |_| {}).unwrap();
    assert_eq!(store.runs().forget_keys(rollcall_testkit::time("2030-01-01")).unwrap(), 0, "pruned");
}

#[test]
fn of_requests_that_are_sent_at_once_one_makes_the_run() {
    let (database, _) = site(50);
    let barrier = Barrier::new(4);
    let made: Vec<_> = thread::scope(|scope| {
        let send = || {
            let actor = Actor::account("cli:test".to_owned());
            let app = App::new(database.open(), Arc::new(TestClock::at(NOW)), Zone::utc(), actor);
            let mut wanted = request("pass", Mode::Apply);
            wanted.options = RunOptions { queue: true, ..options(key("k", "one")) };
            barrier.wait();
            app.runs().create(&wanted, &Stop::default(), &mut Quiet).unwrap().id
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(send)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(made, [1; 4]);
    let app = App::new(
        database.open(),
        Arc::new(TestClock::at(NOW)),
        Zone::utc(),
        Actor::account("cli:test".to_owned()),
    );
    assert_eq!(count(&app), 1);
}
