//! Trying a script on one user: everything a run would say, and nothing of it kept.

use crate::common::{Desk, Done};
use serde_json::{Value, json};

fn attempt(desk: &Desk, script: &str, args: &[&str]) -> Done {
    desk.write("script.py", script);
    desk.call(&[&["scripts", "test", "script.py", "--user", "user001"], args].concat())
}

#[track_caller]
fn object(done: Done, code: i32) -> Value {
    done.exits(code).object()
}

#[test]
fn a_trial_shows_what_would_happen_and_keeps_nothing() {
    let desk = Desk::with_users(3);
    let (export, head) = (desk.export(), desk.ok(&["audit", "head"]).out);
    let script = "\
PARAMS = {'days': int}
user.klass = row['class']
user.description = f'{params[\"days\"]} days, run {run.id}, {run.preview}'
result['name'] = user.username
print('line one')
print('line two')
";
    let args = ["--param", "days=30", "--row", "class=gold"];
    let tried = object(attempt(&desk, script, &[&args[..], &["--json"]].concat()), 0);
    assert_eq!((&tried["outcome"], &tried["username"]), (&json!("changed"), &json!("user001")));
    assert_eq!(
        tried["changes"],
        json!([
            {"op": "set", "field": "klass", "before": "", "after": "gold"},
            {"op": "set", "field": "description", "before": "", "after": "30 days, run 0, True"},
        ])
    );
    assert_eq!(
        (&tried["result"], &tried["output"]),
        (&json!({"name": "user001"}), &json!("line one\nline two\n"))
    );
    assert_eq!(tried["row"], json!({"class": "gold"}));
    let told = attempt(&desk, script, &args).exits(0).out;
    for part in ["user001: changed 1", "klass: \"\" → \"gold\"", "result name: \"user001\"", "| line two"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(desk.ok(&["audit", "head"]).out, head);
    assert_eq!(desk.export(), export);
    assert_eq!(desk.runs(), [] as [Value; 0]);
}

#[test]
fn what_goes_wrong_is_told_as_a_run_does() {
    let desk = Desk::with_users(2);
    let failed = object(attempt(&desk, "user.klass = 'x'\nint('no')", &["--json"]), 3);
    assert_eq!((&failed["outcome"], &failed["changes"]), (&json!("failed"), &json!([])));
    assert_eq!((&failed["error"]["type"], &failed["error"]["line"]), (&json!("ValueError"), &json!(2)));
    let slow = object(attempt(&desk, "while True: pass", &["--json", "--time-limit", "100ms"]), 3);
    assert_eq!(slow["outcome"], "timed_out");
    let spin = "import os\nos._exit(3)";
    assert_eq!(object(attempt(&desk, spin, &["--json"]), 3)["error"]["type"], "ProcessEnded");
    let taken = object(attempt(&desk, "user.username = 'user002'", &["--json"]), 3);
    assert_eq!(taken["error"]["message"], "the username \"user002\" is taken");
    assert_eq!((&taken["outcome"], &taken["changes"]), (&json!("failed"), &json!([])));
    object(attempt(&desk, "user.username = 'user003'", &["--json"]), 0);
    assert_eq!(object(attempt(&desk, "skip('not today')", &["--json"]), 0)["reason"], "not today");
    let refused = attempt(&desk, "user.klass = = 1", &[]).exits(1);
    assert!(refused.err.contains("script.py, line 1") && refused.err.contains("SyntaxError"), "{refused:?}");
    let refused = attempt(&desk, "pass", &["--row", "a=1", "--row", "a=2"]).exits(1);
    assert!(refused.err.contains("the row has the column \"a\" twice"), "{refused:?}");
    let refused = desk.call(&["scripts", "test", "script.py", "--user", "nobody"]).exits(1);
    assert!(refused.err.contains("there is no user \"nobody\""), "{refused:?}");
}

#[test]
fn a_trial_is_bounded_by_what_somebody_may_do() {
    let desk = Desk::new();
    desk.import("username,organization\nn1,North\ns1,South\n");
    desk.ok(&["administrators", "add", "nora", "--grant", "operator@North"]);
    desk.ok(&["administrators", "add", "rita", "--grant", "read-only@North"]);
    desk.write("script.py", "user.klass = 'x'");
    let by = |who: &str, user: &str| {
        desk.call(&["--as", who, "scripts", "test", "script.py", "--user", user, "--json"])
    };
    assert_eq!(object(by("nora", "n1"), 0)["outcome"], "changed");
    assert!(by("nora", "s1").exits(1).err.contains("there is no user \"s1\""));
    // Who may only report learns that it would not be a report.
    assert_eq!(object(by("rita", "n1"), 3)["error"]["type"], "PermissionError");
}
