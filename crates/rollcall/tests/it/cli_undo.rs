//! `runs undo`: its options reach the rules of `crates/app/tests/it/undo.rs`, and its answers are printed.

use crate::common::{Desk, Done, column, name, without};
use serde_json::{Value, json};

fn users(desk: &Desk) -> Vec<Value> {
    desk.ok(&["users", "list", "--format", "json"]).objects()
}

/// Undoes run `id` and writes it.
fn undo(desk: &Desk, id: &Value, args: &[&str]) -> Done {
    desk.call(&[&["runs", "undo", &id.to_string(), "--apply", "--yes", "--json"], args].concat())
}

#[test]
fn undo_is_a_preview_without_apply_and_needs_yes_with_it() {
    let desk = Desk::with_users(2);
    let before = desk.export();
    let run = desk.apply("user.klass = 'x'", 0);
    let refused = desk.call(&["runs", "undo", "1", "--apply"]).exits(2);
    assert_eq!(refused.sentence(), "--apply without a terminal needs --yes");
    assert_eq!(desk.runs(), [run]);

    let report = desk.ok(&["runs", "undo", "1"]).out;
    for part in ["preview of the undo of run 1 (script.py) for 2 users", "changed 2", "runs apply 2"] {
        assert!(report.contains(part), "{part}: {report}");
    }
    let preview = desk.ok(&["runs", "undo", "1", "--json"]).object();
    assert_eq!((&preview["mode"], &preview["undoes_run_id"]), (&json!("preview"), &json!(1)));
    let plan = preview["plan_hash"].as_str().unwrap();
    let applied = desk.ok(&["runs", "apply", "3", "--plan", plan, "--yes", "--json"]).object();
    assert_eq!((&applied["applies_run_id"], &applied["undoes_run_id"]), (&json!(3), &json!(1)));
    let report = desk.ok(&["runs", "show", "4"]).out;
    assert!(report.contains("undo of run 1 (script.py) for 2 users"), "{report}");
    assert_eq!(column(&users(&desk), "klass"), ["", ""]);
    assert_eq!(desk.export().lines().count(), before.lines().count());

    let again = undo(&desk, &json!(1), &[]).exits(0);
    let said = "run 1 was already undone by run 4: users who have their earlier values stay unchanged";
    assert!(again.err.contains(said), "{again:?}");
    assert_eq!(without(again.object(), "duration_seconds")["outcomes"]["unchanged"], 2);
}

#[test]
fn undo_of_one_user_with_its_conflict_is_printed() {
    let desk = Desk::with_users(4);
    let run = desk.apply("user.username = f'new{user.obj_id}'\nuser.klass = 'x'", 0);
    let former = undo(&desk, &run["run_id"], &["--user", &name(2)]).exits(0).object();
    assert_eq!(former["selection"], json!({"changed": {"run_id": 1, "username": name(2)}}));
    assert_eq!(column(&users(&desk), "username"), ["new1", &name(2), "new3", "new4"]);

    desk.ok(&["users", "set", "new4", "klass=by hand"]);
    let rest = undo(&desk, &run["run_id"], &["--max-changes", "1"]).exits(1).object();
    assert_eq!(
        (&rest["state"], &rest["settings"]["brakes"]),
        (&json!("stopped"), &json!({"max_changes": 1}))
    );
    let conflict = desk.outcomes(&rest).remove(0);
    assert_eq!(
        (&conflict["outcome"], &conflict["mismatches"], &conflict["error"]["type"]),
        (
            &json!("conflict"),
            &json!([{"subject": "klass", "expected": "\"x\"", "found": "\"by hand\""}]),
            &json!("Conflict"),
        )
    );
    let message = "changed since run 1: klass should be \"x\" and is \"by hand\"";
    assert_eq!(conflict["error"]["message"], message);
    desk.call(&["runs", "resume", &rest["run_id"].to_string()]).exits(3);
}

#[test]
fn rejected_undo_says_which_command_helps() {
    let desk = Desk::with_users(3);
    let said = |run: &str, args: &[&str]| {
        desk.call(&[&["runs", "undo", run], args].concat()).exits(1).sentence().to_owned()
    };
    assert_eq!(said("1", &[]), "there is no run 1");
    desk.run("user.klass = 'x'", &["--all"]).exits(0);
    assert_eq!(said("1", &[]), "run 1 is a preview: it has changed nothing that could be undone");
    desk.ok(&["runs", "apply", "1", "--yes"]);
    assert_eq!(
        said("1", &[]),
        "run 1 is a preview, which has changed nothing itself; run 2 has applied it: undo run 2"
    );
    let nobody = said("2", &["--user", "nobody"]);
    assert_eq!(nobody, "there is no user \"nobody\", neither now nor in run 2");
    desk.run("user.klass = 'y'", &["--all", "--apply", "--queue"]).exits(2);
    desk.run("user.klass = 'y'", &["--all", "--apply", "--yes", "--queue"]).exits(0);
    assert_eq!(said("3", &[]), "run 3 is still queued: wait for its end, or cancel it");
}
