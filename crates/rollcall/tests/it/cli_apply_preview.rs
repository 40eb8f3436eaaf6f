//! `runs apply`: its options reach the rules of `crates/app/tests/it/apply_preview.rs`, and its answers are printed.

use crate::common::{Desk, column, finish, name, start};
use serde_json::{Value, json};

#[test]
fn apply_needs_yes_and_no_interpreter() {
    let desk = Desk::with_users(3);
    let preview = desk.run("user.klass = 'x'", &["--filter", "obj_id le 2"]).exits(0).object();
    let before = desk.export();
    let refused = desk.call(&["runs", "apply", "1"]).exits(2);
    assert_eq!(refused.sentence(), "applying a preview without a terminal needs --yes");
    assert_eq!((desk.runs(), desk.export()), (vec![preview.clone()], before));

    // No interpreter is to be found, and the file is another one by now.
    desk.write("script.py", "user.klass = 'another script'");
    let mut command = desk.command(&["runs", "apply", "1", "--yes", "--json"]);
    let applied = finish(start(command.env("ROLLCALL_PYTHON", "/nowhere").env("PATH", ""))).exits(0).object();
    assert_eq!((&applied["run_id"], &applied["mode"]), (&json!(2), &json!("apply")));
    assert_eq!((&applied["applies_run_id"], &applied["undoes_run_id"]), (&json!(1), &Value::Null));
    assert_eq!(applied["selection"], json!({"plan": {"run_id": 1}}));
    assert_eq!(desk.ok(&["runs", "show", "2", "--format", "json"]).object(), applied);
    assert_eq!(desk.ok(&["runs", "show", "1", "--format", "json"]).object(), preview, "it stays as it was");
    let again = desk.call(&["runs", "apply", "1", "--yes"]).exits(1);
    assert_eq!(
        again.sentence(),
        "preview 1 has been applied already, by run 2: preview again to apply again"
    );
}

#[test]
fn reports_lead_from_the_preview_to_its_plan_and_to_the_undo() {
    let desk = Desk::with_users(2);
    let preview = desk.run("user.klass = 'x'", &["--all"]).exits(0).object();
    let plan = preview["plan_hash"].as_str().unwrap();
    let shown = || desk.ok(&["runs", "show", "1"]).out;
    assert!(shown().contains("runs apply 1 ") && shown().contains(&format!("plan {plan}")), "{}", shown());
    let refused = desk.call(&["runs", "apply", "1", "--yes", "--plan", "deadbeef"]).exits(1);
    assert_eq!(
        refused.sentence(),
        format!("the plan of preview 1 is {plan}, not deadbeef: look at it again before you apply it")
    );
    let report = desk.ok(&["runs", "apply", "1", "--yes", "--plan", &plan[..8]]).out;
    for part in ["Run 2", "plan of preview 1", "script.py", "2 users", "changed 2", "runs undo 2"] {
        assert!(report.contains(part), "{part}: {report}");
    }
    assert!(!shown().contains("runs apply 1 "), "the administrator is not sent to do it again");
}

#[test]
fn conflicts_of_a_plan_are_printed_and_retried() {
    let desk = Desk::with_users(3);
    desk.run("user.klass = 'gold'", &["--all"]).exits(0);
    desk.ok(&["users", "set", &name(2), "klass=hand"]);
    desk.ok(&["users", "remove", &name(3), "--yes"]);
    let applied = desk.call(&["runs", "apply", "1", "--yes", "--json"]).exits(3).object();
    let outcomes = desk.outcomes(&applied);
    assert_eq!(column(&outcomes, "outcome"), ["changed", "conflict", "conflict"]);
    let mismatches = json!([{"subject": "klass", "expected": "\"\"", "found": "\"hand\""}]);
    assert_eq!(outcomes[1]["mismatches"], mismatches);
    let message = "changed since preview 1: klass should be \"\" and is \"hand\"";
    assert_eq!(outcomes[1]["error"]["message"], message);
    assert_eq!(outcomes[2]["error"]["message"], "removed since preview 1");
    let retry = ["runs", "retry", "2", "--conflicts", "--preview", "--json"];
    assert_eq!(desk.call(&retry).exits(3).object()["outcomes"]["changed"], 1);
    desk.ok(&["runs", "apply", "3", "--yes"]);
    assert_eq!(desk.user(&name(2))["klass"], "gold");
}

#[test]
fn plan_of_a_stopped_preview_is_applied_with_brakes_once_it_was_resumed() {
    let desk = Desk::with_users(3);
    desk.run("user.is_active = False", &["--all", "--canary", "1"]).exits(1);
    let stopped = desk.call(&["runs", "apply", "1", "--yes"]).exits(1).sentence().to_owned();
    assert_eq!(stopped, "preview 1 was stopped with 2 of its 3 targets left: resume it first");
    desk.ok(&["runs", "resume", "1"]);
    let brakes = ["runs", "apply", "1", "--yes", "--json", "--max-deactivations", "1"];
    let applied = desk.call(&brakes).exits(1).object();
    assert_eq!(applied["settings"]["brakes"], json!({"max_deactivations": 1}));
    assert_eq!((&applied["outcomes"]["changed"], &applied["outcomes"]["not_run"]), (&json!(1), &json!(2)));
}
