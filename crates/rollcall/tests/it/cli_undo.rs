//! Runs that are taken back: everything becomes as it was, whatever else has happened since, or is left alone and said.

use crate::common::{Desk, Done, column, finish, name, start, wait_until, without};
use serde_json::{Value, json};

/// Takes run `id` back and writes it.
fn undo(desk: &Desk, id: &Value, args: &[&str]) -> Done {
    desk.call(&[&["runs", "undo", &id.to_string(), "--apply", "--yes", "--json"], args].concat())
}

fn users(desk: &Desk) -> Vec<Value> {
    desk.ok(&["users", "list", "--format", "json"]).objects()
}

/// The export, byte by byte but for the column last_update, which follows every change.
fn undated(desk: &Desk) -> Vec<u8> {
    let export = desk.export();
    let mut reader = csv::Reader::from_reader(export.as_bytes());
    let dated = reader.headers().unwrap().iter().position(|name| name == "last_update").unwrap();
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in [reader.headers().unwrap().clone()].into_iter().chain(reader.records().map(Result::unwrap)) {
        let cells = row.iter().enumerate().filter(|(column, _)| *column != dated);
        writer.write_record(cells.map(|(_, cell)| cell)).unwrap();
    }
    writer.into_inner().unwrap()
}

/// What no export shows: at which place every attribute is, and at which priority every profile.
fn places(desk: &Desk) -> Vec<String> {
    let users = desk.store().users().page(None, 0, 1_000).unwrap();
    let places = users.iter().map(|user| {
        format!("{}: {:?} {:?} {:?}", user.id, user.profiles, user.attributes, user.check_attributes)
    });
    places.collect()
}

/// Everything that an undo has to give back.
fn state(desk: &Desk) -> (Vec<u8>, Vec<String>) {
    (undated(desk), places(desk))
}

#[track_caller]
fn message(outcome: &Value) -> &str {
    assert_eq!(outcome["error"]["type"], "Conflict", "{outcome}");
    outcome["error"]["message"].as_str().unwrap()
}

const PEOPLE: &str = "\
username,username_length,first_name,last_name,email,external_id,klass,is_active,expiration,last_update,avatar_url,\
description,profiles,attributes,check_attributes
ann,3,Ann,\"Bell, \"\"Jr\"\"\",ann@example.com,X1,gold,true,2026-12-01 18:30,2025-01-01,https://a.example/a.png,\"two
lines\",p3;p1;p2,\"Reply-Message += one
Session-Timeout := 60
Reply-Message += two
Class := gold
Reply-Message += three
\",\"NAS-Identifier == ap-1
Simultaneous-Use := 1
NAS-Identifier == ap-2
\"
bob,3,,,,,,false,,2025-01-01,,,,,
cyd,7,Zoë,,,X3,,true,0001-01-01,2025-01-01,,=1+1,p2,Class := gold,
";

/// Every field that may be written, every method, rows in the middle, at the end, and those that are replaced.
const EVERYTHING: &str = "\
from datetime import datetime, timezone
for field in ('first_name', 'last_name', 'email', 'external_id', 'klass', 'avatar_url', 'description'):
    setattr(user, field, '' if getattr(user, field) else f'new {field} of {user.obj_id}')
user.username = user.username[::-1] + '-new'
user.username_length += 1
user.is_active = not user.is_active
user.expiration = None if user.expiration else datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc)
user.profile_remove(short_name='p1')
user.profile_remove(short_name='p2')
user.profile_add(short_name='p2')
user.profile_add(id=4)
user.attribute_remove('Session-Timeout', 60)
user.attribute_remove('Reply-Message', 'three')
user.attribute_add('Class', 'silver', ':=')
user.attribute_add('Reply-Message', 'four', '+=')
user.attribute_add('Reply-Message', 'three', '+=')
user.check_attribute_remove('NAS-Identifier', 'ap-2')
user.check_attribute_remove('NAS-Identifier', 'ap-1')
user.check_attribute_add('Simultaneous-Use', 2, ':=')
user.check_attribute_add('NAS-Identifier', 'ap-2')
";

fn desk_of_people() -> Desk {
    let desk = Desk::new();
    for profile in ["p1", "p2", "p3", "p4"] {
        desk.ok(&["profiles", "add", profile]);
    }
    desk.import(PEOPLE);
    desk
}

#[test]
fn everything_that_a_run_has_touched_becomes_what_it_was() {
    let desk = desk_of_people();
    let (before, shown) = (state(&desk), users(&desk));
    let run = desk.apply(EVERYTHING, 0);
    let after = state(&desk);
    for (was, is) in shown.iter().zip(users(&desk)) {
        let kept = ["date_joined", "first_login", "last_login", "obj_id", "organization_id"];
        for (key, value) in is.as_object().unwrap().iter().filter(|(key, _)| !kept.contains(&key.as_str())) {
            assert_ne!(value, &was[key], "{key} of {}", was["username"]);
        }
    }

    let undone = undo(&desk, &run["run"], &[]).exits(0).object();
    assert_eq!((&undone["undoes"], &undone["applies"]), (&run["run"], &Value::Null));
    assert_eq!((&undone["mode"], &undone["state"]), (&json!("apply"), &json!("finished")));
    assert_eq!((&undone["targets"], &undone["outcomes"]["changed"]), (&json!(3), &json!(3)));
    assert_eq!(state(&desk), before);

    // Taking that back does it again, and taking the last one back undoes it again.
    let again = undo(&desk, &undone["run"], &[]).exits(0).object();
    assert_eq!(state(&desk), after);
    undo(&desk, &again["run"], &[]).exits(0);
    assert_eq!(state(&desk), before);
}

#[test]
fn an_undo_is_previewed_unless_it_is_to_be_applied() {
    let desk = desk_of_people();
    let (before, run) = (state(&desk), desk.apply(EVERYTHING, 0));
    let exported = desk.export();
    let preview = desk.ok(&["runs", "undo", "1", "--json"]).object();
    assert_eq!((&preview["mode"], &preview["undoes"]), (&json!("preview"), &run["run"]));
    assert_eq!(preview["outcomes"]["changed"], 3);
    assert_eq!(desk.export(), exported, "a preview changes nothing");

    let applied =
        desk.ok(&["runs", "apply", "2", "--plan", preview["plan"].as_str().unwrap(), "--yes", "--json"]);
    let applied = applied.object();
    assert_eq!((&applied["applies"], &applied["undoes"]), (&preview["run"], &run["run"]));
    assert_eq!(column(&desk.outcomes(&applied), "changes"), column(&desk.outcomes(&preview), "changes"));
    assert_eq!(state(&desk), before);
    let report = desk.ok(&["runs", "show", "3"]).out;
    assert!(report.contains("run 1 (script.py) taken back for 3 users"), "{report}");

    // And that can be taken back like any other.
    undo(&desk, &applied["run"], &[]).exits(0);
    assert_eq!(desk.user("nna-new")["klass"], "");
}

#[test]
fn a_second_undo_leaves_everything_as_it_is() {
    let desk = desk_of_people();
    let run = desk.apply(EVERYTHING, 0);
    undo(&desk, &run["run"], &[]).exits(0);
    let exported = desk.export();
    let again = undo(&desk, &run["run"], &[]).exits(0);
    let said = "run 1 was taken back before, by run 2: who is back already stays so";
    assert!(again.err.contains(said), "{again:?}");
    assert_eq!(again.object()["outcomes"]["unchanged"], 3);
    assert_eq!(desk.export(), exported, "last_update included");
}

#[test]
fn later_changes_of_other_things_do_not_matter_and_stay() {
    let desk = Desk::with_users(1);
    desk.ok(&["profiles", "add", "plus"]);
    let run = desk.apply("user.klass = 'gold'\nuser.attribute_add('Class', 'gold', '+=')", 0);
    desk.ok(&["users", "set", "user001", "description=by hand", "email=new@example.com"]);
    desk.apply("user.profile_add(short_name='plus')\nuser.attribute_add('Class', 'other', '+=')", 0);
    let before = desk.user("user001");
    undo(&desk, &run["run"], &[]).exits(0);
    let after = desk.user("user001");
    assert_eq!(after["klass"], "");
    assert_eq!(after["attributes"], json!([{"attr": "Class", "operation": "+=", "value": "other"}]));
    for key in ["description", "email", "profiles"] {
        assert_eq!(after[key], before[key]);
    }
}

#[test]
fn later_changes_of_what_was_touched_are_conflicts_and_stay() {
    let desk = Desk::with_users(6);
    desk.ok(&["profiles", "add", "plus"]);
    let script = "\
        user.klass = 'gold'\n\
        user.is_active = False\n\
        user.profile_add(short_name='plus')\n\
        user.attribute_add('Class', 'gold', ':=')\n";
    let run = desk.apply(script, 0);
    desk.ok(&["users", "set", &name(1), "klass=silver", "is_active=true"]);
    let only = |n: usize, script: &str| {
        let filter = format!("obj_id eq {n}");
        desk.run(script, &["--filter", &filter, "--apply", "--yes"]).exits(0);
    };
    only(2, "user.profile_remove(short_name='plus')");
    only(3, "user.attribute_add('Class', 'silver', ':=')");
    only(4, "user.attribute_remove('Class', 'gold')");
    desk.ok(&["users", "remove", &name(5), "--yes"]);
    let before = users(&desk);

    let undone = undo(&desk, &run["run"], &[]).exits(3).object();
    assert_eq!((&undone["state"], &undone["outcomes"]["conflict"]), (&json!("finished"), &json!(5)));
    let outcomes = desk.outcomes(&undone);
    let mismatches = |subject: &str, expected: &str, found: &str| json!({"subject": subject, "expected": expected, "found": found});
    assert_eq!(
        column(&outcomes, "mismatches"),
        [
            json!([mismatches("is_active", "false", "true"), mismatches("klass", "\"gold\"", "\"silver\"")]),
            json!([mismatches("profile plus", "assigned at priority 1", "not assigned")]),
            json!([mismatches("attribute Class", "Class := gold", "Class := silver")]),
            json!([mismatches("attribute Class", "Class := gold", "not there")]),
            json!([]),
            json!([]),
        ]
    );
    assert_eq!(
        message(&outcomes[0]),
        "changed since run 1: is_active should be false and is true; klass should be \"gold\" and is \"silver\""
    );
    assert_eq!(message(&outcomes[4]), "removed since run 1");
    assert_eq!(outcomes[4]["username"], name(5));
    assert_eq!(outcomes[5]["outcome"], "changed");
    let after = users(&desk);
    assert_eq!(after[..4], before[..4], "as they are, last_update included");
    assert_eq!((&after[4]["klass"], &after[4]["profiles"]), (&json!(""), &json!([])));

    // What was in the way is put right; then the rest comes back, too.
    desk.ok(&["users", "set", &name(1), "klass=gold", "is_active=false"]);
    undo(&desk, &run["run"], &[]).exits(3);
    assert_eq!(desk.user(&name(1))["attributes"], json!([]));
}

#[test]
fn what_took_the_place_of_a_removed_attribute_does_not_block_the_undo() {
    let desk = Desk::new();
    desk.import("username,attributes\nann,\"Class += a\nClass += b\n\"\nbob,Class += b\n");
    let run = desk.apply("user.attribute_remove('Class', 'b')", 0);
    desk.apply("user.attribute_add('Class', 'later', '+=')", 0);
    undo(&desk, &run["run"], &[]).exits(0);
    let values = |name: &str| column(desk.user(name)["attributes"].as_array().unwrap(), "value");
    assert_eq!(values("ann"), ["a", "b", "later"]);
    assert_eq!(values("bob"), ["b", "later"]);
}

#[test]
fn rows_of_one_user_are_taken_back_from_the_last_to_the_first() {
    let desk = desk_of_people();
    let before = state(&desk);
    let script = "\
        user.description += row['n']\n\
        user.username = 'ann' + row['n'] if row['who'] == '1' else user.username\n\
        user.attribute_add('Class', row['n'], ':=')\n\
        user.attribute_add('Reply-Message', row['n'], '+=')\n\
        if row['n'] == '3': user.attribute_remove('Reply-Message', '1')\n\
        if row['n'] == '4': user.profile_remove(short_name='p3')\n\
        if row['n'] == '6': user.profile_add(short_name='p3')\n\
        if row['n'] == '7': fail('no')\n";
    desk.write("rows.csv", "who,n\n1,1\n2,2\n1,3\n3,4\n1,4\n1,5\n2,7\n2,8\n1,6\n");
    let rows = ["--csv", "rows.csv", "--key", "who=obj_id", "--apply", "--yes"];
    let run = desk.run(script, &rows).exits(3).object();
    assert_eq!(run["outcomes"]["changed"], 8);
    assert_eq!(desk.user("ann6")["description"], "two\nlines13456");

    let preview = desk.ok(&["runs", "undo", "1", "--json"]).object();
    let undone = undo(&desk, &run["run"], &[]).exits(0).object();
    let (planned, done) = (desk.outcomes(&preview), desk.outcomes(&undone));
    assert_eq!(column(&done, "changes"), column(&planned, "changes"));
    assert_eq!(state(&desk), before);
    let numbers =
        column(&done, "row").iter().map(|row| row["n"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(numbers, ["6", "8", "5", "4", "4", "3", "2", "1"]);
    let named = |outcomes: &[Value]| -> Vec<Value> {
        let of_ann = outcomes.iter().filter(|outcome| outcome["obj_id"] == 1);
        of_ann.map(|outcome| outcome["username"].clone()).collect()
    };
    assert_eq!((named(&done), named(&planned)), (vec![json!("ann6"); 5], vec![json!("ann6"); 5]));
}

#[test]
fn names_that_were_passed_on_are_passed_back() {
    let desk = Desk::with_users(3);
    let before = state(&desk);
    let run = desk.apply("user.username = {1: 'free', 2: 'user001', 3: 'user002'}[user.obj_id]", 0);
    let undone = undo(&desk, &run["run"], &[]).exits(0).object();
    assert_eq!(state(&desk), before);
    undo(&desk, &undone["run"], &[]).exits(0);
    assert_eq!(column(&users(&desk), "username"), ["free", "user001", "user002"]);
    // In two steps, too: the preview sees that the names will be free.
    let preview = desk.ok(&["runs", "undo", "1", "--json"]).object();
    assert_eq!(preview["outcomes"]["changed"], 3);
    desk.ok(&["runs", "apply", "4", "--yes"]);
    assert_eq!(state(&desk), before);
}

#[test]
fn a_former_name_that_somebody_else_has_by_now_is_a_conflict_of_its_user_alone() {
    let desk = Desk::with_users(2);
    let run = desk.apply("user.username += '-new'", 0);
    desk.import("username\nuser001\n");
    let undone = undo(&desk, &run["run"], &[]).exits(3).object();
    let outcomes = desk.outcomes(&undone);
    let failed = outcomes.iter().find(|outcome| outcome["obj_id"] == 1).unwrap();
    assert_eq!((&failed["outcome"], &failed["changes"]), (&json!("conflict"), &json!([])));
    assert_eq!(failed["error"]["message"], "the username \"user001\" is taken");
    assert_eq!(column(&users(&desk), "username"), ["user001-new", "user002", "user001"]);
}

#[test]
fn a_removed_profile_that_does_not_exist_any_more_is_a_conflict_of_its_user_alone() {
    let desk = desk_of_people();
    let run = desk.apply("user.klass = 'x'\nuser.profile_remove(short_name='p1')", 0);
    desk.ok(&["profiles", "remove", "p1", "--yes"]);
    let undone = undo(&desk, &run["run"], &[]).exits(3).object();
    let outcomes = desk.outcomes(&undone);
    assert_eq!(column(&outcomes, "outcome"), ["conflict", "changed", "changed"]);
    assert_eq!(outcomes[0]["error"]["message"], "the profile \"p1\" does not exist any more");
    assert_eq!(column(&users(&desk), "klass"), ["x", "", ""]);
}

#[test]
fn one_user_alone_is_taken_back_by_either_name() {
    let desk = Desk::with_users(4);
    let before = state(&desk);
    let run = desk.apply("user.username = f'new{user.obj_id}'\nuser.klass = 'x'", 0);
    let names = |desk: &Desk| column(&users(desk), "username");
    let former = undo(&desk, &run["run"], &["--user", "user002"]).exits(0).object();
    assert_eq!(former["targets"], 1);
    assert_eq!(former["selection"], json!({"changed": {"run": 1, "username": "user002"}}));
    assert_eq!(names(&desk), ["new1", "user002", "new3", "new4"]);
    undo(&desk, &run["run"], &["--user", "new3"]).exits(0);
    assert_eq!(names(&desk), ["new1", "user002", "user003", "new4"]);
    assert_eq!(column(&users(&desk), "klass"), ["x", "", "", "x"]);
    // The others later, and with them those who are back already.
    let rest = undo(&desk, &run["run"], &[]).exits(0).object();
    assert_eq!((&rest["outcomes"]["changed"], &rest["outcomes"]["unchanged"]), (&json!(2), &json!(2)));
    assert_eq!(state(&desk), before);
}

#[test]
fn one_user_of_several_rows_is_taken_back_alone_and_whole() {
    let desk = Desk::with_users(2);
    desk.write("rows.csv", "username,n\nuser001,1\nuser002,2\nuser001,3\nuser002,4\n");
    let script = "user.description += row['n']\nuser.username += row['n']";
    desk.run(script, &["--csv", "rows.csv", "--apply", "--yes"]).exits(0);
    let undone = undo(&desk, &json!(1), &["--user", "user002"]).exits(0).object();
    assert_eq!(undone["targets"], 2);
    assert_eq!(column(&users(&desk), "username"), ["user00113", "user002"]);
    assert_eq!(column(&users(&desk), "description"), ["13", ""]);
}

#[test]
fn a_name_that_nobody_of_the_run_has_or_had_is_refused() {
    let desk = Desk::with_users(3);
    desk.run("user.username = 'new'", &["--filter", "obj_id eq 1", "--apply", "--yes"]).exits(0);
    let said = |name: &str| {
        let done = desk.call(&["runs", "undo", "1", "--user", name]).exits(1);
        done.sentence().to_owned()
    };
    assert_eq!(said("nobody"), "there is no user \"nobody\", neither now nor in run 1");
    assert_eq!(said("user002"), "run 1 has changed nothing of user \"user002\"");
    assert_eq!(desk.runs().len(), 1);
    // The name of one whom the run has renamed is somebody else's by now; the run knows only the former.
    desk.ok(&["users", "set", "user003", "username=user001"]);
    let undone = desk.call(&["runs", "undo", "1", "--user", "user001", "--json"]).exits(3).object();
    assert_eq!(column(&desk.outcomes(&undone), "obj_id"), [1]);
}

#[test]
fn a_last_update_that_the_run_assigned_goes_back_if_it_still_stands() {
    let desk = Desk::new();
    desk.import("username,last_update\na,2020-01-01\nb,2020-01-01\nc,2020-01-01\n");
    let script = "\
        from datetime import datetime, timezone\n\
        user.last_update = datetime(2021, 5, 5, tzinfo=timezone.utc)\n\
        if user.username != 'c': user.klass = 'x'\n";
    let run = desk.apply(script, 0);
    desk.ok(&["users", "set", "b", "description=later"]);
    let undone = undo(&desk, &run["run"], &[]).exits(0).object();
    assert_eq!(undone["outcomes"]["changed"], 3);
    let updates = column(&users(&desk), "last_update");
    assert_eq!((&updates[0], &updates[2]), (&json!("2020-01-01T00:00:00Z"), &json!("2020-01-01T00:00:00Z")));
    let moment = |value: &Value| rollcall_testkit::time(value.as_str().unwrap());
    assert!(moment(&updates[1]) >= moment(&undone["created_at"]), "it had moved on, and moves on");
    assert_eq!(column(&users(&desk), "klass"), ["", "", ""]);
}

#[test]
fn what_cannot_be_taken_back_is_refused_in_words() {
    let desk = Desk::with_users(3);
    let said = |run: i64| {
        let done = desk.call(&["runs", "undo", &run.to_string(), "--apply", "--yes"]).exits(1);
        done.sentence().to_owned()
    };
    assert_eq!(said(1), "there is no run 1");
    desk.run("user.klass = 'x'", &["--all"]).exits(0);
    assert_eq!(said(1), "run 1 is a preview: it has changed nothing that could be taken back");

    // Each of the first two takes long enough to be told of before the next.
    desk.write(
        "waits.py",
        "import time\ntime.sleep(80_000 if user.obj_id == 3 else 0.1)\nuser.klass = 'y'\n",
    );
    let args = ["run", "waits.py", "--all", "--apply", "--yes", "--workers", "1", "--time-limit", "24h"];
    let mut child = start(&mut desk.command(&args));
    wait_until("the run has begun", || desk.runs().len() == 2);
    desk.wait_for_outcomes(2);
    assert_eq!(said(2), "run 2 is still running: wait for its end, or end it with 'rollcall runs cancel 2'");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        said(2),
        "run 2 was interrupted with 1 of its 3 targets left: first go on with it, with 'rollcall runs resume 2', or end \
         it, with 'rollcall runs cancel 2'"
    );
    desk.ok(&["runs", "cancel", "2"]);
    let undone = undo(&desk, &json!(2), &[]).exits(0).object();
    assert_eq!((&undone["targets"], &undone["outcomes"]["changed"]), (&json!(2), &json!(2)));
    assert_eq!(column(&users(&desk), "klass"), ["", "", ""]);

    desk.ok(&["prune", "--older-than", "0s", "--yes"]);
    assert_eq!(
        said(2),
        "the outcomes of run 2 were pruned: it can no longer be undone, applied, retried or chosen from"
    );
}

#[test]
fn a_preview_that_was_applied_names_the_run_to_take_back() {
    let desk = Desk::with_users(1);
    desk.run("user.klass = 'x'", &["--all"]).exits(0);
    desk.ok(&["runs", "apply", "1", "--yes"]);
    let refused = desk.call(&["runs", "undo", "1"]).exits(1);
    assert_eq!(
        refused.sentence(),
        "run 1 is a preview: it has changed nothing itself; run 2 has written what it planned: take that back with \
         'rollcall runs undo 2'"
    );
}

#[test]
fn a_stopped_run_is_taken_back_and_cannot_go_on_then() {
    let desk = Desk::with_users(4);
    let run = desk.run("user.klass = 'x'", &["--all", "--apply", "--yes", "--canary", "2"]).exits(1).object();
    undo(&desk, &run["run"], &[]).exits(0);
    assert_eq!(column(&users(&desk), "klass"), vec![""; 4]);
    let refused = desk.call(&["runs", "resume", "1"]).exits(1);
    assert_eq!(refused.sentence(), "run 1 was taken back by run 2: start it anew instead");
}

#[test]
fn a_plan_that_was_written_is_taken_back() {
    let desk = desk_of_people();
    let before = state(&desk);
    desk.run(EVERYTHING, &["--all"]).exits(0);
    let applied = desk.ok(&["runs", "apply", "1", "--yes", "--json"]).object();
    assert_ne!(state(&desk), before);
    undo(&desk, &applied["run"], &[]).exits(0);
    assert_eq!(state(&desk), before);
}

#[test]
fn taking_back_asks_for_a_yes_only_if_it_writes() {
    let desk = Desk::with_users(2);
    let run = desk.apply("user.klass = 'x'", 0);
    let refused = desk.call(&["runs", "undo", "1", "--apply"]).exits(2);
    assert_eq!(refused.sentence(), "--apply without a terminal needs --yes");
    assert_eq!(desk.runs(), [run]);
    let report = desk.ok(&["runs", "undo", "1"]).out;
    for part in ["preview of taking back run 1 (script.py) for 2 users", "changed 2", "runs apply 2"] {
        assert!(report.contains(part), "{part}: {report}");
    }
    let done =
        finish(start(&mut desk.command(&["runs", "undo", "1", "--apply", "--yes", "--json"]))).exits(0);
    assert_eq!(without(done.object(), "seconds")["undoes"], 1);
}
