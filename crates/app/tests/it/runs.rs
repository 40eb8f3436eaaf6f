//! Runs from list to outcome, with real workers and a real database.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rollcall_app::runs::{Choice, Observer, Progress, RunRequest, Stop};
use rollcall_app::{Actor, App, AppError, UserSelection};
use rollcall_domain::{Act, Mode, Outcome, Run, RunState, User, Zone};
use rollcall_testkit::{TestClock, TestDatabase, time};

use crate::common::{NOW, check, outcomes, request, site, site_on};

/// Watches, and does one thing when the run has been going on for a moment.
struct Meanwhile<F: FnMut()> {
    what: F,
    done: bool,
    agrees: bool,
}

impl<F: FnMut()> Observer for Meanwhile<F> {
    fn confirm(&mut self, _: &Run) -> bool {
        self.agrees
    }

    fn progress(&mut self, progress: Progress) {
        assert!(progress.tally.total() <= progress.targets);
        if !std::mem::replace(&mut self.done, true) {
            (self.what)();
        }
    }
}

fn run_meanwhile(app: &App, request: &RunRequest, what: impl FnMut()) -> Run {
    let mut observer = Meanwhile { what, done: false, agrees: true };
    let run = app.runs().create(request, &Stop::default(), &mut observer).unwrap();
    check(app, &run);
    run
}

fn run(app: &App, source: &str, mode: Mode) -> Run {
    run_meanwhile(app, &request(source, mode), || {})
}

#[test]
fn a_preview_shows_what_applying_then_does() {
    let (_database, app) = site(30);
    let script = "
user.klass = f'k{user.obj_id % 3}'
user.profile_add(short_name='basic')
result['n'] = user.obj_id
";
    let before: Vec<User> = app.users().list(None).unwrap().map(Result::unwrap).collect();
    let preview = run(&app, script, Mode::Preview);
    let unchanged: Vec<User> = app.users().list(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(before, unchanged, "a preview changes no user");
    let applied = run(&app, script, Mode::Apply);
    let mut planned = outcomes(&app, &preview);
    let mut done = outcomes(&app, &applied);
    planned.iter_mut().chain(&mut done).for_each(|outcome| outcome.micros = 0);
    assert_eq!(planned, done);
    for (mut user, outcome) in before.into_iter().zip(&done) {
        outcome.changes.iter().for_each(|change| user.apply(change).unwrap());
        let now = app.users().find(&user.username).unwrap();
        (user.version, user.last_update) = (user.version + 1, time(NOW));
        assert_eq!(user, now, "before + changes = after");
    }
    let again = run(&app, script, Mode::Apply);
    assert_eq!(again.tally.get(Outcome::Unchanged), 30);
    let groups = app.runs().group_changes(&applied, 10).unwrap();
    assert_eq!(groups.len(), 3);
    assert_eq!((groups[0].users, groups[0].changes.len()), (10, 2));
}

#[test]
fn every_tenth_fails_and_the_others_do_not_notice() {
    let (_database, app) = site(2_500);
    let script = "
if user.obj_id % 10 == 0:
    user.klass = 'never'
    raise ValueError(f'not {user.username}')
user.klass = 'seen'
";
    let applied = run(&app, script, Mode::Apply);
    assert_eq!((applied.tally.get(Outcome::Failed), applied.tally.get(Outcome::Changed)), (250, 2_250));
    assert_eq!(applied.state, RunState::Finished);
    for outcome in app.runs().list_outcomes(&applied, Some(Outcome::Failed)).unwrap() {
        let outcome = outcome.unwrap();
        let error = outcome.error.unwrap();
        assert_eq!((error.kind.as_str(), error.line), ("ValueError", Some(4)));
        assert_eq!(error.message, format!("not user{}", outcome.user_id));
        assert!(outcome.changes.is_empty());
    }
    for user in app.users().list(None).unwrap().map(Result::unwrap) {
        assert_eq!(user.klass, if user.id % 10 == 0 { "" } else { "seen" });
    }
}

#[test]
fn crashes_and_time_outs_cost_their_own_targets_only() {
    let (_database, app) = site(300);
    let mut wanted = request(
        "
import os
if user.obj_id % 100 == 7: os._exit(1)
if user.obj_id % 100 == 50: sum(range(10**12))
user.klass = 'seen'
",
        Mode::Apply,
    );
    wanted.execution.limits.time = Duration::from_secs(3);
    let applied = run_meanwhile(&app, &wanted, || {});
    let tally = applied.tally;
    assert_eq!(
        (tally.get(Outcome::Failed), tally.get(Outcome::TimedOut), tally.get(Outcome::Changed)),
        (3, 3, 294)
    );
}

#[test]
fn somebody_elses_edit_meanwhile_survives_and_so_does_the_scripts() {
    let (database, app) = site(20);
    let other = App::new(
        database.open(),
        Arc::new(TestClock::at(NOW)),
        Zone::utc(),
        Actor::account("cli:other".to_owned()),
    );
    // User 1 holds the commit up, so the edit comes between loading and commit.
    let wanted = request(
        "import time\nif user.obj_id == 1: time.sleep(4)\nuser.description = user.klass + '!'",
        Mode::Apply,
    );
    let applied = run_meanwhile(&app, &wanted, || {
        other.users().assign_fields("user15", &["klass=gold".to_owned()]).unwrap();
        let gone = other.users().find("user16").unwrap();
        other.users().remove_unchanged(&gone).unwrap();
    });
    let user = app.users().find("user15").unwrap();
    assert_eq!((user.klass.as_str(), user.description.as_str()), ("gold", "gold!"));
    assert_eq!((applied.tally.get(Outcome::Changed), applied.tally.get(Outcome::Conflict)), (19, 1));
    let conflict =
        app.runs().list_outcomes(&applied, Some(Outcome::Conflict)).unwrap().next().unwrap().unwrap();
    assert_eq!((conflict.target, conflict.username), (16, None));
}

#[test]
fn a_user_removed_before_its_turn_is_a_conflict() {
    let (database, app) = site(5);
    struct Remover<'a>(&'a TestDatabase);
    impl Observer for Remover<'_> {
        fn confirm(&mut self, _: &Run) -> bool {
            let store = self.0.open();
            let act = Act { at: time(NOW), who: "cli:other", administrator_id: None, address: None };
            store.users().remove(&store.users().by_name("user3").unwrap().unwrap(), &act).unwrap();
            true
        }
        fn progress(&mut self, _: Progress) {}
    }
    let ended = app
        .runs()
        .create(&request("user.klass = 'x'", Mode::Apply), &Stop::default(), &mut Remover(&database))
        .unwrap();
    check(&app, &ended);
    assert_eq!((ended.tally.get(Outcome::Conflict), ended.tally.get(Outcome::Changed)), (1, 4));
}

#[test]
fn a_stopped_run_keeps_what_is_done_and_names_the_rest() {
    let (_database, app) = site(50);
    let stop: Stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    let mut observer =
        Meanwhile { what: move || asked.store(true, Ordering::Relaxed), done: false, agrees: true };
    // Spins at user 30, so it must be ended in the middle of a target.
    let wanted = request("if user.obj_id >= 30:\n    while True: pass\nuser.klass = 'seen'", Mode::Apply);
    let ended = app.runs().create(&wanted, &stop, &mut observer).unwrap();
    check(&app, &ended);
    assert_eq!(ended.state, RunState::Cancelled);
    let seen = app.users().list(None).unwrap().map(Result::unwrap).filter(|user| user.klass == "seen").count()
        as u64;
    assert_eq!(ended.tally.get(Outcome::Changed), seen);
    assert_eq!(ended.final_tally().get(Outcome::NotRun), 50 - seen);
}

#[test]
fn without_a_yes_nothing_happens() {
    let (_database, app) = site(3);
    let mut observer = Meanwhile { what: || {}, done: false, agrees: false };
    let ended = app
        .runs()
        .create(&request("user.klass = 'x'", Mode::Apply), &Stop::default(), &mut observer)
        .unwrap();
    check(&app, &ended);
    assert_eq!((ended.state, ended.final_tally().get(Outcome::NotRun)), (RunState::Cancelled, 3));
    assert_eq!(app.users().find("user1").unwrap().klass, "");
}

#[test]
fn what_is_wrong_before_the_start_leaves_no_run() {
    let (_database, app) = site(3);
    let attempt = |wanted: &RunRequest| {
        let mut observer = Meanwhile { what: || {}, done: false, agrees: true };
        app.runs().create(wanted, &Stop::default(), &mut observer).unwrap_err()
    };
    let error = attempt(&request("x = 1\nif x == 1\n    pass\n", Mode::Apply));
    assert!(matches!(error, AppError::Syntax { .. }));
    assert_eq!(
        error.to_string().lines().collect::<Vec<_>>(),
        [
            "test.py, line 2, column 10: SyntaxError: expected ':'. No run was started.",
            "  if x == 1",
            "           ^"
        ]
    );
    let mut wanted = request("pass", Mode::Apply);
    wanted.choice = Choice::Users(UserSelection::filtered("klas eq \"x\""));
    assert!(matches!(attempt(&wanted), AppError::Filter(_)));
    wanted.choice = Choice::Users(UserSelection::default());
    wanted.execution.python = PathBuf::from("/nowhere/python3");
    assert!(matches!(attempt(&wanted), AppError::Unavailable(_)));
    assert_eq!(app.runs().list().unwrap().count(), 0);
}

#[test]
fn a_row_that_cannot_be_read_ends_the_run_with_a_reason() {
    let (database, app) = site_on(TestDatabase::file(), 2_000);
    let path = database.folder().join("rollcall.db");
    let raw = rusqlite::Connection::open(path).unwrap();
    raw.execute("UPDATE users SET expiration = 9000000000000000000 WHERE id = 1500", []).unwrap();
    let ended = run(&app, "user.klass = 'x'", Mode::Apply);
    assert_eq!(ended.state, RunState::Stopped);
    assert!(ended.note.unwrap().contains("the time 9000000000000000000"));
}

#[test]
fn a_locked_database_delays_a_run_and_stops_nothing() {
    let (database, app) = site_on(TestDatabase::file(), 10);
    let path = database.folder().join("rollcall.db");
    struct Locker {
        path: PathBuf,
        lock: Option<rusqlite::Connection>,
        told: u32,
    }
    impl Observer for Locker {
        fn confirm(&mut self, _: &Run) -> bool {
            true
        }
        fn progress(&mut self, progress: Progress) {
            self.told += 1;
            if self.told == 1 {
                let connection = rusqlite::Connection::open(&self.path).unwrap();
                connection.execute_batch("BEGIN IMMEDIATE").unwrap();
                self.lock = Some(connection);
            }
            // All outcomes are there and could not be written for a while: now the lock is let go of.
            if self.told > 12 && progress.tally.total() == 10 {
                self.lock = None;
            }
        }
    }
    let wanted = request("import time\nif user.obj_id == 1: time.sleep(4)\nuser.klass = 'x'", Mode::Apply);
    let ended =
        app.runs().create(&wanted, &Stop::default(), &mut Locker { path, lock: None, told: 0 }).unwrap();
    check(&app, &ended);
    assert_eq!((ended.state, ended.tally.get(Outcome::Changed)), (RunState::Finished, 10));
}

#[test]
fn nobody_selected_is_a_run_that_is_finished() {
    let (_database, app) = site(3);
    let mut wanted = request("user.klass = 'x'", Mode::Apply);
    wanted.choice = Choice::Users(UserSelection::filtered("klass eq \"nothing\""));
    let ended = run_meanwhile(&app, &wanted, || {});
    assert_eq!((ended.state, ended.targets), (RunState::Finished, 0));
}

#[test]
fn a_script_cannot_write_what_the_rules_forbid() {
    // It reaches below the User object, as a hostile script would; the parent has the same rules.
    let (_database, app) = site(4);
    let script = "
record = user._record
sets, edits = len(record) - 3, len(record) - 2
if user.obj_id == 1: record[sets] = {0: 99}            # obj_id
if user.obj_id == 2: record[edits].append((0, 12345))  # no such profile
if user.obj_id == 3: record[edits].append((2, 'Class', '==', 'x'))
if user.obj_id == 4: user.klass = 'honest'
";
    let applied = run(&app, script, Mode::Apply);
    assert_eq!((applied.tally.get(Outcome::Failed), applied.tally.get(Outcome::Changed)), (3, 1));
    assert_eq!(app.users().find("user4").unwrap().klass, "honest");
    let ids: Vec<_> = app.users().list(None).unwrap().map(|user| user.unwrap().id).collect();
    assert_eq!(ids, [1, 2, 3, 4]);
}
