//! The audit log at the command line: listed, verified, exported.

use crate::common::{Desk, column, keys};
use rollcall_domain::{AuditEntry, Chain, Head};
use rollcall_testkit::time;
use serde_json::{Value, json};

fn set(desk: &Desk, age: &str) {
    desk.ok(&["settings", "set", "prune_after", age]);
}

#[track_caller]
fn list(desk: &Desk, args: &[&str]) -> Vec<Value> {
    desk.ok(&[&["audit", "list", "--format", "json"], args].concat()).objects()
}

fn head(desk: &Desk) -> String {
    desk.ok(&["audit", "head"]).out.trim_end().to_owned()
}

/// Does what only whoever owns the file can.
fn tamper(desk: &Desk, sql: &str) {
    let database = desk.database();
    for trigger in ["audit_no_update", "audit_no_delete", "audit_head_no_return", "audit_head_no_delete"] {
        database.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    database.execute_batch(sql).unwrap();
}

#[test]
fn what_was_done_is_listed_newest_first() {
    let desk = Desk::new();
    assert_eq!(list(&desk, &[]), [] as [Value; 0]);
    let nothing = desk.ok(&["audit", "list"]);
    assert_eq!((nothing.out.as_str(), nothing.err.as_str()), ("", "nothing of that was done yet\n"));
    assert_eq!(head(&desk), Head::start().to_string());

    set(&desk, "90d");
    desk.ok(&["settings", "unset", "prune_after"]);
    let rows = list(&desk, &[]);
    assert_eq!(column(&rows, "number"), [2, 1]);
    assert_eq!(
        keys(&rows[0]),
        [
            "action",
            "actor",
            "address",
            "administrator_id",
            "at",
            "detail",
            "hash",
            "number",
            "organization_id",
            "subject",
        ]
    );
    assert_eq!(column(&rows, "detail"), [json!({"value": null}), json!({"value": "90d"})]);
    let row = &rows[1];
    assert_eq!((&row["action"], &row["subject"]), (&json!("setting-set"), &json!("setting prune_after")));
    assert_eq!((&row["administrator_id"], &row["address"]), (&Value::Null, &Value::Null));
    let (who, at) = (row["actor"].as_str().unwrap(), row["at"].as_str().unwrap());
    assert!(who.starts_with("cli:"), "{who}");
    assert_eq!(time(at).to_string(), at);
    let table = desk.ok(&["audit", "list"]).out;
    let second = table.lines().nth(1).unwrap();
    assert!(second.starts_with("2 ") && second.ends_with(r#"{"value":null}"#), "{table}");
    let csv = desk.ok(&["audit", "list", "--format", "csv"]).out;
    assert!(csv.starts_with("number,at,actor,action,subject,organization_id,address,detail\n"), "{csv}");

    for (args, numbers) in [
        (&["--limit", "1"][..], &[2][..]),
        (&["--actor", who], &[2, 1]),
        (&["--actor", "cli:nobody"], &[]),
        (&["--action", "setting-set"], &[2, 1]),
        (&["--action", "grant"], &[]),
        (&["--since", at], &[2, 1]),
        (&["--since", "9999-12-31"], &[]),
    ] {
        assert_eq!(column(&list(&desk, args), "number"), numbers, "{args:?}");
    }
    for (args, says) in [
        (["--action", "sign-on"], "there is no action \"sign-on\"; did you mean sign-in?"),
        (["--since", "soon"], "--since: \"soon\" is not a date and time"),
    ] {
        let refused = desk.call(&[&["audit", "list"][..], &args].concat()).exits(2);
        assert!(refused.err.contains(says), "{refused:?}");
    }
}

#[test]
fn a_log_that_was_altered_is_told() {
    let desk = Desk::on_file();
    ["1d", "2d", "3d"].into_iter().for_each(|age| set(&desk, age));
    let kept = head(&desk);
    set(&desk, "4d");
    let verified = desk.ok(&["audit", "verify"]);
    assert_eq!(verified.out, "");
    let says = format!("nobody can say whether all were rewritten. The head now is {}\n", head(&desk));
    assert!(verified.err.starts_with("4 rows as they were written; ") && verified.err.ends_with(&says));
    let verified = desk.ok(&["audit", "verify", "--head", &kept]);
    assert!(verified.err.contains("and the head of 3 that you have kept is among them"), "{verified:?}");
    let whole = desk.ok(&["audit", "verify", "--json"]);
    assert_eq!(whole.err, "");
    let whole = whole.object();
    assert_eq!(
        whole,
        json!({"intact": true, "events": 4, "head": head(&desk), "first_bad_event": null, "problem": null})
    );
    let refused = desk.call(&["audit", "verify", "--head", "17"]).exits(2);
    assert_eq!(refused.hints(), ["show the present head: rollcall audit head"]);

    tamper(&desk, "UPDATE audit SET who = 'cli:somebody' WHERE id = 2");
    let refused = desk.call(&["audit", "verify"]).exits(1);
    let altered = "row 2 was altered: what it says does not have its hash";
    let sentence = refused.sentence();
    assert!(
        sentence.starts_with(&format!("the audit log is not what was written: {altered}. Keep a copy")),
        "{sentence}"
    );
    let report = desk.call(&["audit", "verify", "--json"]).exits(1).object();
    let expected =
        json!({"intact": false, "events": 2, "head": null, "first_bad_event": 2, "problem": altered});
    assert_eq!(report, expected);
}

#[test]
fn a_log_whose_end_was_cut_off_is_found_by_a_head_that_was_kept() {
    let desk = Desk::on_file();
    ["1d", "2d", "3d"].into_iter().for_each(|age| set(&desk, age));
    let kept = head(&desk);
    tamper(&desk, "DELETE FROM audit WHERE id > 1");
    let refused = desk.call(&["audit", "verify"]).exits(1);
    assert!(refused.sentence().contains("the log ends at 1, but its own head is of 3"), "{refused:?}");
    let repaired = "UPDATE audit_head SET number = 1, hash = (SELECT hash FROM audit)";
    desk.database().execute_batch(repaired).unwrap();
    desk.ok(&["audit", "verify"]);
    let refused = desk.call(&["audit", "verify", "--head", &kept]).exits(1);
    let says = "the log ends at 1, but the head that you have kept is of 3: its end was cut off";
    assert!(refused.sentence().contains(says), "{refused:?}");
    ["4d", "5d", "6d"].into_iter().for_each(|age| set(&desk, age));
    let refused = desk.call(&["audit", "verify", "--head", &kept]).exits(1);
    let says = "row 3 has another hash than the head that you have kept: the log was rewritten";
    assert!(refused.sentence().contains(says), "{refused:?}");
}

#[test]
fn an_export_has_all_that_the_chain_is_made_of() {
    let desk = Desk::new();
    ["1d", "2d", "3d"].into_iter().for_each(|age| set(&desk, age));
    let said = desk.ok(&["audit", "export", "audit.jsonl"]);
    let file = std::fs::read_to_string(desk.path("audit.jsonl")).unwrap();
    let printed = desk.ok(&["audit", "export", "-"]).out;
    assert_eq!(said.err, format!("4 rows exported; the head is {}\n", exported(&file).unwrap()));
    assert!(printed.starts_with(file.rsplit_once("{\"head\"").unwrap().0), "the same, and one more");
    assert_eq!(exported(&printed).unwrap().to_string(), head(&desk));
    assert!(exported(&printed.replacen("2d", "9d", 1)).is_err());
    let rows = list(&desk, &["--action", "audit-export"]);
    let to = rows.iter().map(|row| row["detail"]["to"].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(to, ["standard output", "audit.jsonl"]);

    let refused = desk.call(&["audit", "export", "audit.jsonl"]).exits(1);
    assert!(refused.sentence().starts_with("cannot write audit.jsonl: "), "{refused:?}");
    assert_eq!(std::fs::read_to_string(desk.path("audit.jsonl")).unwrap(), file);
    assert_eq!(list(&desk, &["--action", "audit-export"]).len(), 2, "nothing was exported");
}

/// Verifies what was exported, with nothing else.
fn exported(text: &str) -> rollcall_domain::Verdict {
    let lines: Vec<&str> = text.lines().collect();
    let (last, rows) = lines.split_last().unwrap();
    let head: Head = serde_json::from_str::<Value>(last).unwrap()["head"].as_str().unwrap().parse().unwrap();
    let mut chain = Chain::new(None);
    for row in rows {
        chain.add(&serde_json::from_str::<AuditEntry>(row).unwrap())?;
    }
    chain.end(&head)
}

#[test]
fn a_copy_has_the_log() {
    let desk = Desk::new();
    set(&desk, "90d");
    let kept = head(&desk);
    desk.ok(&["migrate", "--from", &desk.url(), "--to", "sqlite:copy.db"]);
    let there = |args: &[&str]| desk.ok(&[&["--database", "sqlite:copy.db"], args].concat());
    there(&["audit", "verify", "--head", &kept]);
    there(&["settings", "unset", "prune_after"]);
    there(&["audit", "verify", "--head", &kept]);
}

#[test]
fn everything_that_is_done_is_recorded_with_who_did_it() {
    let desk = Desk::new();
    desk.write("mark.py", "user.klass = 'seen'");
    desk.write("users.csv", "username,organization\nn1,North\nn2,North\ns1,South\n");
    let mut number = 0;
    let mut does = |args: &[&str], action: &str, subject: &str| {
        desk.call(args);
        let rows = list(&desk, &["--limit", "1"]);
        let row = &rows[0];
        assert_eq!((&row["action"], &row["subject"]), (&json!(action), &json!(subject)), "{args:?}");
        number += 1;
        assert_eq!(row["number"], number, "one row for {args:?}");
        row.clone()
    };
    let row = does(&["users", "import", "users.csv", "--create-organizations"], "import", "users");
    assert_eq!(row["detail"], json!({"organizations": ["North", "South"], "users": 3}));
    does(&["profiles", "add", "plus"], "profile-add", "profile plus");
    does(&["profiles", "remove", "plus", "--yes"], "profile-remove", "profile plus");
    does(&["organizations", "add", "East"], "organization-add", "organization East");
    does(&["organizations", "rename", "East", "West"], "organization-rename", "organization East");
    does(&["organizations", "remove", "West", "--yes"], "organization-remove", "organization West");
    let grants = ["--grant", "operator@North", "--grant", "author"];
    does(
        &[&["administrators", "add", "olga"][..], &grants].concat(),
        "administrator-add",
        "administrator olga",
    );
    let row = does(&["users", "set", "s1", "klass=x", "email=a@b"], "user-edit", "user s1");
    assert_eq!(row["detail"], json!({"changes": ["email", "klass"], "id": 3}));
    does(&["users", "remove", "s1", "--yes"], "user-remove", "user s1");
    does(&["--as", "olga", "scripts", "save", "mark", "mark.py"], "script-save", "script mark");
    does(&["--as", "olga", "scripts", "remove", "mark", "--yes"], "script-remove", "script mark");
    does(&["filters", "save", "gold", "klass eq \"gold\""], "filter-save", "filter gold");
    does(&["filters", "remove", "gold", "--yes"], "filter-remove", "filter gold");
    let row = does(&["--as", "olga", "run", "mark.py", "--all"], "run-start", "run 1");
    let who = (&row["actor"], &row["administrator_id"], &row["organization_id"]);
    assert_eq!(who, (&json!("olga"), &json!(1), &desk.user("n1")["organization_id"]));
    assert_eq!(row["detail"], json!({"mode": "preview", "script": "mark.py", "targets": 2}));
    let row = does(&["--as", "olga", "users", "export"], "export", "users");
    // An author everywhere sees everybody.
    assert_eq!((&row["actor"], &row["organization_id"]), (&json!("olga"), &Value::Null));
    assert_eq!(
        row["address"],
        list(&desk, &["--action", "import"])[0]["actor"],
        "the account that acts in her name"
    );
    does(&["runs", "outcomes", "1", "--format", "csv"], "download", "run 1");
    desk.ok(&["runs", "outcomes", "1"]);
    does(&["tokens", "add", "olga", "backup", "--scope", "look"], "token-add", "administrator olga");
    does(&["tokens", "revoke", "olga", "1", "--yes"], "token-revoke", "administrator olga");
    does(&["runs", "apply", "1", "--yes"], "run-apply", "run 2");
    does(&["runs", "undo", "2"], "run-undo", "run 3");
    does(&["run", "mark.py", "--all", "--apply", "--yes", "--queue"], "run-start", "run 4");
    does(&["runs", "resume", "4"], "run-resume", "run 4");
    does(&["run", "mark.py", "--all", "--apply", "--yes", "--queue"], "run-start", "run 5");
    does(&["runs", "cancel", "5"], "run-cancel", "run 5");
    does(&["runs", "retry", "4", "--preview"], "run-retry", "run 6");
    does(&["prune", "--older-than", "1000d", "--yes"], "prune", "old runs");
    // What was refused was not done.
    desk.call(&["--as", "olga", "settings", "set", "prune_after", "1d"]).exits(1);
    desk.call(&["users", "set", "n1", "klass=seen"]);
    assert_eq!(list(&desk, &["--limit", "1"])[0]["action"], "prune");
    assert!(desk.ok(&["audit", "verify"]).err.contains("as they were written"));
}
