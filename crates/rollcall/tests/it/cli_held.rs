//! Runs that are made without a terminal: held until somebody lets them begin, or left to workers at once.

use crate::common::workers::Worker;
use crate::common::{Desk, Done};
use serde_json::{Value, json};

#[track_caller]
fn made(done: Done) -> i64 {
    done.exits(0).object()["run_id"].as_i64().unwrap()
}

#[track_caller]
fn show(desk: &Desk, run: i64) -> Value {
    desk.ok(&["runs", "show", &run.to_string(), "--format", "json"]).object()
}

#[track_caller]
fn watch(desk: &Desk, run: i64) -> Value {
    desk.call(&["runs", "watch", &run.to_string(), "--json"]).exits(0).object()
}

fn begin(desk: &Desk, run: i64, targets: u64) -> Done {
    desk.call(&["runs", "start", &run.to_string(), "--targets", &targets.to_string(), "--json"])
}

fn last(desk: &Desk, action: &str) -> Value {
    desk.ok(&["audit", "list", "--action", action, "--limit", "1", "--format", "json"]).object()
}

const HOLD: [&str; 3] = ["--all", "--apply", "--hold"];

#[test]
fn a_held_run_waits_with_its_list_until_somebody_lets_it_begin() {
    let desk = Desk::with_users(20);
    // Nobody is there who could be asked, and nobody has to be.
    let held = desk.run("user.klass = 'seen'", &HOLD);
    let run = made(held);
    let shown = show(&desk, run);
    assert_eq!((&shown["state"], &shown["targets"]), (&json!("selecting"), &json!(20)));
    let told = desk.ok(&["runs", "show", &run.to_string()]).out;
    assert!(told.contains(&format!("runs start {run}")) && told.contains("20 to do"), "{told}");
    // Who comes later is not of the list.
    desk.import("username\nlate\n").exits(0);

    let worker = Worker::start(&desk);
    // A worker that has done what came after it has left it alone.
    watch(&desk, made(desk.run("pass", &["--all", "--queue"])));
    assert_eq!(show(&desk, run)["state"], "selecting");
    assert_eq!(desk.user("user001")["klass"], "");
    let refused = desk.call(&["runs", "resume", &run.to_string(), "--yes"]).exits(1);
    assert!(refused.err.contains(&format!("run {run} is held")), "{refused:?}");
    let refused = begin(&desk, run, 21).exits(1);
    assert!(refused.err.contains(&format!("run {run} has 20 targets, not 21")), "{refused:?}");
    let refused = desk.call(&["runs", "start", &run.to_string()]).exits(2);
    assert!(refused.err.contains("without a terminal needs --yes"), "{refused:?}");

    begin(&desk, run, 20).exits(0);
    assert_eq!(watch(&desk, run)["outcomes"]["changed"], 20);
    assert_eq!(
        (desk.user("user001")["klass"].clone(), desk.user("late")["klass"].clone()),
        (json!("seen"), json!(""))
    );
    let refused = begin(&desk, run, 20).exits(1);
    assert!(refused.err.contains(&format!("run {run} is not held: it is finished already")), "{refused:?}");
    let row = last(&desk, "run-begin");
    assert_eq!((&row["subject"], &row["detail"]), (&json!(format!("run {run}")), &json!({"targets": 20})));
    worker.drain().exits(0);
}

#[test]
fn every_kind_of_run_can_be_held_and_be_called_off() {
    let desk = Desk::with_users(6);
    let worker = Worker::start(&desk);
    let go = |run: i64, targets: u64| {
        begin(&desk, run, targets).exits(0);
        watch(&desk, run)
    };
    let preview = made(desk.run("user.klass = 'new'", &["--all", "--hold"]));
    assert_eq!(show(&desk, preview)["state"], "selecting");
    go(preview, 6);
    let hold = |args: &[&str]| made(desk.call(&[args, &["--hold", "--json"]].concat()));
    let called_off = hold(&["runs", "apply", &preview.to_string()]);
    let again = desk.call(&["runs", "apply", &preview.to_string(), "--yes"]).exits(1);
    assert!(again.err.contains(&format!("runs start {called_off}")), "{again:?}");
    desk.ok(&["runs", "cancel", &called_off.to_string()]);
    let refused = begin(&desk, called_off, 6).exits(1);
    assert!(refused.err.contains("is not held: it is cancelled already"), "{refused:?}");
    let applied = hold(&["runs", "apply", &preview.to_string()]);
    assert_eq!(go(applied, 6)["outcomes"]["changed"], 6);
    let undo = hold(&["runs", "undo", &applied.to_string(), "--apply"]);
    assert_eq!(go(undo, 6)["outcomes"]["changed"], 6);
    assert_eq!(desk.user("user001")["klass"], "");
    let failing =
        made(desk.run("if user.obj_id == 2: fail('no')", &["--all", "--apply", "--yes", "--queue"]));
    desk.call(&["runs", "watch", &failing.to_string()]).exits(3);
    let retry = hold(&["runs", "retry", &failing.to_string()]);
    begin(&desk, retry, 1).exits(0);
    desk.call(&["runs", "watch", &retry.to_string()]).exits(3);
    worker.drain().exits(0);
}

#[test]
fn what_is_held_must_still_be_allowed_when_it_begins() {
    let desk = Desk::with_users(9);
    desk.write("mark.py", "user.klass = 'seen'");
    let (run, other) = (made(desk.run("user.klass = 'x'", &HOLD)), made(desk.run("user.klass = 'y'", &HOLD)));
    desk.ok(&["settings", "set", "four_eyes_above", "8"]);
    let refused = begin(&desk, run, 9).exits(1);
    assert!(refused.err.contains("it needs an approved plan"), "{refused:?}");
    assert_eq!(show(&desk, run)["state"], "selecting");
    desk.ok(&["settings", "unset", "four_eyes_above"]);
    desk.ok(&["administrators", "add", "rita", "--grant", "read-only"]);
    let refused = desk.call(&["--as", "rita", "runs", "start", &run.to_string(), "--targets", "9"]).exits(1);
    assert_eq!(refused.sentence(), "You need the admin or operator role to run scripts.");
    // Whoever lets it begin vouches for it: that they may no longer stops it, not that its maker may.
    desk.ok(&["administrators", "add", "olga", "--grant", "operator"]);
    desk.ok(&["--as", "olga", "runs", "start", &other.to_string(), "--targets", "9"]);
    desk.ok(&["administrators", "remove", "olga", "--yes"]);
    let worker = Worker::start(&desk);
    desk.call(&["runs", "watch", &other.to_string()]).exits(1);
    let stopped = show(&desk, other);
    assert_eq!(stopped["state"], "stopped");
    assert!(
        stopped["end_reason"].as_str().unwrap().contains("may no longer do what this run does"),
        "{stopped}"
    );
    // Somebody who may can let workers go on with it.
    let queued = desk.ok(&["runs", "resume", &other.to_string(), "--queue", "--json"]).object();
    assert!(["queued", "running", "finished"].contains(&queued["state"].as_str().unwrap()), "{queued}");
    assert_eq!(watch(&desk, other)["outcomes"]["changed"], 9);
    assert_eq!(desk.user("user009")["klass"], "y");
    worker.drain().exits(0);
}
