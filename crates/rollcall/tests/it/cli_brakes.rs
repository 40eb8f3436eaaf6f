//! Options that stop a run by itself: they reach the rules of `crates/app/tests/it/brakes.rs`, and the stop is printed.

use crate::common::{Desk, name};
use serde_json::json;

#[test]
fn stopped_run_says_why_and_how_it_goes_on() {
    let desk = Desk::with_users(6);
    let args = ["--all", "--apply", "--yes", "--canary", "4"];
    let canary = desk.run("user.klass = 'x'", &args).exits(1);
    let why = "a canary: the first 4 targets are done, the rest waits to be resumed";
    assert!(canary.err.contains(&format!("run 1 was stopped: {why}")), "{canary:?}");
    let run = canary.object();
    assert_eq!((&run["state"], &run["end_reason"]), (&json!("stopped"), &json!(why)));
    assert_eq!((&run["settings"]["canary"], &run["settings"]["brakes"]), (&json!(4), &json!({})));
    let report = desk.ok(&["runs", "show", "1"]).out;
    assert!(report.contains("a canary: the first 4") && report.contains("runs resume 1"), "{report}");
    let resumed = desk.ok(&["runs", "resume", "1", "--json"]).object();
    assert_eq!((&resumed["state"], &resumed["end_reason"]), (&json!("finished"), &json!(null)));
}

#[test]
fn each_limit_is_taken_by_a_run_and_by_its_resumption() {
    let desk = Desk::with_users(6);
    desk.ok(&["users", "set", &name(2), "description=fails"]);
    let script = "if user.description == 'fails': fail('no')\nuser.is_active = False";
    let write = ["--all", "--apply", "--yes"];
    let failures = desk.run(script, &[&write[..], &["--max-failures", "0"]].concat()).exits(1);
    assert!(failures.err.contains("run 1 was stopped: 1 target has failed"), "{failures:?}");
    assert_eq!(failures.object()["settings"]["brakes"], json!({"max_failures": 0}));
    let resume = |args: &[&str]| desk.call(&[&["runs", "resume", "1", "--json"], args].concat());
    let changes = resume(&["--max-changes", "1"]).exits(1);
    assert!(changes.err.contains("as many users are changed as the limit allows (1)"), "{changes:?}");
    let brakes = json!({"max_failures": 0, "max_changes": 1});
    assert_eq!(changes.object()["settings"]["brakes"], brakes);
    let both = ["--max-changes", "9", "--max-deactivations", "1"];
    let deactivations = resume(&both).exits(1);
    let why = "as many users are made inactive as the limit allows (1)";
    assert!(deactivations.err.contains(why), "{deactivations:?}");
    assert_eq!(deactivations.object()["outcomes"]["changed"], 3);
    assert_eq!(resume(&["--max-deactivations", "9"]).exits(3).object()["outcomes"]["changed"], 5);
}

#[test]
fn limits_that_are_no_numbers_are_wrong_usage() {
    let desk = Desk::with_users(1);
    for brake in ["--max-failures", "--max-changes", "--max-deactivations", "--canary"] {
        for wrong in ["-1", "many", "1.5", ""] {
            let done = desk.run("pass", &["--all", &format!("{brake}={wrong}")]).exits(2);
            assert!(done.err.contains(brake), "{done:?}");
        }
    }
    desk.run("pass", &["--all", "--canary", "0"]).exits(2);
    assert_eq!(desk.runs().len(), 0);
}
