//! Previews that are applied: what was shown is what is written, once, and only to whom it was shown for.

use crate::common::{Desk, Done, column, finish, name, start, wait_until, without};
use serde_json::{Value, json};

/// Comes to something else each time that it runs, and knows whether it is a preview.
const UNREPEATABLE: &str = "\
import random, time
user.description = f'{random.random()} {time.time_ns()} {user.obj_id}'
user.klass = 'preview' if run.preview else 'apply'
user.external_id = str(run.id)
";

#[track_caller]
fn preview(desk: &Desk, script: &str, args: &[&str]) -> Value {
    desk.run(script, args).exits(0).object()
}

fn apply(desk: &Desk, preview: &Value, args: &[&str]) -> Done {
    desk.call(&[&["runs", "apply", &preview["run"].to_string(), "--yes", "--json"], args].concat())
}

fn users(desk: &Desk) -> Vec<Value> {
    desk.ok(&["users", "list", "--format", "json"]).objects()
}

/// The users without what the moment of the write decides.
fn undated(desk: &Desk) -> Vec<Value> {
    users(desk).into_iter().map(|user| without(user, "last_update")).collect()
}

/// What a conflict says beside its mismatches.
fn message(outcome: &Value) -> &str {
    assert_eq!(outcome["error"]["type"], "Conflict", "{outcome}");
    outcome["error"]["message"].as_str().unwrap()
}

#[test]
fn what_was_previewed_is_written_without_running_the_script() {
    let desk = Desk::with_users(5);
    let preview = preview(&desk, UNREPEATABLE, &["--filter", "obj_id le 4"]);
    let planned = desk.outcomes(&preview);
    // No interpreter is to be found, and the file is another one by now.
    desk.write("script.py", "user.klass = 'another script'");
    let mut command = desk.command(&["runs", "apply", "1", "--yes", "--json"]);
    let applied = finish(start(command.env("ROLLCALL_PYTHON", "/nowhere").env("PATH", ""))).exits(0).object();
    assert_eq!((&applied["run"], &applied["mode"]), (&json!(2), &json!("apply")));
    assert_eq!((&applied["applies"], &applied["undoes"]), (&json!(1), &Value::Null));
    assert_eq!(applied["selection"], json!({"plan": {"run": 1}}));
    assert_eq!((&applied["targets"], &applied["outcomes"]["changed"]), (&json!(4), &json!(4)));

    let written = desk.outcomes(&applied);
    assert_eq!(column(&written, "changes"), column(&planned, "changes"));
    assert_eq!(column(&written, "obj_id"), [1, 2, 3, 4]);
    for (user, outcome) in users(&desk).iter().zip(&planned) {
        for change in outcome["changes"].as_array().unwrap() {
            assert_eq!(user[change["field"].as_str().unwrap()], change["after"], "{user}");
        }
        assert_eq!((&user["klass"], &user["external_id"]), (&json!("preview"), &json!("1")));
    }
    assert_eq!(desk.user(&name(5))["klass"], "", "the filter did not choose this one");
    assert_eq!(desk.ok(&["runs", "show", "2", "--format", "json"]).object(), applied);
    assert_eq!(desk.ok(&["runs", "show", "1", "--format", "json"]).object(), preview, "it stays as it was");
}

#[test]
fn a_preview_is_applied_once() {
    let desk = Desk::with_users(2);
    let preview = preview(&desk, UNREPEATABLE, &["--all"]);
    let hint = "runs apply 1 ";
    assert!(desk.ok(&["runs", "show", "1"]).out.contains(hint));
    apply(&desk, &preview, &[]).exits(0);
    let after = desk.export();
    assert!(!desk.ok(&["runs", "show", "1"]).out.contains(hint), "nobody is sent to do it again");
    let again = apply(&desk, &preview, &[]).exits(1);
    assert_eq!(
        again.sentence(),
        "preview 1 has been applied already, by run 2: preview again to apply again"
    );
    // Not even after it was taken back: who was changed and changed back is not as the preview saw them.
    desk.ok(&["runs", "undo", "2", "--apply", "--yes"]);
    apply(&desk, &preview, &[]).exits(1).sentence();
    assert_eq!(desk.runs().len(), 3, "a refusal makes no run");
    assert_ne!(desk.export(), after);
}

#[test]
fn of_two_who_apply_a_preview_at_once_one_does() {
    let desk = Desk::with_users(50);
    preview(&desk, "user.username_length += 1", &["--all"]);
    let args = ["runs", "apply", "1", "--yes", "--json"];
    let both = [(); 2].map(|()| start(&mut desk.command(&args)));
    let mut done = both.map(finish);
    done.sort_by_key(|done| done.code);
    let [won, lost] = done;
    assert_eq!(won.exits(0).object()["outcomes"]["changed"], 50);
    assert!(lost.exits(1).sentence().starts_with("preview 1 has been applied already, by run 2"));
    assert_eq!(column(&users(&desk), "username_length"), vec![json!(8); 50]);
}

#[test]
fn a_preview_of_nothing_is_applied_to_nobody() {
    let desk = Desk::with_users(2);
    let before = desk.export();
    let preview = preview(&desk, "skip('no')", &["--all"]);
    let applied = apply(&desk, &preview, &[]).exits(0).object();
    assert_eq!((&applied["state"], &applied["targets"]), (&json!("finished"), &json!(0)));
    assert_eq!(desk.export(), before);
}

#[test]
fn only_what_the_preview_changes_is_a_target() {
    let desk = Desk::with_users(4);
    let script = "if user.obj_id == 2: skip('no')\n1 / (user.obj_id - 3)\nuser.klass = 'x'";
    let preview = desk.run(script, &["--all"]).exits(3).object();
    let applied = apply(&desk, &preview, &[]).exits(0).object();
    assert_eq!(column(&desk.outcomes(&applied), "username"), [name(1), name(4)]);
    assert_eq!(column(&users(&desk), "klass"), ["x", "", "", "x"]);
}

#[test]
fn a_plan_may_be_insisted_on_by_its_hash() {
    let desk = Desk::with_users(2);
    let preview = preview(&desk, "user.klass = 'x'", &["--all"]);
    let plan = preview["plan"].as_str().unwrap().to_owned();
    assert_eq!(plan.len(), 64);
    assert!(desk.ok(&["runs", "show", "1"]).out.contains(&format!("plan {plan}")));

    let mut wrong = plan.clone();
    wrong.replace_range(63.., if plan.ends_with('0') { "1" } else { "0" });
    let longer = format!("{plan}0");
    for other in [&wrong, &wrong.repeat(2), &longer, "deadbeef"] {
        let refused = apply(&desk, &preview, &["--plan", other]).exits(1);
        let said =
            format!("the plan of preview 1 is {plan}, not {other}: look at it again before you apply it");
        assert_eq!(refused.sentence(), said);
    }
    for short in ["", &plan[..7]] {
        let refused = apply(&desk, &preview, &["--plan", short]).exits(1);
        assert_eq!(
            refused.sentence(),
            format!("{short:?} is too short to name a plan: give at least 8 digits")
        );
    }
    assert_eq!(desk.runs().len(), 1);
    apply(&desk, &preview, &["--plan", &plan[..8].to_uppercase()]).exits(0);
    let next = desk.run("user.klass = 'y'", &["--all"]).exits(0).object();
    apply(&desk, &next, &["--plan", next["plan"].as_str().unwrap()]).exits(0);
    assert_eq!(column(&users(&desk), "klass"), ["y", "y"]);
}

#[test]
fn plans_have_one_hash_only_if_they_are_one_plan() {
    let desk = Desk::with_users(3);
    let script = "PARAMS = {'klass': {'type': str, 'default': 'gold'}}\nuser.klass = params.klass\n";
    let hash =
        |script: &str, args: &[&str]| preview(&desk, script, args)["plan"].as_str().unwrap().to_owned();
    let one = hash(script, &["--all"]);
    assert_eq!(one, hash(script, &["--all"]), "a second look at the same users");
    assert_eq!(one, hash(script, &["--filter", "obj_id gt 0"]), "however they are chosen");
    let others = [
        hash(&format!("{script}# no more than a comment"), &["--all"]),
        hash(script, &["--all", "--param", "klass=silver"]),
        hash(script, &["--filter", "obj_id lt 3"]),
    ];
    assert!(others.iter().all(|other| *other != one), "{others:?}");
    // The same values again, and yet another user than the one that was looked at.
    desk.ok(&["users", "set", &name(2), "description=x"]);
    desk.ok(&["users", "set", &name(2), "description="]);
    assert_ne!(one, hash(script, &["--all"]));
    assert_eq!(desk.apply(script, 0)["plan"], Value::Null, "who writes at once has no plan");
}

#[test]
fn a_plan_that_was_tampered_with_is_not_applied() {
    let desk = Desk::on_file().and_users(2);
    let preview = preview(&desk, "user.klass = 'x'", &["--all"]);
    desk.database().execute("UPDATE outcomes SET journal = replace(journal, '\"x\"', '\"y\"')", []).unwrap();
    let before = desk.export();
    let refused = apply(&desk, &preview, &[]).exits(1);
    assert_eq!(refused.sentence(), "the stored plan of preview 1 is not what it planned: preview again");
    assert_eq!(desk.export(), before);
}

#[test]
fn only_a_whole_preview_is_applied() {
    let desk = Desk::with_users(3);
    let said = |run: i64| {
        let done = apply(&desk, &json!({ "run": run }), &[]).exits(1);
        done.sentence().to_owned()
    };
    assert_eq!(said(1), "there is no run 1");

    desk.apply("user.klass = 'x'", 0);
    assert_eq!(said(1), "run 1 is no preview: it has written its changes itself");

    preview_stopped_at_one(&desk);
    let stopped = said(2);
    assert!(stopped.starts_with("preview 2 was stopped with 2 of its 3 targets left: "), "{stopped}");
    assert!(stopped.contains("'rollcall runs resume 2'"), "{stopped}");

    preview_stopped_at_one(&desk);
    desk.ok(&["runs", "cancel", "3"]);
    assert_eq!(said(3), "preview 3 was cancelled, so its plan is not whole: preview again");

    preview(&desk, "user.klass = 'y'", &["--all"]);
    desk.ok(&["prune", "--older-than", "0s", "--yes"]);
    assert_eq!(
        said(4),
        "the outcomes of run 4 were pruned: it can no longer be undone, applied, retried or chosen from"
    );

    desk.write("waits.py", "import time\nif user.obj_id == 2: time.sleep(80_000)\nuser.klass = 'z'\n");
    let mut child =
        start(&mut desk.command(&["run", "waits.py", "--all", "--workers", "1", "--time-limit", "24h"]));
    wait_until("the preview is half way", || desk.runs().len() == 5);
    desk.wait_for_outcomes(1);
    assert_eq!(said(5), "preview 5 is still running: wait for its end");
    child.kill().unwrap();
    child.wait().unwrap();
    let interrupted = said(5);
    assert!(
        interrupted.starts_with("preview 5 was interrupted with 2 of its 3 targets left: "),
        "{interrupted}"
    );
    assert_eq!(column(&users(&desk), "klass"), ["x", "x", "x"]);

    // What has stopped can go on, and is whole then.
    desk.ok(&["runs", "resume", "2"]);
    apply(&desk, &json!({"run": 2}), &[]).exits(0);
    assert_eq!(column(&users(&desk), "klass"), ["canary", "canary", "canary"]);
}

fn preview_stopped_at_one(desk: &Desk) {
    desk.run("user.klass = 'canary'", &["--all", "--canary", "1"]).exits(1);
}

#[test]
fn whoever_was_changed_since_is_in_conflict_and_all_others_are_written() {
    let desk = Desk::with_users(7);
    let script = "user.klass = 'gold'\nuser.first_name = 'Zoë'\nuser.attribute_add('Class', 'gold', '+=')\n";
    let preview = preview(&desk, script, &["--all"]);
    desk.ok(&["users", "set", &name(2), "klass=hand", "first_name=Ann"]);
    desk.ok(&["users", "set", &name(3), "description=of no interest to the plan"]);
    desk.ok(&["users", "remove", &name(4), "--yes"]);
    desk.ok(&["users", "set", &name(5), "username=renamed"]);
    desk.run("user.attribute_add('Class', 'silver', '+=')", &["--filter", "obj_id eq 6", "--apply", "--yes"])
        .exits(0);
    let before = users(&desk);

    let applied = apply(&desk, &preview, &[]).exits(3).object();
    assert_eq!(applied["state"], "finished");
    let outcomes = desk.outcomes(&applied);
    let expected = ["changed", "conflict", "conflict", "conflict", "conflict", "conflict", "changed"];
    assert_eq!(column(&outcomes, "outcome"), expected);

    assert_eq!(
        outcomes[1]["mismatches"],
        json!([
            {"subject": "first_name", "expected": "\"\"", "found": "\"Ann\""},
            {"subject": "klass", "expected": "\"\"", "found": "\"hand\""},
        ])
    );
    assert_eq!(
        message(&outcomes[1]),
        "changed since preview 1: first_name should be \"\" and is \"Ann\"; klass should be \"\" and is \"hand\""
    );
    let elsewhere = "changed since preview 1, though in nothing that the plan changes; preview it anew";
    for index in [2, 4] {
        assert_eq!((message(&outcomes[index]), &outcomes[index]["mismatches"]), (elsewhere, &json!([])));
    }
    assert_eq!(outcomes[5]["mismatches"][0]["found"], "Class += silver", "whoever it was: {}", outcomes[5]);
    assert_eq!(message(&outcomes[3]), "removed since preview 1");
    assert_eq!((&outcomes[3]["username"], &outcomes[4]["username"]), (&json!(name(4)), &json!("renamed")));
    assert!(outcomes[1..6].iter().all(|outcome| outcome["changes"] == json!([])));

    let after = users(&desk);
    assert_eq!(after[1..5], before[1..5], "last_update included");
    assert_eq!((&after[0]["klass"], &after[5]["klass"]), (&json!("gold"), &json!("gold")));

    // They can be looked at anew, and then they are written.
    let anew = desk.call(&["runs", "retry", "3", "--conflicts", "--preview", "--json"]).exits(3).object();
    assert_eq!((&anew["outcomes"]["changed"], &anew["outcomes"]["conflict"]), (&json!(4), &json!(1)));
    let outcomes = desk.outcomes(&apply(&desk, &anew, &[]).exits(0).object());
    assert_eq!(column(&outcomes, "username"), [name(2), name(3), "renamed".to_owned(), name(6)]);
    assert_eq!(column(&users(&desk), "klass"), vec!["gold"; 6]);
}

#[test]
fn a_username_that_was_taken_since_is_a_conflict_of_its_target_alone() {
    let desk = Desk::with_users(3);
    let preview = preview(&desk, "user.username = f'new{user.obj_id}'", &["--all"]);
    desk.import("username\nnew2\n");
    let applied = apply(&desk, &preview, &[]).exits(3).object();
    let outcomes = desk.outcomes(&applied);
    assert_eq!(column(&outcomes, "outcome"), ["changed", "conflict", "changed"]);
    let said = outcomes[1]["error"]["message"].as_str().unwrap();
    assert!(said.contains("\"new2\" is taken"), "{said}");
    assert_eq!(column(&users(&desk), "username"), ["new1", "user002", "new3", "new2"]);
}

#[test]
fn names_that_move_on_within_a_plan_move_on_when_it_is_written() {
    let desk = Desk::with_users(3);
    let script = "user.username = {1: 'free', 2: 'user001', 3: 'user002'}[user.obj_id]";
    let preview = preview(&desk, script, &["--all"]);
    apply(&desk, &preview, &[]).exits(0);
    assert_eq!(column(&users(&desk), "username"), ["free", "user001", "user002"]);
}

#[test]
fn a_profile_that_was_removed_since_is_a_conflict_of_who_would_get_it() {
    let desk = Desk::with_users(2);
    desk.ok(&["profiles", "add", "plus"]);
    let script = "user.klass = 'x'\nif user.obj_id == 1: user.profile_add(short_name='plus')\n";
    let preview = preview(&desk, script, &["--all"]);
    desk.ok(&["profiles", "remove", "plus", "--yes"]);
    let before = desk.user(&name(1));
    let applied = apply(&desk, &preview, &[]).exits(3).object();
    let outcomes = desk.outcomes(&applied);
    assert_eq!(column(&outcomes, "outcome"), ["conflict", "changed"]);
    assert_eq!(outcomes[0]["error"]["message"], "the profile \"plus\" does not exist any more");
    assert_eq!(desk.user(&name(1)), before, "not half of it");
    // A profile of that name made since is another one; only a new look can tell whether it is meant.
    desk.ok(&["profiles", "add", "plus"]);
    let again = desk.call(&["runs", "retry", "2", "--conflicts", "--yes", "--json"]).exits(0).object();
    assert_eq!(column(&desk.outcomes(&again), "username"), [name(1)]);
    assert_eq!(desk.user(&name(1))["profiles"], json!(["plus"]));
}

/// Each row builds on what the one before has left of the same user.
const ROWS: &str = "\
user.username_length += int(row['n'])
user.description += row['n']
user.attribute_add('Class', row['n'], ':=' if row['n'] == '3' else '+=')
if row['n'] == '4': user.attribute_remove('Class', '1')
if row['n'] == '5': user.username = 'user002-new'
";

const LIST: &str =
    "username,n\nuser001,1\nuser002,2\nuser001,3\nuser003,9\nuser001,4\nuser002,5\nuser002,6\n";

fn preview_rows(desk: &Desk) -> Value {
    desk.write("rows.csv", LIST);
    preview(desk, ROWS, &["--csv", "rows.csv"])
}

#[test]
fn rows_of_one_user_are_written_one_upon_the_other() {
    let desk = Desk::with_users(4);
    let preview = preview_rows(&desk);
    let applied = apply(&desk, &preview, &[]).exits(0).object();
    let (planned, written) = (desk.outcomes(&preview), desk.outcomes(&applied));
    assert_eq!(written.len(), 7);
    for key in ["target", "username", "outcome", "changes", "row"] {
        assert_eq!(column(&written, key), column(&planned, key), "{key}");
    }
    let direct = Desk::with_users(4);
    direct.write("rows.csv", LIST);
    direct.run(ROWS, &["--csv", "rows.csv", "--apply", "--yes"]).exits(0);
    let joined = |desk: &Desk| undated(desk).into_iter().map(|user| without(user, "date_joined"));
    assert!(joined(&desk).eq(joined(&direct)), "as if the script had written at once");
    assert_eq!(desk.user("user002-new")["description"], "256");
    assert_eq!(desk.user("user001")["description"], "134");
}

#[test]
fn a_user_of_several_rows_who_was_changed_since_gets_none_of_them() {
    let desk = Desk::with_users(3);
    let preview = preview_rows(&desk);
    desk.ok(&["users", "set", "user001", "description=hand"]);
    let before = desk.user("user001");
    let applied = apply(&desk, &preview, &[]).exits(3).object();
    let outcomes = desk.outcomes(&applied);
    let expected = ["conflict", "changed", "conflict", "changed", "conflict", "changed", "changed"];
    assert_eq!(column(&outcomes, "outcome"), expected);
    assert_eq!(
        outcomes[0]["mismatches"],
        json!([{"subject": "description", "expected": "\"\"", "found": "\"hand\""}])
    );
    assert_eq!(desk.user("user001"), before);
    assert_eq!(desk.user("user002-new")["description"], "256");
}

#[test]
fn rows_that_build_on_one_that_was_refused_are_in_conflict() {
    let desk = Desk::with_users(3);
    let rows = "username,name,n\nuser001,free,1\nuser002,taken,2\nuser002,,3\nuser003,,4\nuser001,,5\n";
    desk.write("rows.csv", rows);
    let script = "user.username = row['name'] or user.username\nuser.description += row['n']";
    let preview = preview(&desk, script, &["--csv", "rows.csv"]);
    desk.import("username\ntaken\n");
    let applied = apply(&desk, &preview, &[]).exits(3).object();
    let outcomes = desk.outcomes(&applied);
    assert_eq!(column(&outcomes, "outcome"), ["changed", "conflict", "conflict", "changed", "changed"]);
    assert_eq!(
        outcomes[2]["mismatches"],
        json!([{"subject": "description", "expected": "\"2\"", "found": "\"\""}])
    );
    assert_eq!(column(&users(&desk), "description"), ["15", "", "4", ""]);
}

#[test]
fn a_last_update_that_the_script_assigned_stands_and_any_other_is_the_moment_of_the_write() {
    let desk = Desk::new();
    desk.import("username,last_update\na,2020-01-01\nb,2020-01-01\nc,2020-01-01\nd,2020-01-01\n");
    let script = "\
        from datetime import datetime, timezone\n\
        if user.username == 'a': user.last_update = datetime(2021, 5, 5, tzinfo=timezone.utc)\n\
        if user.username in 'bd': user.last_update = user.last_update\n\
        if user.username != 'd': user.klass = 'x'\n";
    let preview = preview(&desk, script, &["--all"]);
    assert_eq!((&preview["outcomes"]["changed"], &preview["outcomes"]["unchanged"]), (&json!(3), &json!(1)));
    let applied = apply(&desk, &preview, &[]).exits(0).object();
    let updates = column(&users(&desk), "last_update");
    assert_eq!(updates[..2], ["2021-05-05T00:00:00Z", "2020-01-01T00:00:00Z"], "as the script said");
    let moment = |value: &Value| rollcall_testkit::time(value.as_str().unwrap());
    assert!(moment(&updates[2]) >= moment(&applied["created_at"]), "{updates:?}");
    assert_eq!(updates[3], "2020-01-01T00:00:00Z", "nothing was changed");
}

#[test]
fn applying_asks_for_a_yes_and_prints_one_object() {
    let desk = Desk::with_users(2);
    let preview = preview(&desk, "user.klass = 'x'", &["--all"]);
    let before = desk.export();
    let refused = desk.call(&["runs", "apply", "1"]).exits(2);
    assert_eq!(refused.sentence(), "applying a preview without a terminal needs --yes");
    assert_eq!(desk.runs(), [preview]);
    assert_eq!(desk.export(), before);
    let report = desk.ok(&["runs", "apply", "1", "--yes"]).out;
    for part in ["Run 2", "plan of preview 1", "script.py", "2 users", "changed 2", "runs undo 2"] {
        assert!(report.contains(part), "{part}: {report}");
    }
}
