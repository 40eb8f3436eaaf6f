//! `runs cancel`, `runs retry` and `runs resume`, with other processes that execute the run or have died. Their rules are
//! tested in `crates/app/tests/it/cancel_retry_resume.rs`.

use std::process::Child;

use crate::common::{Desk, Done, column, finish, name, start, wait_until};
use serde_json::{Value, json};

/// Takes a moment for each user, so that one after the other is told of, and for ever for the third, unless somebody has
/// written `go` into the description by then.
const WAITS: &str = "\
import time
time.sleep(80_000 if user.obj_id == 3 and user.description != 'go' else 0.1)
user.klass = 'done'
user.username_length += 1
";

/// Starts a script of which the third target does not end, and comes back when the first two are committed.
fn half_way(desk: &Desk, script: &str, args: &[&str]) -> Child {
    let runs = desk.runs().len();
    desk.write("waits.py", script);
    let common = ["run", "waits.py", "--json", "--workers", "1", "--time-limit", "24h"];
    let child = start(&mut desk.command(&[&common[..], args].concat()));
    wait_until("the run has begun", || desk.runs().len() > runs);
    desk.wait_for_outcomes(2);
    child
}

/// Ends a process as a crash of the machine would.
fn crash(mut child: Child) {
    child.kill().unwrap();
    assert_eq!(finish(child).out, "", "it had no time to say anything");
}

fn users(desk: &Desk) -> Vec<Value> {
    desk.ok(&["users", "list", "--format", "json"]).objects()
}

fn runs(desk: &Desk, command: &str, run: i64, args: &[&str]) -> Done {
    desk.call(&[&["runs", command, &run.to_string()], args].concat())
}

#[track_caller]
fn refused(desk: &Desk, command: &str, run: i64, args: &[&str]) -> String {
    let before = desk.runs();
    let done = runs(desk, command, run, args).exits(1);
    assert_eq!(desk.runs(), before);
    done.sentence().to_owned()
}

const APPLY: [&str; 3] = ["--all", "--apply", "--yes"];

#[test]
fn a_cancel_from_another_process_ends_a_run_whose_script_spins() {
    let desk = Desk::with_users(4);
    let spins = "import time\ntime.sleep(0.1)\nuser.klass = 'done'\nwhile user.obj_id == 3: pass\n";
    let child = half_way(&desk, spins, &APPLY);
    let process = format!("run 1 is being executed by process {} on ", child.id());
    let refusal = runs(&desk, "resume", 1, &[]).exits(1);
    assert!(refusal.sentence().starts_with(&process), "{refusal:?}");
    let cancelled = desk.ok(&["runs", "cancel", "1", "--json"]).object();
    let run = finish(child).exits(1).object();
    assert_eq!(run, cancelled, "both say the same");
    assert_eq!((&run["state"], &run["mode"]), (&json!("cancelled"), &json!("apply")));
    assert_eq!((&run["outcomes"]["changed"], &run["outcomes"]["not_run"]), (&json!(2), &json!(2)));
    let by = run["administrator"].as_str().unwrap();
    assert_eq!(run["end_reason"], format!("cancelled by {by}; what was done before stays done"));
    assert_eq!(column(&desk.outcomes(&run), "outcome"), ["changed", "changed", "not_run", "not_run"]);
    assert_eq!(column(&users(&desk), "klass"), ["done", "done", "", ""]);

    assert_eq!(refused(&desk, "cancel", 1, &[]), "run 1 was cancelled already");
    assert_eq!(
        refused(&desk, "resume", 1, &[]),
        "run 1 was cancelled and cannot be resumed: start a new run of the remaining targets"
    );
}

#[test]
fn an_interrupted_run_goes_on_where_it_was() {
    let desk = Desk::with_users(5);
    crash(half_way(&desk, WAITS, &APPLY));
    assert_eq!(column(&desk.runs(), "state"), ["interrupted"]);
    let report = desk.ok(&["runs", "show", "1"]).out;
    assert!(report.contains("runs resume 1") && report.contains("runs cancel 1"), "{report}");
    desk.ok(&["users", "set", &name(3), "description=go"]);
    desk.write("waits.py", "user.klass = 'another script'");
    let run = runs(&desk, "resume", 1, &["--json"]).exits(0).object();
    assert_eq!((&run["run_id"], &run["state"], &run["targets"]), (&json!(1), &json!("finished"), &json!(5)));
    assert_eq!(run["outcomes"]["changed"], 5);
    assert_eq!(desk.runs(), [run], "the same run, not another one");
    assert_eq!(column(&users(&desk), "klass"), vec!["done"; 5]);
    assert_eq!(column(&users(&desk), "username_length"), vec![8; 5], "each once");
    assert_eq!(refused(&desk, "resume", 1, &[]), "run 1 has finished: it has no targets left");
    assert_eq!(refused(&desk, "resume", 2, &[]), "there is no run 2");
}

#[test]
fn retry_takes_failures_conflicts_or_what_had_no_turn() {
    let desk = Desk::with_users(3);
    let script = "if user.obj_id == 2 and user.description == '': fail('no')\nuser.klass += 'x'";
    desk.run(script, &["--all", "--time-limit", "2s"]).exits(3);
    let wrong = runs(&desk, "retry", 1, &["--conflicts", "--not-run"]).exits(2);
    assert!(wrong.err.contains("cannot be used with"), "{wrong:?}");
    desk.ok(&["users", "set", &name(3), "klass=hand"]);
    runs(&desk, "apply", 1, &["--yes"]).exits(3);
    let refusal = runs(&desk, "retry", 2, &["--conflicts"]).exits(2);
    assert_eq!(refusal.sentence(), "a retry that writes without a terminal needs --yes");
    let preview = runs(&desk, "retry", 2, &["--conflicts", "--preview", "--json"]).exits(0).object();
    assert_eq!(preview["selection"], json!({"outcomes": {"run_id": 2, "outcome": "conflict"}}));
    let report = runs(&desk, "retry", 2, &["--conflicts", "--yes"]).exits(0).out;
    assert!(report.contains("what was in conflict in run 2"), "{report}");
    assert_eq!(column(&users(&desk), "klass"), ["x", "", "handx"]);

    desk.ok(&["users", "set", &name(2), "description=corrected"]);
    let again = runs(&desk, "retry", 1, &["--json", "--time-limit", "3s"]).exits(0).object();
    assert_eq!((&again["mode"], &again["selection"]), (&json!("preview"), &json!({"retry": {"run_id": 1}})));
    assert_eq!(again["settings"]["time_limit"], 3.0);

    runs(&desk, "undo", 2, &["--apply", "--yes", "--json"]).exits(0);
    let refusal = refused(&desk, "retry", 6, &["--yes"]);
    assert!(refusal.contains("undo run 2 again"), "{refusal}");
    desk.run("user.klass = 'y'", &["--all", "--apply", "--yes", "--canary", "1"]).exits(1);
    let told = runs(&desk, "cancel", 7, &[]).exits(0);
    assert!(told.err.contains("run 7 is cancelled: changed 1 · not run 2"), "{told:?}");
    let rest = runs(&desk, "retry", 7, &["--not-run", "--yes", "--json"]).exits(0).object();
    assert_eq!(column(&desk.outcomes(&rest), "username"), [name(2), name(3)]);
}

#[test]
fn a_run_to_which_nobody_has_said_yes_asks_when_it_is_resumed() {
    let desk = Desk::on_file().and_users(2);
    desk.run("user.klass = 'x'", &["--all", "--apply", "--yes", "--canary", "1"]).exits(1);
    // As if its process had died at the question: no test sits at a terminal.
    let host = nix::unistd::gethostname().unwrap();
    let before_the_machine_was_restarted = format!("another:1@{}/1/1", host.to_string_lossy());
    let question = "UPDATE runs SET state = 'selecting', holder = ?1, ended_at = NULL";
    desk.database().execute(question, [before_the_machine_was_restarted]).unwrap();
    assert_eq!(column(&desk.runs(), "state"), ["interrupted"]);
    let refusal = runs(&desk, "resume", 1, &[]).exits(2);
    assert_eq!(
        refusal.sentence(),
        "nobody has said yes to run 1 yet: going on with it without a terminal needs --yes"
    );
    let run = runs(&desk, "resume", 1, &["--yes", "--json"]).exits(0).object();
    assert_eq!(run["state"], "finished");
}

#[test]
fn every_command_that_makes_or_ends_a_run_prints_one_object() {
    let desk = Desk::with_users(3);
    let object = |args: &[&str]| desk.call(&[args, &["--json"]].concat()).object();
    let script = "if user.obj_id == 2 and user.description == '': fail('no')\nuser.klass += 'x'";
    desk.run(script, &["--all"]);
    let ids = [
        object(&["runs", "apply", "1", "--yes", "--canary", "1"]),
        object(&["runs", "resume", "2"]),
        object(&["runs", "undo", "2"]),
        object(&["runs", "undo", "2", "--apply", "--yes", "--canary", "1"]),
        object(&["runs", "cancel", "4"]),
        object(&["runs", "retry", "1"]),
    ];
    assert_eq!(column(&ids, "run_id"), [2, 2, 3, 4, 4, 5]);
    for run in &ids {
        assert_eq!(crate::common::keys(run), crate::common::keys(&desk.runs()[0]));
    }
}
