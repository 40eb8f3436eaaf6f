//! What is known of one user's past, and what a run has changed of all of them.

use crate::common::{Desk, column, keys, name};
use serde_json::{Value, json};

fn history(desk: &Desk, args: &[&str]) -> Vec<Value> {
    desk.ok(&[&["users", "history", "--format", "json"], args].concat()).objects()
}

/// The run, what was done and the value afterwards, of each line.
fn told(history: &[Value]) -> Vec<(Value, Value, Value)> {
    history.iter().map(|line| (line["run_id"].clone(), line["op"].clone(), line["after"].clone())).collect()
}

const ALL: [&str; 3] = ["--all", "--apply", "--yes"];

#[test]
fn every_change_is_told_with_who_did_it_newest_first() {
    let desk = Desk::new();
    desk.ok(&["profiles", "add", "plus"]);
    desk.import("username,attributes\nann,Class := a\nbob,\n");
    desk.write("gold.py", "user.klass = 'gold'\nuser.profile_add(short_name='plus')\n");
    desk.ok(&["scripts", "save", "gold", "gold.py"]);
    desk.write(
        "gold.py",
        "user.klass = 'gold'\nuser.attribute_add('Class', 'b', ':=')\nuser.profile_add(short_name='plus')\n",
    );
    desk.ok(&["scripts", "save", "gold", "gold.py"]);

    desk.ok(&["users", "set", "ann", "first_name=Ann", "expiration=2027-01-31"]);
    desk.ok(&["run", "gold@1", "--all"]);
    let preview = history(&desk, &["ann"]);
    assert_eq!(column(&preview, "run_id"), [Value::Null, Value::Null], "a preview has changed nothing");

    desk.ok(&["runs", "apply", "1", "--yes"]);
    desk.call(&[&["run", "gold"], &ALL[..]].concat()).exits(0);
    desk.ok(&["runs", "undo", "3", "--apply", "--yes"]);
    desk.ok(&["users", "set", "ann", "expiration="]);
    desk.run("skip('nothing')", &ALL).exits(0);

    let lines = history(&desk, &["ann"]);
    assert_eq!(
        column(&lines, "run_id"),
        [json!(null), json!(4), json!(4), json!(3), json!(3), json!(2), json!(2), json!(null), json!(null)]
    );
    let administrator = desk.runs()[0]["administrator"].clone();
    for (index, line) in lines.iter().enumerate() {
        assert_eq!(line["administrator"], administrator);
        assert!(index == 0 || line["at"].as_str() <= lines[index - 1]["at"].as_str(), "{lines:#?}");
    }
    let of = |index: usize| {
        let line = &lines[index];
        json!([
            line["script"],
            line["script_version"],
            line["applies_run_id"],
            line["undoes_run_id"],
            line["target"]
        ])
    };
    assert_eq!(of(0), json!([null, null, null, null, null]), "by hand");
    assert_eq!(of(1), json!(["gold", 2, null, 3, 1]));
    assert_eq!(of(3), json!(["gold", 2, null, null, 1]));
    assert_eq!(of(5), json!(["gold", 1, 1, null, 1]));
    let sides = |index: usize| {
        let line = &lines[index];
        json!([line["op"], line["before"], line["after"]])
    };
    assert_eq!(sides(0), json!(["set", "2027-01-31T00:00:00Z", null]));
    assert_eq!(sides(3), json!(["attribute_remove", "Class := a", null]));
    assert_eq!(sides(4), json!(["attribute_add", null, "Class := b"]));
    assert_eq!(sides(5), json!(["set", "", "gold"]));
    assert_eq!(sides(6), json!(["profile_add", null, "plus"]));
    assert_eq!(lines[5]["field"], "klass");
    assert_eq!(
        (&lines[4]["attr"], &lines[4]["operation"], &lines[4]["value"]),
        (&json!("Class"), &json!(":="), &json!("b"))
    );
    assert_eq!(lines[6]["short_name"], "plus");
    let always = [
        "administrator",
        "after",
        "applies_run_id",
        "at",
        "before",
        "op",
        "run_id",
        "script",
        "script_version",
        "target",
        "undoes_run_id",
    ];
    for line in &lines {
        assert!(always.iter().all(|key| keys(line).contains(key)), "{line}");
    }
    assert_eq!(column(&history(&desk, &["bob"]), "run_id"), [4, 3, 2, 2]);
}

#[test]
fn a_history_is_a_table_or_csv_too() {
    let desk = Desk::with_users(1);
    desk.ok(&["users", "set", "user001", "description==1+1"]);
    desk.write("gold.py", "user.klass = 'gold, \"pure\"'");
    desk.ok(&["scripts", "save", "gold", "gold.py"]);
    desk.ok(&["run", "gold", "--all", "--apply", "--yes"]);
    desk.ok(&["runs", "undo", "1", "--apply", "--yes"]);

    let table = desk.ok(&["users", "history", "user001"]).out;
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(lines[0].starts_with("at ") && lines[0].ends_with("change"), "{table}");
    for (line, parts) in [
        (lines[1], ["2 ", "undo of 1 (gold@1)", "klass: \"gold, \\\"pure\\\"\" → \"\""]),
        (lines[2], ["1 ", "gold@1 ", "klass: \"\" → \"gold, \\\"pure\\\"\""]),
        (lines[3], ["by hand", "cli:", "description: \"\" → \"=1+1\""]),
    ] {
        assert!(parts.iter().all(|part| line.contains(part)), "{parts:?}: {line}");
    }

    let csv = desk.ok(&["users", "history", "user001", "--format", "csv"]).out;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header, ["at", "run", "script", "script_version", "administrator", "what", "before", "after"]);
    let rows: Vec<Vec<String>> = reader.deserialize().map(Result::unwrap).collect();
    let cells = |row: &[String]| [1, 2, 3, 5, 6, 7].map(|index: usize| row[index].clone());
    assert_eq!(cells(&rows[0]), ["2", "gold", "1", "klass", "gold, \"pure\"", ""]);
    assert_eq!(cells(&rows[1]), ["1", "gold", "1", "klass", "", "gold, \"pure\""]);
    assert_eq!(cells(&rows[2])[..5], ["", "", "", "description", ""]);
    assert_eq!(rows.len(), 3);
    assert!(rows[2][7].ends_with("=1+1") && !rows[2][7].starts_with('='), "no formula: {csv}");
}

#[test]
fn a_user_is_followed_through_renames_and_beyond_removal() {
    let desk = Desk::with_users(2);
    desk.ok(&["users", "set", "user001", "username=second"]);
    desk.run("user.username = 'third'", &["--filter", "obj_id eq 1", "--apply", "--yes"]).exits(0);
    desk.ok(&["users", "set", "user002", "username=user001"]);
    let lines = history(&desk, &["third"]);
    assert_eq!(column(&lines, "after"), ["third", "second"]);
    assert_eq!(column(&lines, "before"), ["second", "user001"]);
    assert_eq!(column(&history(&desk, &["user001"]), "after"), ["user001"], "another user's name by now");

    desk.ok(&["users", "remove", "third", "--yes"]);
    let refused = desk.call(&["users", "history", "third"]).exits(1);
    assert_eq!(
        refused.sentence(),
        "there is no user \"third\"; one who was removed is found by number, with --obj-id"
    );
    assert_eq!(history(&desk, &["--obj-id", "1"]), lines);
    assert_eq!(history(&desk, &["--obj-id", "2"]).len(), 1);
    desk.call(&["users", "history"]).exits(2);
    desk.call(&["users", "history", "user001", "--obj-id", "2"]).exits(2);
}

#[test]
fn a_user_of_whom_nothing_is_known_says_so() {
    let desk = Desk::with_users(1);
    desk.run("fail('no')", &ALL).exits(3);
    let done = desk.ok(&["users", "history", "user001"]);
    assert!(done.err.contains("nothing that is known was changed of user001"), "{done:?}");
    assert!(history(&desk, &["user001"]).is_empty());
}

#[test]
fn rows_of_one_user_are_told_from_the_last_to_the_first() {
    let desk = Desk::with_users(2);
    desk.write("rows.csv", "username,n\nuser001,1\nuser002,x\nuser001,2\nuser001,3\n");
    desk.run("user.klass = row['n']", &["--csv", "rows.csv", "--apply", "--yes"]).exits(0);
    let lines = history(&desk, &["user001"]);
    assert_eq!(column(&lines, "after"), ["3", "2", "1"]);
    assert_eq!(column(&lines, "target"), [4, 3, 1]);
}

#[test]
fn a_run_that_went_on_later_is_told_where_it_wrote() {
    let desk = Desk::with_users(2);
    desk.run("user.klass = 'first'", &["--all", "--apply", "--yes", "--canary", "1"]).exits(1);
    desk.apply("user.klass = 'second'", 0);
    desk.ok(&["users", "set", "user002", "klass=hand"]);
    desk.ok(&["runs", "resume", "1"]);
    assert_eq!(desk.user("user002")["klass"], "first");
    let lines = history(&desk, &["user002"]);
    let expected = [(json!(1), "first"), (Value::Null, "hand"), (json!(2), "second")];
    assert_eq!(told(&lines), expected.map(|(run, after)| (run, json!("set"), json!(after))));
    assert_eq!(column(&history(&desk, &["user001"]), "after"), ["second", "first"]);
}

#[test]
fn a_long_history_is_whole() {
    let desk = Desk::with_users(1);
    let rows: String = (1..=250).map(|n| format!("user001,{n}\n")).collect();
    desk.write("rows.csv", format!("username,n\n{rows}"));
    desk.run("user.klass = row['n']", &["--csv", "rows.csv", "--apply", "--yes"]).exits(0);
    desk.ok(&["users", "set", "user001", "klass=hand"]);
    desk.apply("user.klass = 'end'", 0);
    let mut expected: Vec<String> = (1..=250).map(|n| n.to_string()).collect();
    expected.extend(["hand".to_owned(), "end".to_owned()]);
    expected.reverse();
    assert_eq!(column(&history(&desk, &["user001"]), "after"), expected);
}

#[test]
fn changes_of_a_run_are_grouped_and_counted() {
    let desk = Desk::with_users(12);
    desk.ok(&["profiles", "add", "plus"]);
    let script = "\
        from datetime import datetime, timezone, timedelta\n\
        if user.obj_id == 12: fail('no')\n\
        if user.obj_id <= 6: user.klass = 'gold'\n\
        elif user.obj_id <= 9: user.profile_add(short_name='plus')\n\
        elif user.obj_id == 10: user.attribute_add('Class', 'a', '+=')\n";
    let run = desk.apply(script, 3);
    let groups = |run: &Value, args: &[&str]| {
        let id = run["run_id"].to_string();
        desk.ok(&[&["runs", "changes", &id, "--format", "json"], args].concat()).objects()
    };
    assert_eq!(
        groups(&run, &[]),
        [
            json!({"users": 6, "changes": ["klass \"\" → \"gold\""], "examples": [name(1), name(2), name(3)]}),
            json!({"users": 3, "changes": ["+ profile plus"], "examples": [name(7), name(8), name(9)]}),
            json!({"users": 1, "changes": ["+ attribute Class += a"], "examples": [name(10)]}),
        ]
    );
    let preview = desk.ok(&["runs", "undo", "1", "--json"]).object();
    assert_eq!(column(&groups(&preview, &[]), "users"), [6, 3, 1]);
    assert_eq!(groups(&preview, &[])[0]["changes"], json!(["klass \"gold\" → \"\""]));

    // Too many different values are not told apart, and every user still counts.
    let own = desk.run("user.description = str(user.obj_id)", &["--all"]).exits(0).object();
    assert_eq!(groups(&own, &[]).len(), 12);
    let coarse = groups(&own, &["--groups", "5"]);
    assert_eq!((coarse.len(), &coarse[0]["users"]), (1, &json!(12)));

    let csv = desk.ok(&["runs", "changes", "1", "--format", "csv"]).out;
    assert!(csv.starts_with("users,changes,examples\n"), "{csv}");
    assert_eq!(csv.lines().count(), 4);
    let none = desk.run("skip('no')", &["--all"]).exits(0).object();
    assert!(groups(&none, &[]).is_empty());
    let told = desk.ok(&["runs", "changes", &none["run_id"].to_string()]).err;
    assert!(told.contains("has changed nothing"), "{told}");
    desk.call(&["runs", "changes", "99"]).exits(1).sentence();
    desk.call(&["runs", "changes", "1", "--groups", "0"]).exits(2);
}
