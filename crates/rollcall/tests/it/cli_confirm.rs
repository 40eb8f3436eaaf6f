//! The question before a run writes: at a terminal, who answers what, and what a no leaves behind.

use std::io::Write;

use crate::common::terminal::{at_terminal, sit_down};
use crate::common::{Desk, Done, column, finish, wait_until};
use serde_json::{Value, json};

/// How a line is ended without a word on it: Ctrl-D.
const END: &str = "\u{4}";

fn klasses(desk: &Desk) -> Vec<Value> {
    column(&desk.ok(&["users", "list", "--format", "json"]).objects(), "klass")
}

/// A run that nobody wanted in the end.
#[track_caller]
fn called_off(done: Done) {
    let done = done.exits(1);
    let run = done.object();
    assert_eq!((&run["state"], &run["end_reason"]), (&json!("cancelled"), &json!("not confirmed")));
    assert_eq!(run["outcomes"]["not_run"], run["targets"]);
    assert!(done.err.contains("nothing was changed"), "{done:?}");
}

#[test]
fn a_run_writes_after_a_yes_and_after_nothing_else() {
    let desk = Desk::with_users(3);
    desk.write("x.py", "user.klass = 'x'");
    let args = ["run", "x.py", "--all", "--apply", "--json"];
    for no in ["n\n", "\n", "yess\n", "3\n", END] {
        let done = at_terminal(&desk, &args, no);
        assert!(done.err.contains("This applies x.py to 3 users. Go on? [y/N]"), "{done:?}");
        called_off(done);
        assert_eq!(klasses(&desk), ["", "", ""]);
    }
    assert_eq!(at_terminal(&desk, &args, "Y\n").exits(0).object()["outcomes"]["changed"], 3);
    assert_eq!(klasses(&desk), ["x", "x", "x"]);
    // A preview does not ask, nor does a run for nobody.
    let done = at_terminal(&desk, &["run", "x.py", "--all"], "").exits(0);
    assert!(!done.err.contains("Go on?"), "{done:?}");
    at_terminal(&desk, &["run", "x.py", "--filter", "obj_id gt 3", "--apply"], "").exits(0);
}

#[test]
fn of_many_users_the_number_must_be_typed() {
    let desk = Desk::with_users(1_001);
    desk.write("x.py", "skip('no')");
    let args = ["run", "x.py", "--all", "--apply", "--json"];
    for no in ["y\n", "yes\n", "1000\n"] {
        let done = at_terminal(&desk, &args, no);
        assert!(done.err.contains("This applies x.py to 1,001 users. Type 1001 to go on:"), "{done:?}");
        called_off(done);
    }
    for yes in ["1001\n", "1,001\n"] {
        at_terminal(&desk, &args, yes).exits(0);
    }
}

#[test]
fn a_preview_that_was_not_applied_after_all_can_still_be() {
    let desk = Desk::with_users(2);
    desk.run("user.klass = 'x'", &["--all"]).exits(0);
    let done = at_terminal(&desk, &["runs", "apply", "1", "--json"], "n\n");
    assert!(done.err.contains("This writes what preview 1 (script.py) has planned for 2 users."), "{done:?}");
    called_off(done);
    assert!(desk.ok(&["runs", "show", "1"]).out.contains("runs apply 1 "), "it is still offered");
    at_terminal(&desk, &["runs", "apply", "1"], "y\n").exits(0);
    assert_eq!(klasses(&desk), ["x", "x"]);
    let refused = desk.call(&["runs", "apply", "1", "--yes"]).exits(1);
    assert!(refused.sentence().starts_with("preview 1 has been applied already, by run 3"), "{refused:?}");
}

#[test]
fn a_run_that_was_not_taken_back_after_all_can_still_be_or_go_on() {
    let desk = Desk::with_users(3);
    desk.run("user.klass = 'x'", &["--all", "--apply", "--yes", "--canary", "2"]).exits(1);
    let done = at_terminal(&desk, &["runs", "undo", "1", "--apply", "--json"], "n\n");
    assert!(done.err.contains("This takes back what run 1 (script.py) has changed of 2 users."), "{done:?}");
    called_off(done);
    assert!(desk.ok(&["runs", "show", "1"]).out.contains("runs undo 1 "), "it is still offered");
    desk.ok(&["runs", "resume", "1"]);
    let undone = at_terminal(&desk, &["runs", "undo", "1", "--apply", "--json"], "yes\n").exits(0);
    assert!(!undone.err.contains("already undone"), "{undone:?}");
    assert_eq!(klasses(&desk), ["", "", ""]);
}

#[test]
fn who_leaves_at_the_question_can_come_back_to_it() {
    let desk = Desk::with_users(2);
    desk.run("user.klass = 'x'", &["--all"]).exits(0);
    let (mut child, _keyboard, _shown) = sit_down(&desk, &["runs", "apply", "1"]);
    wait_until("it asks", || desk.runs().len() == 2);
    assert_eq!(desk.runs()[0]["state"], "selecting");
    let said = desk.call(&["runs", "resume", "2", "--yes"]).exits(1);
    assert_eq!(said.sentence(), "run 2 waits for its administrator to confirm it");
    child.kill().unwrap();
    child.wait().unwrap();

    assert_eq!(desk.runs()[0]["state"], "interrupted");
    let said = desk.call(&["runs", "apply", "1", "--yes"]).exits(1);
    assert_eq!(said.sentence(), "run 2 applies preview 1 and waits for confirmation: resume or cancel it");
    assert_eq!(
        said.hints(),
        ["resume the run: rollcall runs resume 2", "cancel the run: rollcall runs cancel 2"]
    );
    // Coming back is no yes.
    at_terminal(&desk, &["runs", "resume", "2"], "n\n").exits(1);
    assert_eq!(klasses(&desk), ["", ""]);
    at_terminal(&desk, &["runs", "resume", "2"], "y\n").exits(0);
    assert_eq!(klasses(&desk), ["x", "x"]);
}

#[test]
fn a_run_that_waits_for_a_yes_can_be_cancelled_from_elsewhere() {
    let desk = Desk::with_users(2);
    desk.run("user.klass = 'x'", &["--all"]).exits(0);
    let (child, mut keyboard, _shown) = sit_down(&desk, &["runs", "apply", "1", "--json"]);
    wait_until("it asks", || desk.runs().len() == 2);
    let cancelled = desk.ok(&["runs", "cancel", "2", "--json"]).object();
    keyboard.write_all(b"y\n").unwrap();
    assert_eq!(finish(child).exits(1).object(), cancelled, "a yes that comes too late");
    assert_eq!(klasses(&desk), ["", ""]);
    desk.ok(&["runs", "apply", "1", "--yes"]);
    assert_eq!(klasses(&desk), ["x", "x"]);
}

#[test]
fn pruning_by_hand_asks_and_says_what_is_lost() {
    let desk = Desk::with_users(1);
    desk.run("user.klass = 'x'", &["--all", "--apply", "--yes"]).exits(0);
    let asked = at_terminal(&desk, &["prune", "--older-than", "0s"], "n\n").exits(1);
    assert!(asked.err.contains("so that nobody can take it back? [y/N]"), "{}", asked.err);
    assert_eq!(desk.runs()[0]["pruned_at"], serde_json::Value::Null);
    at_terminal(&desk, &["prune", "--older-than", "0s"], "y\n").exits(0);
    assert_ne!(desk.runs()[0]["pruned_at"], serde_json::Value::Null);
    // What a setting wants was meant when it was set.
    desk.ok(&["settings", "set", "prune_after", "90d"]);
    at_terminal(&desk, &["prune"], "").exits(0);
}

#[test]
fn calls_that_can_never_be_right_come_first_and_in_the_question() {
    let desk = Desk::with_users(3);
    desk.ok(&["profiles", "add", "Komfort 100"]);
    let script = "user.klass = 'x'\nif user.obj_id > 1:\n    user.profile_add(short_name='Komfrot 100')";
    desk.write("x.py", script);
    // Said to the script, which does not listen: nothing else has gone wrong.
    let shown = desk.ok(&["run", "x.py", "--all"]).out;
    let why = "there is no profile called 'Komfrot 100'; did you mean Komfort 100?";
    let told = format!("Refused calls, for 2 users\n  2 users  {why} (line 3)  such as user002");
    let (at, changes) = (shown.find(&told), shown.find("Changes, grouped"));
    assert!(at.is_some() && at < changes && !shown.contains("Warnings"), "{shown}");

    let asked = at_terminal(&desk, &["runs", "apply", "1", "--json"], "n\n");
    let question = "has planned for 3 users; calls of the script were refused for 2 users. Go on? [y/N]";
    assert!(asked.err.contains(question), "{asked:?}");
    desk.ok(&["runs", "apply", "1", "--yes"]);

    // A script that looks at the answer says itself what that means.
    let checks = "ok, why = user.profile_add(short_name='Komfrot 100')\nif not ok:\n    fail(why)";
    let run = desk.run(checks, &["--all"]).exits(3).object();
    let outcome = desk.outcomes(&run).remove(0);
    assert_eq!(outcome["rejected_calls"], json!([{"message": why, "line": 1}]));
    assert_eq!((&outcome["warnings"], &outcome["outcome"]), (&json!([why]), &json!("failed")));
    let shown = desk.ok(&["runs", "show", &run["run_id"].to_string()]).out;
    assert!(!shown.contains("Refused calls") && shown.contains("Warnings"), "{shown}");

    // What is there already, or not, is a normal answer.
    let normal = "user.profile_remove(short_name='Komfort 100')\nuser.attribute_remove('Class', 'x')";
    let run = desk.run(normal, &["--all"]).exits(0).object();
    assert_eq!(desk.outcomes(&run)[0]["rejected_calls"], json!([]));
}
