//! Brakes: what stops a run by itself, at which target exactly, and how it goes on.

use std::time::Duration;

use rollcall_app::runs::{ApplyRequest, RunOptions, RunRequest, Stop, UndoRequest};
use rollcall_app::{App, AppError};
use rollcall_domain::{Brakes, Mode, Outcome, Run, RunState};

use crate::common::check;
use crate::common::runs::{
    Yes, canary, confirmed, count, interrupted, kinds, patient, preview, request, request_for_rows, resume,
    resume_request, run, try_resume,
};
use crate::common::site::{Site, each, import, klasses, set};

const NO_BRAKES: Brakes = Brakes { max_failures: None, max_changes: None, max_deactivations: None };

fn max_failures(limit: u64) -> Brakes {
    Brakes { max_failures: Some(limit), ..NO_BRAKES }
}

fn max_changes(limit: u64) -> Brakes {
    Brakes { max_changes: Some(limit), ..NO_BRAKES }
}

fn max_deactivations(limit: u64) -> Brakes {
    Brakes { max_deactivations: Some(limit), ..NO_BRAKES }
}

/// Applies the script to all users with these brakes.
#[track_caller]
fn apply(app: &App, script: &str, brakes: Brakes) -> Run {
    let mut request = request(script, Mode::Apply);
    request.options.brakes = brakes;
    run(app, &request)
}

/// Resumes a run with these brakes, and the others that it had.
#[track_caller]
fn resume_with(app: &App, run: &Run, brakes: Brakes) -> Run {
    let run = try_resume(app, run.id, &resume_request(brakes)).unwrap();
    check(app, &run);
    run
}

/// The targets that changed, failed or timed out, and had no turn.
fn counts(run: &Run) -> (u64, u64, u64) {
    let failed = count(run, Outcome::Failed) + count(run, Outcome::TimedOut);
    (count(run, Outcome::Changed), failed, count(run, Outcome::NotRun))
}

/// The number of users with this class.
fn of_class(app: &App, klass: &str) -> usize {
    klasses(app).iter().filter(|is| *is == klass).count()
}

#[track_caller]
fn assert_stopped(run: &Run, note: &str) {
    assert_eq!((run.state, run.note.as_deref()), (RunState::Stopped, Some(note)));
}

#[track_caller]
fn assert_finished(run: &Run) {
    assert_eq!((run.state, run.note.as_deref()), (RunState::Finished, None));
}

const TOO_MANY_FAILED: &str =
    "101 of 101 targets have failed; a limit of failures sets how many may before a run stops";

#[test]
fn run_stops_when_more_than_a_hundred_targets_and_a_tenth_failed() {
    let site = Site::with_users(400);
    let all = apply(&site, "fail('no')", NO_BRAKES);
    assert_stopped(&all, TOO_MANY_FAILED);
    assert_eq!((counts(&all), all.settings.brakes), ((0, 101, 299), NO_BRAKES));
    assert_eq!(kinds(&site, &all)[100..102], [Outcome::Failed, Outcome::NotRun]);

    // A quarter is too many as soon as there are over a hundred.
    let quarter = "if user.obj_id % 4 == 0: fail('no')\nuser.klass = 'x'";
    assert_eq!(counts(&apply(&site, quarter, NO_BRAKES)), (300, 100, 0));
    let more: String = (401..=405).map(|n| format!("user{n}\n")).collect();
    import(&site, &format!("username\n{more}"));
    let preview = preview(&site, quarter);
    let note = "101 of 404 targets have failed; a limit of failures sets how many may before a run stops";
    assert_stopped(&preview, note);
    assert_eq!((preview.mode, counts(&preview)), (Mode::Preview, (3, 101, 1)));
}

#[test]
fn many_failures_that_are_a_small_part_stop_no_run() {
    let site = Site::with_users(1_500);
    // As in any large run: more than a hundred of them, and under a tenth at any time.
    let run = apply(&site, "if user.obj_id % 12 == 0: fail('no')\nuser.klass = 'x'", NO_BRAKES);
    assert_finished(&run);
    assert_eq!(counts(&run), (1_375, 125, 0));
    let few = preview(&site, "1 / (user.obj_id % 1000)");
    assert_finished(&few);
    assert_eq!(counts(&few), (0, 1, 0));
}

const EVERY_THIRD_FAILS: &str = "if user.obj_id % 3 == 0: fail('no')\nuser.klass = 'x'";

#[test]
fn run_stops_after_the_first_failure_above_the_limit() {
    let site = Site::with_users(20);
    let stopped = apply(&site, EVERY_THIRD_FAILS, max_failures(2));
    assert_stopped(&stopped, "3 targets have failed, more than the limit allows (2)");
    assert_eq!((counts(&stopped), of_class(&site, "x")), ((6, 3, 11), 6));
    assert_eq!(stopped.settings.brakes, max_failures(2));
    let none = apply(&site, EVERY_THIRD_FAILS, max_failures(0));
    assert_stopped(&none, "1 target has failed, more than the limit allows (0)");
    assert_eq!(counts(&none), (0, 1, 17));
    // As many as the limit are not more.
    assert_finished(&apply(&site, EVERY_THIRD_FAILS, max_failures(6)));
}

#[test]
fn failure_above_the_limit_at_the_last_target_stops_nothing() {
    let site = Site::with_users(6);
    let run = apply(&site, EVERY_THIRD_FAILS, max_failures(1));
    assert_finished(&run);
    assert_eq!(counts(&run), (4, 2, 0));
}

#[test]
fn targets_that_timed_out_count_as_failed() {
    let site = Site::with_users(4);
    let mut wanted = request("while user.obj_id in (2, 3): pass", Mode::Apply);
    wanted.options.brakes = max_failures(1);
    wanted.execution.limits.time = Duration::from_secs(2);
    let stopped = run(&site, &wanted);
    assert_eq!(stopped.state, RunState::Stopped);
    assert_eq!((count(&stopped, Outcome::TimedOut), count(&stopped, Outcome::NotRun)), (2, 1));
}

#[test]
fn higher_limit_of_failures_replaces_the_default() {
    let site = Site::with_users(150);
    let run = apply(&site, "fail('no')", max_failures(150));
    assert_finished(&run);
    assert_eq!(counts(&run), (0, 150, 0));
}

#[test]
fn limit_of_changes_is_never_exceeded() {
    let site = Site::with_users(50);
    let stopped = apply(&site, "if user.obj_id % 2: skip('odd')\nuser.klass = 'x'", max_changes(7));
    let note = "as many users are changed as the limit allows (7)";
    assert_stopped(&stopped, note);
    // Targets without a change pass; the first change above the limit does not.
    assert_eq!((counts(&stopped), count(&stopped, Outcome::Skipped)), ((7, 0, 35), 8));
    assert_eq!(of_class(&site, "x"), 7);

    let on = resume(&site, &stopped);
    assert_stopped(&on, note);
    assert_eq!(counts(&on).0, 14, "a resumed run may change as many again");
    let on = resume_with(&site, &stopped, max_changes(3));
    assert_stopped(&on, "as many users are changed as the limit allows (3)");
    assert_eq!((counts(&on).0, on.settings.brakes), (17, max_changes(3)));
    let end = resume_with(&site, &stopped, max_changes(8));
    assert_finished(&end);
    assert_eq!((counts(&end), of_class(&site, "x")), ((25, 0, 0), 25));

    let exact = apply(&site, "user.klass = 'y'", max_changes(50));
    assert_finished(&exact);
    assert_eq!(counts(&exact), (50, 0, 0));
    let none = apply(&site, "user.klass = 'z'", max_changes(0));
    assert_eq!((none.state, counts(&none), of_class(&site, "z")), (RunState::Stopped, (0, 0, 50), 0));
}

/// The numbers of the users that are active, or inactive.
fn with_active(app: &App, is_active: bool) -> Vec<i64> {
    let users = each(app, |user| (user.id, user.is_active));
    users.into_iter().filter(|(_, is)| *is == is_active).map(|(id, _)| id).collect()
}

#[test]
fn limit_of_deactivations_is_never_exceeded() {
    let site = Site::with_users(20);
    set(&site, "user1", &["is_active=false"]);
    // The first user is inactive already, so only its class changes; every third one is made inactive.
    let script = "user.klass = 'x'\nif user.obj_id % 3 == 1: user.is_active = False";
    let stopped = apply(&site, script, max_deactivations(2));
    assert_stopped(&stopped, "as many users are made inactive as the limit allows (2)");
    assert_eq!((counts(&stopped), stopped.deactivated), ((9, 0, 11), 2));
    assert_eq!(with_active(&site, false), [1, 4, 7]);
    assert_finished(&resume_with(&site, &stopped, max_deactivations(10)));
    assert_eq!(with_active(&site, false), [1, 4, 7, 10, 13, 16, 19]);
    // To make a user active again is no deactivation.
    assert_finished(&apply(&site, "user.is_active = True", max_deactivations(0)));
}

#[test]
fn plans_and_undos_have_brakes_too() {
    let site = Site::with_users(10);
    let preview = preview(&site, "user.is_active = False");
    let options = RunOptions { brakes: max_deactivations(4), ..confirmed() };
    let wanted = ApplyRequest { plan: None, options };
    let plan = site.runs().apply(preview.id, &wanted, &Stop::default(), &mut Yes).unwrap();
    let note = "as many users are made inactive as the limit allows (4)";
    assert_stopped(&plan, note);
    assert_eq!(counts(&plan), (4, 0, 6));
    let on = resume(&site, &plan);
    assert_stopped(&on, note);
    assert_eq!(counts(&on), (8, 0, 2));
    let end = resume(&site, &plan);
    assert_finished(&end);
    assert_eq!(counts(&end), (10, 0, 0));

    let undo = |options| -> Result<Run, AppError> {
        let wanted = UndoRequest { mode: Mode::Apply, user: None, options };
        site.runs().undo(plan.id, &wanted, &Stop::default(), &mut Yes)
    };
    let options = RunOptions { brakes: max_changes(3), ..confirmed() };
    let undone = undo(options).unwrap();
    assert_stopped(&undone, "as many users are changed as the limit allows (3)");
    assert_eq!(counts(&undone), (3, 0, 7));
    let tried = undo(canary(4)).unwrap();
    assert_eq!((counts(&tried), count(&tried, Outcome::Unchanged)), ((1, 0, 6), 3));
    assert_finished(&resume(&site, &tried));
    assert_eq!(with_active(&site, true).len(), 10);
}

#[test]
fn canary_stops_after_its_targets_and_is_resumed_to_the_end() {
    let site = Site::with_users(30);
    let with_canary = |script, targets| {
        run(&site, &RunRequest { options: canary(targets), ..request(script, Mode::Apply) })
    };
    let stopped = with_canary("user.klass = 'x'", 4);
    assert_stopped(&stopped, "a canary: the first 4 targets are done, the rest waits to be resumed");
    assert_eq!((counts(&stopped), of_class(&site, "x")), ((4, 0, 26), 4));
    assert_eq!(stopped.settings.canary, Some(4));
    let end = resume(&site, &stopped);
    assert_finished(&end);
    assert_eq!(counts(&end), (30, 0, 0));
    for enough in [30, 31] {
        assert_finished(&with_canary("pass", enough));
    }
}

#[test]
fn canary_of_rows_may_stop_among_those_of_one_user() {
    let site = Site::with_users(2);
    let csv = "username,n\nuser1,1\nuser1,2\nuser1,3\nuser2,4\n";
    let mut wanted = request_for_rows(&site, "user.description += row['n']", Mode::Apply, csv, None);
    wanted.options = canary(2);
    let stopped = run(&site, &wanted);
    let descriptions = || each(&site, |user| user.description);
    assert_eq!(descriptions(), ["12", ""]);
    resume(&site, &stopped);
    assert_eq!(descriptions(), ["123", "4"]);
}

#[test]
fn resumed_run_may_have_as_many_failures_again() {
    let site = Site::with_users(350);
    let stopped = apply(&site, "fail('no')", NO_BRAKES);
    let on = resume(&site, &stopped);
    assert_stopped(&on, TOO_MANY_FAILED);
    assert_eq!(counts(&on), (0, 202, 148));
    let on = resume_with(&site, &stopped, max_failures(10));
    assert_stopped(&on, "11 targets have failed, more than the limit allows (10)");
    assert_eq!(counts(&on), (0, 213, 137));
    let end = resume_with(&site, &stopped, max_failures(5_000));
    assert_finished(&end);
    assert_eq!(counts(&end), (0, 350, 0));
}

#[test]
fn crash_releases_no_brake() {
    let site = Site::with_users(12);
    let script = "\
        import time\n\
        time.sleep(80_000 if user.obj_id == 4 and user.description != 'go' else 0.1)\n\
        user.klass = 'x'\n";
    let mut wanted = patient(request(script, Mode::Apply));
    wanted.options.brakes = max_changes(5);
    let crashed = interrupted(&site, &wanted);
    let before = counts(&crashed).0;
    assert!((2..=3).contains(&before), "{crashed:?}");
    set(&site, "user4", &["description=go"]);

    let note = "as many users are changed as the limit allows (5)";
    let on = resume(&site, &crashed);
    assert_stopped(&on, note);
    assert_eq!((counts(&on), of_class(&site, "x")), ((5, 0, 7), 5), "those before the crash count");
    let on = resume(&site, &crashed);
    assert_stopped(&on, note);
    assert_eq!(counts(&on), (10, 0, 2), "an administrator who resumes a stopped run has seen why it stopped");
}
