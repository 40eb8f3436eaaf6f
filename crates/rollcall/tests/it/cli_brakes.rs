//! Brakes: what stops a run by itself, at which target exactly, and how it goes on.

use crate::common::{Desk, Done, column, finish, name, start, wait_until};
use serde_json::{Value, json};

/// Applies the script to all users, with these brakes.
fn apply(desk: &Desk, script: &str, args: &[&str]) -> Done {
    desk.run(script, &[&["--all", "--apply", "--yes"], args].concat())
}

fn resume(desk: &Desk, run: &Value, args: &[&str]) -> Done {
    desk.call(&[&["runs", "resume", &run["run"].to_string(), "--json"], args].concat())
}

fn counts(run: &Value) -> (u64, u64, u64) {
    let count = |outcome: &str| run["outcomes"][outcome].as_u64().unwrap();
    (count("changed"), count("failed") + count("timed_out"), count("not_run"))
}

/// How many users have this class.
fn of_class(desk: &Desk, klass: &str) -> usize {
    let users = desk.ok(&["users", "list", "--format", "json"]).objects();
    users.iter().filter(|user| user["klass"] == klass).count()
}

/// The run has stopped, and said why.
#[track_caller]
fn stopped(done: Done, why: &str) -> Value {
    let done = done.exits(1);
    let run = done.object();
    assert_eq!(run["state"], "stopped");
    assert_eq!(run["note"], why);
    assert!(done.err.contains(&format!("run {} was stopped: {why}", run["run"])), "{done:?}");
    run
}

#[test]
fn a_run_of_which_too_many_fail_stops_by_itself() {
    let desk = Desk::with_users(400);
    let all = stopped(
        apply(&desk, "fail('no')", &[]),
        "101 of 101 targets have failed; a limit of failures sets how many may before a run stops",
    );
    assert_eq!(counts(&all), (0, 101, 299));
    assert_eq!(all["settings"]["brakes"], json!({}));
    assert_eq!(column(&desk.outcomes(&all), "outcome")[100..102], ["failed", "not_run"]);

    // A quarter is too many as soon as there are over a hundred.
    let quarter = "if user.obj_id % 4 == 0: fail('no')\nuser.klass = 'x'";
    assert_eq!(counts(&apply(&desk, quarter, &[]).exits(3).object()), (300, 100, 0));
    desk.import(format!("username\n{}", (401..=405).map(|n| name(n) + "\n").collect::<String>()));
    let preview = stopped(
        desk.run(quarter, &["--all"]),
        "101 of 404 targets have failed; a limit of failures sets how many may before a run stops",
    );
    assert_eq!((&preview["mode"], counts(&preview)), (&json!("preview"), (3, 101, 1)));
}

#[test]
fn many_failures_that_are_a_small_part_stop_nobody() {
    let desk = Desk::with_users(1_500);
    // As in any large run: more than a hundred of them, and under a tenth at any time.
    let run = apply(&desk, "if user.obj_id % 12 == 0: fail('no')\nuser.klass = 'x'", &[]).exits(3).object();
    assert_eq!((&run["state"], counts(&run)), (&json!("finished"), (1_375, 125, 0)));
    let few = desk.run("1 / (user.obj_id % 1000)", &["--all"]).exits(3).object();
    assert_eq!((&few["state"], counts(&few)), (&json!("finished"), (0, 1, 0)));
}

#[test]
fn a_number_of_failures_stops_a_run_behind_the_one_too_many() {
    let desk = Desk::with_users(20);
    let script = "if user.obj_id % 3 == 0: fail('no')\nuser.klass = 'x'";
    let run = stopped(
        apply(&desk, script, &["--max-failures", "2"]),
        "3 targets have failed, more than the limit allows (2)",
    );
    assert_eq!(counts(&run), (6, 3, 11));
    assert_eq!(run["settings"]["brakes"], json!({"max_failures": 2}));
    assert_eq!(of_class(&desk, "x"), 6);
    let none = stopped(
        apply(&desk, script, &["--max-failures", "0"]),
        "1 target has failed, more than the limit allows (0)",
    );
    assert_eq!(counts(&none), (0, 1, 17));
    // As many as there are is not more, and counts for the default as well.
    let all = apply(&desk, script, &["--max-failures", "6"]).exits(3).object();
    assert_eq!(all["state"], "finished");
}

#[test]
fn one_failure_too_many_at_the_very_end_stops_nothing() {
    let desk = Desk::with_users(6);
    let script = "if user.obj_id % 3 == 0: fail('no')\nuser.klass = 'x'";
    let run = apply(&desk, script, &["--max-failures", "1"]).exits(3).object();
    assert_eq!((&run["state"], counts(&run)), (&json!("finished"), (4, 2, 0)));
}

#[test]
fn who_times_out_counts_as_failed() {
    let desk = Desk::with_users(4);
    let script = "while user.obj_id in (2, 3): pass";
    let args = ["--max-failures", "1", "--time-limit", "2s"];
    let run = apply(&desk, script, &args).exits(1).object();
    assert_eq!((&run["outcomes"]["timed_out"], &run["outcomes"]["not_run"]), (&json!(2), &json!(1)));
}

#[test]
fn a_higher_number_lets_more_fail_than_the_default() {
    let desk = Desk::with_users(150);
    let run = apply(&desk, "fail('no')", &["--max-failures", "150"]).exits(3).object();
    assert_eq!((&run["state"], counts(&run)), (&json!("finished"), (0, 150, 0)));
}

#[test]
fn a_number_of_changes_is_never_exceeded() {
    let desk = Desk::with_users(50);
    let script = "if user.obj_id % 2: skip('odd')\nuser.klass = 'x'";
    let run = stopped(
        apply(&desk, script, &["--max-changes", "7"]),
        "as many users are changed as the limit allows (7)",
    );
    // Who is not changed passes; the first to be changed beyond does not.
    assert_eq!((counts(&run), &run["outcomes"]["skipped"]), ((7, 0, 35), &json!(8)));
    assert_eq!(of_class(&desk, "x"), 7);

    let on = stopped(resume(&desk, &run, &[]), "as many users are changed as the limit allows (7)");
    assert_eq!(counts(&on).0, 14, "who resumes allows as many again");
    let on = stopped(
        resume(&desk, &run, &["--max-changes", "3"]),
        "as many users are changed as the limit allows (3)",
    );
    assert_eq!(counts(&on).0, 17);
    assert_eq!(on["settings"]["brakes"], json!({"max_changes": 3}));
    let end = resume(&desk, &run, &["--max-changes", "8"]).exits(0).object();
    assert_eq!((&end["state"], counts(&end)), (&json!("finished"), (25, 0, 0)));
    assert_eq!(of_class(&desk, "x"), 25);

    let exact = apply(&desk, "user.klass = 'y'", &["--max-changes", "50"]).exits(0).object();
    assert_eq!((&exact["state"], counts(&exact)), (&json!("finished"), (50, 0, 0)));
    let nobody = apply(&desk, "user.klass = 'z'", &["--max-changes", "0"]).exits(1).object();
    assert_eq!((counts(&nobody), of_class(&desk, "z")), ((0, 0, 50), 0));
}

#[test]
fn a_number_of_deactivations_is_never_exceeded() {
    let desk = Desk::with_users(20);
    desk.ok(&["users", "set", &name(1), "is_active=false"]);
    // Of the first, who is inactive already, another field changes; every third is made inactive.
    let script = "user.klass = 'x'\nif user.obj_id % 3 == 1: user.is_active = False";
    let run = stopped(
        apply(&desk, script, &["--max-deactivations", "2"]),
        "as many users are made inactive as the limit allows (2)",
    );
    assert_eq!(counts(&run), (9, 0, 11));
    let inactive = |desk: &Desk| {
        let users =
            desk.ok(&["users", "list", "--filter", "is_active eq false", "--format", "json"]).objects();
        column(&users, "obj_id")
    };
    assert_eq!(inactive(&desk), [1, 4, 7]);
    resume(&desk, &run, &["--max-deactivations", "10"]).exits(0);
    assert_eq!(inactive(&desk), [1, 4, 7, 10, 13, 16, 19]);
    // To make active again is none.
    desk.run("user.is_active = True", &["--all", "--apply", "--yes", "--max-deactivations", "0"]).exits(0);
}

#[test]
fn plans_and_undos_have_brakes_too() {
    let desk = Desk::with_users(10);
    desk.run("user.is_active = False", &["--all"]).exits(0);
    let call = |args: &[&str]| desk.call(&[&["runs"], args, &["--yes", "--json"]].concat());
    let plan = stopped(
        call(&["apply", "1", "--max-deactivations", "4"]),
        "as many users are made inactive as the limit allows (4)",
    );
    assert_eq!(counts(&plan), (4, 0, 6));
    let plan = stopped(resume(&desk, &plan, &[]), "as many users are made inactive as the limit allows (4)");
    assert_eq!(counts(&plan), (8, 0, 2));
    let plan = resume(&desk, &plan, &[]).exits(0).object();
    assert_eq!(counts(&plan), (10, 0, 0));

    let undo = stopped(
        call(&["undo", "2", "--apply", "--max-changes", "3"]),
        "as many users are changed as the limit allows (3)",
    );
    assert_eq!(counts(&undo), (3, 0, 7));
    let canary = call(&["undo", "2", "--apply", "--canary", "4"]).exits(1).object();
    assert_eq!((counts(&canary), &canary["outcomes"]["unchanged"]), ((1, 0, 6), &json!(3)));
    resume(&desk, &canary, &[]).exits(0);
    let active = desk.ok(&["users", "list", "--filter", "is_active eq true", "--format", "json"]).objects();
    assert_eq!(active.len(), 10);
}

#[test]
fn a_canary_goes_as_far_as_it_is_told_and_then_to_the_end() {
    let desk = Desk::with_users(30);
    let run = stopped(
        apply(&desk, "user.klass = 'x'", &["--canary", "4"]),
        "a canary: the first 4 targets are done, the rest waits to be resumed",
    );
    assert_eq!((counts(&run), of_class(&desk, "x")), ((4, 0, 26), 4));
    assert_eq!(run["settings"]["canary"], 4);
    let report = desk.ok(&["runs", "show", "1"]).out;
    assert!(report.contains("a canary: the first 4") && report.contains("runs resume 1"), "{report}");
    let on = resume(&desk, &run, &[]).exits(0).object();
    assert_eq!((&on["state"], counts(&on), &on["note"]), (&json!("finished"), (30, 0, 0), &Value::Null));
    for enough in ["30", "31"] {
        let all = desk.run("pass", &["--all", "--canary", enough]).exits(0).object();
        assert_eq!(all["state"], "finished", "all of them are no canary");
    }
    desk.run("pass", &["--all", "--canary", "0"]).exits(2);
}

#[test]
fn a_canary_of_rows_may_end_amid_those_of_one_user() {
    let desk = Desk::with_users(2);
    desk.write("rows.csv", "username,n\nuser001,1\nuser001,2\nuser001,3\nuser002,4\n");
    let args = ["--csv", "rows.csv", "--apply", "--yes", "--canary", "2"];
    let run = desk.run("user.description += row['n']", &args).exits(1).object();
    assert_eq!(desk.user(&name(1))["description"], "12");
    resume(&desk, &run, &[]).exits(0);
    assert_eq!(desk.user(&name(1))["description"], "123");
    assert_eq!(desk.user(&name(2))["description"], "4");
}

#[test]
fn who_resumes_a_run_that_has_failed_too_often_lets_as_many_fail_again() {
    let desk = Desk::with_users(350);
    let run = apply(&desk, "fail('no')", &[]).exits(1).object();
    let why = "101 of 101 targets have failed; a limit of failures sets how many may before a run stops";
    let on = stopped(resume(&desk, &run, &[]), why);
    assert_eq!(counts(&on), (0, 202, 148));
    let on = stopped(
        resume(&desk, &run, &["--max-failures", "10"]),
        "11 targets have failed, more than the limit allows (10)",
    );
    assert_eq!(counts(&on), (0, 213, 137));
    let end = resume(&desk, &run, &["--max-failures", "5000"]).exits(3).object();
    assert_eq!((&end["state"], counts(&end)), (&json!("finished"), (0, 350, 0)));
}

#[test]
fn a_crash_releases_no_brake() {
    let desk = Desk::with_users(12);
    let script = "\
        import time\n\
        time.sleep(80_000 if user.obj_id == 4 and user.description != 'go' else 0.1)\n\
        user.klass = 'x'\n";
    desk.write("waits.py", script);
    let args = ["run", "waits.py", "--all", "--apply", "--yes", "--workers", "1", "--time-limit", "24h"];
    let mut child = start(&mut desk.command(&[&args[..], &["--max-changes", "5"]].concat()));
    wait_until("the run has begun", || desk.runs().len() == 1);
    desk.wait_for_outcomes(3);
    child.kill().unwrap();
    finish(child);
    desk.ok(&["users", "set", &name(4), "description=go"]);
    let run = desk.runs().remove(0);
    assert_eq!((&run["state"], counts(&run)), (&json!("interrupted"), (3, 0, 9)));

    let why = "as many users are changed as the limit allows (5)";
    let run = stopped(resume(&desk, &run, &[]), why);
    assert_eq!((counts(&run), of_class(&desk, "x")), ((5, 0, 7), 5), "those before the crash count");
    let run = stopped(resume(&desk, &run, &[]), why);
    assert_eq!(counts(&run), (10, 0, 2), "who resumes a stopped run has seen why it stopped");
}

#[test]
fn numbers_that_cannot_be_meant_are_wrong_usage() {
    let desk = Desk::with_users(1);
    for brake in ["--max-failures", "--max-changes", "--max-deactivations", "--canary"] {
        for wrong in ["-1", "many", "1.5", ""] {
            let done = desk.run("pass", &["--all", &format!("{brake}={wrong}")]).exits(2);
            assert!(done.err.contains(brake), "{done:?}");
        }
    }
    assert_eq!(desk.runs().len(), 0);
}
