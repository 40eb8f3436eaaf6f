//! What is old and goes, and what stays because somebody still needs it.

use crate::common::workers::Worker;
use crate::common::{Desk, Done, column, finish, name, start, wait_until};
use serde_json::{Value, json};

fn prune(desk: &Desk, age: &str) -> Value {
    desk.ok(&["prune", "--older-than", age, "--json", "--yes"]).object()
}

/// Lets a run have ended long ago.
fn age(desk: &Desk, run: i64) {
    let statement = "UPDATE runs SET created_at = created_at - 864000000000, ended_at = ended_at - 864000000000 \
                     WHERE id = ?1";
    desk.database().execute(statement, [run]).unwrap();
}

/// Rows that tell what each of a run's targets was and became.
fn rows(desk: &Desk, run: i64) -> i64 {
    let database = desk.database();
    let count = |table: &str| -> i64 {
        let query = format!("SELECT count(*) FROM {table} WHERE run_id = ?1");
        database.query_row(&query, [run], |row| row.get(0)).unwrap()
    };
    ["targets", "outcomes", "timelines", "planned_names"].map(count).iter().sum()
}

fn runs(desk: &Desk, args: &[&str]) -> Done {
    desk.call(&[&["runs"], args].concat())
}

#[track_caller]
fn pruned(desk: &Desk, run: i64) {
    let shown = runs(desk, &["show", &run.to_string(), "--format", "json"]).exits(0).object();
    assert_ne!(shown["pruned_at"], Value::Null, "{shown}");
    assert_eq!(rows(desk, run), 0, "run {run}");
}

#[track_caller]
fn whole(desk: &Desk, run: i64) {
    let shown = runs(desk, &["show", &run.to_string(), "--format", "json"]).exits(0).object();
    assert_eq!(shown["pruned_at"], Value::Null, "{shown}");
    assert!(rows(desk, run) > 0, "run {run}");
}

const APPLY: [&str; 3] = ["--all", "--apply", "--yes"];

#[test]
fn what_was_pruned_leaves_the_run_with_its_counts() {
    let desk = Desk::on_file().and_users(5);
    let preview = desk.run("user.username += '-new'\nuser.klass = 'x'", &["--all"]).exits(0).object();
    let applied = desk.run("if user.obj_id == 2: fail('no')\nuser.klass = 'x'", &APPLY).exits(3).object();
    desk.ok(&["users", "set", &name(1), "description=by hand"]);
    let before = desk.export();
    assert_eq!(
        prune(&desk, "1h"),
        json!({"runs": 0, "rows": 0, "kept": 0, "logins": 0, "sessions": 0}),
        "nothing is that old"
    );
    whole(&desk, 1);

    // Five targets and five outcomes each, five planned names and the journal of the edit.
    assert_eq!(prune(&desk, "0s"), json!({"runs": 2, "rows": 26, "kept": 0, "logins": 0, "sessions": 0}));
    assert_eq!(
        prune(&desk, "0s"),
        json!({"runs": 0, "rows": 0, "kept": 0, "logins": 0, "sessions": 0}),
        "once"
    );
    assert_eq!(desk.export(), before);
    pruned(&desk, 1);
    pruned(&desk, 2);
    let strip = |mut run: Value| {
        run["pruned_at"] = Value::Null;
        run
    };
    let listed: Vec<Value> = desk.runs().into_iter().map(strip).collect();
    assert_eq!(listed, [applied, preview], "as they were");
    let report = runs(&desk, &["show", "2"]).exits(0).out;
    for part in ["changed 4 · failed 1", "its outcomes were pruned on ", "it can no longer be undone"] {
        assert!(report.contains(part), "{part}: {report}");
    }
    assert!(!report.contains("runs undo"), "{report}");
    let outcomes = runs(&desk, &["outcomes", "2", "--format", "json"]).exits(0);
    assert!(
        outcomes.out.is_empty() && outcomes.err.contains("the outcomes of run 2 were pruned on "),
        "{outcomes:?}"
    );
    let changes = runs(&desk, &["changes", "2"]).exits(0);
    assert!(changes.err.contains("the outcomes of run 2 were pruned on "), "{changes:?}");
    assert!(!changes.err.contains("has changed nothing"), "{changes:?}");
    assert!(desk.ok(&["users", "history", &name(1), "--format", "json"]).objects().is_empty());
}

#[test]
fn what_was_pruned_is_the_start_of_nothing() {
    let desk = Desk::on_file().and_users(3);
    desk.run("user.klass = 'x'", &["--all"]).exits(0);
    desk.run("if user.obj_id == 2: fail('no')\nuser.klass = 'x'", &APPLY).exits(3);
    desk.run("user.klass = 'y'", &[&APPLY[..], &["--canary", "1"]].concat()).exits(1);
    runs(&desk, &["cancel", "3"]).exits(0);
    prune(&desk, "0s");
    let before = (desk.runs(), desk.export());
    for args in [
        &["runs", "apply", "1", "--yes"][..],
        &["runs", "retry", "1"],
        &["runs", "undo", "2"],
        &["runs", "undo", "2", "--apply", "--yes"],
        &["runs", "retry", "2", "--yes"],
        &["runs", "retry", "2", "--conflicts", "--yes"],
        &["runs", "retry", "3", "--not-run", "--yes"],
        &["run", "script.py", "--targets-from", "2"],
        &["run", "script.py", "--targets-from", "2:failed"],
    ] {
        let done = desk.call(args).exits(1);
        let run = args.iter().find_map(|arg| arg[..1].parse::<i64>().ok()).unwrap();
        assert_eq!(
            done.sentence(),
            format!(
                "the outcomes of run {run} were pruned: it can no longer be undone, applied, retried or chosen from"
            ),
            "{args:?}"
        );
    }
    assert_eq!((desk.runs(), desk.export()), before);
    // A run that is over stays over.
    assert_eq!(
        runs(&desk, &["resume", "2"]).exits(1).sentence(),
        "run 2 has finished: it has no targets left"
    );
}

#[test]
fn runs_that_can_go_on_stay_whole_and_so_does_what_they_need() {
    let desk = Desk::on_file().and_users(4);
    let canary = [&APPLY[..], &["--canary", "1"]].concat();
    desk.run("user.klass = 'x'", &canary).exits(1); // 1: stopped
    desk.run("user.first_name = 'y'", &["--all"]).exits(0); // 2: the plan of 3
    runs(&desk, &["apply", "2", "--yes", "--canary", "2"]).exits(1); // 3: stopped
    desk.run("user.last_name = 'z'", &APPLY).exits(0); // 4: taken back by 5
    runs(&desk, &["undo", "4", "--apply", "--yes", "--canary", "2"]).exits(1); // 5: stopped
    desk.run("user.email = 'e@example.com'", &["--all", "--canary", "3"]).exits(1); // 6: a preview, stopped
    desk.write("waits.py", "import time\ntime.sleep(80_000 if user.obj_id == 3 and not user.description else 0.1)\nuser.klass += 'w'");
    let args = ["run", "waits.py", "--workers", "1", "--time-limit", "24h", "--all", "--apply", "--yes"];
    let mut child = start(&mut desk.command(&args)); // 7: interrupted
    crate::common::wait_until("the run has begun", || desk.runs().len() == 7);
    desk.wait_for_outcomes(2);
    child.kill().unwrap();
    finish(child);
    desk.run("pass", &["--all"]).exits(0); // 8

    assert_eq!(prune(&desk, "0s"), json!({"runs": 1, "rows": 8, "kept": 7, "logins": 0, "sessions": 0}));
    (1..=7).for_each(|run| whole(&desk, run));
    pruned(&desk, 8);
    let told = desk.ok(&["prune", "--older-than", "0s", "--yes"]).err;
    assert!(told.contains("0 runs pruned: 0 rows removed"), "{told}");
    assert!(told.contains("7 older runs kept: they can still go on"), "{told}");

    desk.ok(&["users", "set", &name(3), "description=go"]);
    for run in ["1", "5", "6", "7"] {
        runs(&desk, &["resume", run]).exits(0);
    }
    // Of those whose plan was made before, two were changed by the others.
    runs(&desk, &["resume", "3"]).exits(3);
    let users = desk.ok(&["users", "list", "--format", "json"]).objects();
    assert_eq!(column(&users, "klass"), ["xw", "x", "xw", "xw"]);
    assert_eq!(column(&users, "first_name"), ["y", "y", "", ""]);
    assert_eq!(column(&users, "last_name"), ["", "", "", ""]);
    assert_eq!(prune(&desk, "0s")["runs"], 7, "now they are over");
    (1..=7).for_each(|run| pruned(&desk, run));
}

#[test]
fn a_running_run_is_not_pruned() {
    let desk = Desk::on_file().and_users(3);
    desk.write("waits.py", "import time\ntime.sleep(80_000 if user.obj_id == 3 and not user.description else 0.1)\nuser.klass = 'x'");
    let args =
        ["run", "waits.py", "--workers", "1", "--time-limit", "24h", "--json", "--all", "--apply", "--yes"];
    let child = start(&mut desk.command(&args));
    desk.wait_for_outcomes(2);
    assert_eq!(prune(&desk, "0s"), json!({"runs": 0, "rows": 0, "kept": 1, "logins": 0, "sessions": 0}));
    desk.ok(&["runs", "cancel", "1"]);
    assert_eq!(finish(child).exits(1).object()["outcomes"]["changed"], 2);
    desk.ok(&["runs", "undo", "1", "--apply", "--yes"]);
}

#[test]
fn only_what_ended_before_the_age_goes() {
    let desk = Desk::on_file().and_users(2);
    for klass in ["a", "b", "c"] {
        desk.apply(&format!("user.klass = '{klass}'"), 0);
    }
    age(&desk, 1);
    age(&desk, 3);
    assert_eq!(prune(&desk, "11d")["runs"], 0);
    assert_eq!(prune(&desk, "216h"), json!({"runs": 2, "rows": 8, "kept": 0, "logins": 0, "sessions": 0}));
    whole(&desk, 2);
    pruned(&desk, 1);
    pruned(&desk, 3);
    let lines = desk.ok(&["users", "history", &name(1), "--format", "json"]).objects();
    assert_eq!(column(&lines, "after"), ["b"], "what is left of it");
}

#[test]
fn a_worker_prunes_by_the_setting() {
    let desk = Desk::with_users(2);
    let shown = |run: i64| runs(&desk, &["show", &run.to_string(), "--format", "json"]).exits(0).object();
    let prunings = || desk.ok(&["audit", "list", "--action", "prune", "--format", "json"]).objects();
    desk.apply("user.klass = 'a'", 0);
    let worker = Worker::start(&desk);
    // It has looked, and nothing is set: whatever it then does for a run comes later than that.
    desk.run("pass", &["--all", "--queue"]).exits(0);
    runs(&desk, &["watch", "2"]).exits(0);
    worker.drain().exits(0);
    assert_eq!(shown(1)["pruned_at"], Value::Null);

    desk.ok(&["settings", "set", "prune_after", "0s"]);
    let worker = Worker::start(&desk);
    wait_until("it has pruned", || {
        [1, 2].iter().all(|run| shown(*run)["pruned_at"] != Value::Null)
            && runs(&desk, &["outcomes", "1", "--format", "json"]).exits(0).out.is_empty()
    });
    let said = prunings();
    assert_eq!((said.len(), &said[0]["detail"]["setting"]), (1, &json!("prune_after")), "{said:?}");
    // Another one knows that it was done within the hour.
    desk.apply("user.klass = 'b'", 0);
    let other = Worker::start(&desk);
    desk.run("pass", &["--all", "--queue"]).exits(0);
    runs(&desk, &["watch", "4"]).exits(0);
    let said = [worker, other].map(|worker| worker.drain().exits(0).err);
    assert!(said[0].contains("2 runs pruned, as the setting prune_after wants"), "{said:?}");
    assert_eq!(shown(3)["pruned_at"], Value::Null);
    assert_eq!(prunings().len(), 1);
}

#[test]
fn an_undo_that_was_previewed_outlives_what_it_takes_back() {
    let desk = Desk::on_file().and_users(2);
    desk.apply("user.klass = 'x'", 0);
    desk.ok(&["runs", "undo", "1"]);
    age(&desk, 1);
    prune(&desk, "1d");
    pruned(&desk, 1);
    runs(&desk, &["apply", "2", "--yes"]).exits(0);
    assert_eq!(desk.user(&name(1))["klass"], "");
}

#[test]
fn a_worker_prunes_logins_by_their_setting() {
    let desk = Desk::with_users(1);
    let years_ago = if desk.url().starts_with("sqlite:") {
        "authdate - 63072000000000"
    } else {
        "authdate - interval '730 days'"
    };
    desk.sql(&format!(
        "INSERT INTO radpostauth (username, reply) VALUES ('user001', 'Access-Accept'), ('user001', 'Access-Reject'); \
         UPDATE radpostauth SET authdate = {years_ago}; \
         INSERT INTO radpostauth (username, reply) VALUES ('user001', 'Access-Reject')"
    ));
    let last_login = desk.user("user001")["last_login"].clone();
    desk.ok(&["settings", "set", "prune_logins_after", "1y"]);
    let worker = Worker::start(&desk);
    let said = || desk.ok(&["audit", "list", "--action", "prune", "--format", "json"]).objects();
    wait_until("it has pruned", || !said().is_empty());
    let done = worker.drain().exits(0);
    assert!(done.err.contains("2 logins and 0 sessions removed, as their settings want"), "{done:?}");
    let said = said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(
        (&said[0]["subject"], &said[0]["detail"]["setting"]),
        (&json!("old logins"), &json!("prune_logins_after"))
    );
    assert_eq!(desk.user("user001")["last_login"], last_login);
}

#[test]
fn the_age_is_a_setting_too() {
    let desk = Desk::on_file().and_users(2);
    desk.apply("user.klass = 'x'", 0);
    age(&desk, 1);
    let setting = || desk.ok(&["settings", "list", "--format", "json"]).objects().remove(0);
    assert_eq!(setting(), json!({"name": "prune_after", "value": null}));
    let refused = desk.call(&["prune"]).exits(2);
    assert_eq!(
        refused.sentence(),
        "say how old: --older-than 90d, or for good with 'rollcall settings set prune_after 90d'"
    );
    desk.ok(&["settings", "set", "prune_after", "2w"]);
    assert_eq!(setting()["value"], "14d");
    assert_eq!(desk.ok(&["prune", "--json"]).object()["runs"], 0);
    desk.ok(&["settings", "set", "prune_after", "9d"]);
    assert_eq!(setting()["value"], "9d");
    insta::assert_snapshot!(desk.ok(&["settings", "list"]).out, @r"
    name                    value
    prune_after             9d
    four_eyes_above         not set
    strict_attributes       not set
    time_zone               not set
    prune_logins_after      not set
    prune_accounting_after  not set
    ");
    assert_eq!(
        desk.ok(&["prune", "--older-than", "30d", "--json", "--yes"]).object()["runs"],
        0,
        "what is said counts more"
    );
    assert_eq!(desk.ok(&["prune", "--json"]).object()["runs"], 1);
    desk.ok(&["settings", "unset", "prune_after"]);
    assert_eq!(setting()["value"], Value::Null);
    desk.call(&["prune"]).exits(2);
}

#[test]
fn what_is_no_age_is_refused_and_removes_nothing() {
    let desk = Desk::on_file().and_users(1);
    desk.apply("user.klass = 'x'", 0);
    for wrong in
        ["", "90", "d", "-1d", "1.5d", "1mo", "90D", "99999999999999999999d", "1001y", "yesterday", "0x1d"]
    {
        let done = desk.call(&["prune", &format!("--older-than={wrong}")]).exits(2);
        assert!(done.err.contains(&format!("{wrong:?} is not an age: write 90d, 8w or 12h")), "{done:?}");
        let done = desk.call(&["settings", "set", "prune_after", "--", wrong]).exits(2);
        assert_eq!(done.sentence(), format!("{wrong:?} is not an age: write 90d, 8w or 12h"));
    }
    let done = desk.call(&["settings", "set", "prune_later", "90d"]).exits(2);
    assert!(done.err.contains("prune_after"), "{done:?}");
    whole(&desk, 1);
    assert_eq!(prune(&desk, "1000y")["runs"], 0, "longer ago than anything");
    insta::assert_snapshot!(desk.ok(&["settings", "list", "--format", "csv"]).out, @r"
    name,value
    prune_after,
    four_eyes_above,
    strict_attributes,
    time_zone,
    prune_logins_after,
    prune_accounting_after,
    ");
}
