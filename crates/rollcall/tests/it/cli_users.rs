//! Users, organizations and profiles by hand, the demo, and the manners of the command line.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::common::{Desk, column, commands, finish, name, start};
use serde_json::{Value, json};

fn users(desk: &Desk) -> Vec<Value> {
    desk.ok(&["users", "list", "--format", "json"]).objects()
}

#[test]
fn set_changes_the_named_fields_and_nothing_else() {
    let desk = Desk::with_users(2);
    let before = users(&desk);
    let done = desk.ok(&[
        "users",
        "set",
        "user001",
        "klass=gold",
        "first_name=Zoë = x",
        "expiration=2026-12-01",
        "is_active=no",
        "username_length=3",
        "username=renamed",
    ]);
    assert_eq!(done.out, "", "what was done is told on standard error");
    assert!(done.err.contains("klass") && done.err.contains("gold"), "{done:?}");
    let after = users(&desk);
    let mut expected = before[0].clone();
    for (field, value) in [
        ("klass", json!("gold")),
        ("first_name", json!("Zoë = x")),
        ("expiration", json!("2026-12-01T00:00:00Z")),
        ("is_active", json!(false)),
        ("username_length", json!(3)),
        ("username", json!("renamed")),
        ("last_update", after[0]["last_update"].clone()),
    ] {
        expected[field] = value;
    }
    assert_eq!(after, [expected, before[1].clone()]);
    assert_ne!(after[0]["last_update"], before[0]["last_update"]);

    desk.ok(&["users", "set", "renamed", "expiration=", "first_name="]);
    let user = desk.user("renamed");
    assert_eq!((&user["expiration"], &user["first_name"]), (&Value::Null, &json!("")), "empty is none");
}

#[test]
fn set_to_what_is_there_already_changes_nothing() {
    let desk = Desk::with_users(1);
    let before = desk.export();
    desk.ok(&["users", "set", "user001", "username=user001", "is_active=true", "klass="]);
    assert_eq!(desk.export(), before, "last_update included");
}

#[test]
fn set_refuses_all_if_one_assignment_is_wrong() {
    let desk = Desk::with_users(2);
    let before = desk.export();
    for (assignment, parts) in [
        ("klas=gold", &["klas", "did you mean klass?"][..]),
        ("expiraton=2026-12-01", &["did you mean expiration?"]),
        ("obj_id=9", &["obj_id", "read-only"]),
        ("organization_id=1", &["organization_id", "read-only"]),
        ("date_joined=2026-12-01", &["date_joined", "read-only"]),
        ("first_login=2026-12-01", &["first_login", "read-only"]),
        ("last_login=2026-12-01", &["last_login", "read-only"]),
        ("expiration=soon", &["expiration", "soon"]),
        ("is_active=perhaps", &["is_active", "perhaps"]),
        ("username_length=-1", &["username_length"]),
        ("username=", &["username", "empty"]),
        ("username=user002", &["user002", "taken"]),
        ("klass", &["klass", "FIELD=VALUE"]),
    ] {
        let done = desk.call(&["users", "set", "user001", "first_name=Ana", assignment]);
        assert!(matches!(done.code, Some(1 | 2)), "{done:?}");
        for part in parts {
            assert!(done.sentence().contains(part), "{assignment}: {part}: {done:?}");
        }
    }
    assert_eq!(desk.export(), before);
}

#[test]
fn removed_users_are_gone_and_their_numbers_do_not_come_back() {
    let desk = Desk::with_users(3);
    desk.run("user.klass = 'x'", &["--all"]).exits(0);
    desk.ok(&["users", "remove", "user003", "--yes"]);
    assert_eq!(column(&users(&desk), "username"), [name(1), name(2)]);
    desk.call(&["users", "show", "user003"]).exits(1);
    desk.import("username\nuser003\n");
    assert_eq!(desk.user("user003")["obj_id"], 4);
    let outcomes = desk.ok(&["runs", "outcomes", "1", "--format", "json"]).objects();
    assert_eq!(column(&outcomes, "obj_id"), [1, 2, 3], "what a run did stays");
}

#[test]
fn a_filter_lists_exactly_those_it_selects() {
    let desk = Desk::new();
    desk.import(
        "username,klass,is_active,expiration,email,organization\n\
         ana,gold,yes,2026-11-01,a@example.com,North\n\
         bo,Gold,yes,2026-12-01,,North\n\
         cy,gold,no,,c@example.com,South\n\
         di,,yes,2027-01-01,,South\n",
    );
    let listed = |filter: &str| -> Vec<String> {
        let done = desk.ok(&["users", "list", "--filter", filter, "--format", "json"]);
        let exported = desk.ok(&["users", "export", "--filter", filter]).out;
        let names: Vec<_> =
            done.objects().iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect();
        assert_eq!(exported.lines().count(), names.len() + 1, "an export takes the same filter");
        names
    };
    assert_eq!(listed("klass eq \"gold\""), ["ana", "cy"], "case and all");
    assert_eq!(listed("klass ne \"gold\""), ["bo", "di"], "the exact complement");
    assert_eq!(listed("klass eq \"\""), ["di"]);
    assert_eq!(listed("klass lt \"z\""), ["ana", "bo", "cy"], "the empty is not less than anything");
    assert_eq!(listed("expiration eq null"), ["cy"]);
    assert_eq!(listed("expiration lt \"2026-12-01T00:00:00Z\""), ["ana"], "none is not less either");
    assert_eq!(listed("expiration le \"2026-12-01\""), ["ana", "bo"]);
    assert_eq!(listed("expiration gt \"2026-12-01\""), ["di"]);
    assert_eq!(listed("is_active eq true and email eq \"\""), ["bo", "di"]);
    assert_eq!(listed("organization_id eq 2 and is_active eq false"), ["cy"]);
    assert_eq!(listed("obj_id ge 2 AND obj_id lt 4"), ["bo", "cy"]);
    assert_eq!(listed("username eq \"nobody\""), [""; 0]);
}

#[test]
fn lists_come_by_number_in_every_format_and_can_be_limited() {
    let desk = Desk::with_users(12);
    assert_eq!(column(&users(&desk), "obj_id"), (1..=12).collect::<Vec<_>>());
    let csv = desk.ok(&["users", "list", "--format", "csv"]).out;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let at = reader.headers().unwrap().iter().position(|column| column == "username").unwrap();
    let names: Vec<_> = reader.records().map(|record| record.unwrap()[at].to_owned()).collect();
    assert_eq!(names, (1..=12).map(name).collect::<Vec<_>>());
    let table = desk.ok(&["users", "list"]).out;
    assert_eq!(table.lines().count(), 13, "a head and a line each");
    assert_eq!(desk.ok(&["users", "list", "--limit", "5", "--format", "json"]).objects().len(), 5);
    let shown = desk.ok(&["users", "show", "user007"]).out;
    assert!(shown.contains("user007@example.com"), "{shown}");
}

#[test]
fn a_cell_of_several_lines_keeps_a_tables_row_on_one_line() {
    let desk = Desk::with_users(2);
    desk.ok(&["users", "set", "user001", "first_name=two\nlines\u{1b}[31m"]);
    let table = desk.ok(&["users", "list"]).out;
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(!table.contains('\u{1b}'), "nor does it colour the terminal");
}

#[test]
fn organizations_are_added_renamed_and_removed() {
    let desk = Desk::new();
    desk.ok(&["organizations", "add", "North"]);
    desk.ok(&["organizations", "add", "South"]);
    let names = || column(&desk.ok(&["organizations", "list", "--format", "json"]).objects(), "name");
    assert_eq!(names(), ["North", "South"]);
    desk.import("username,organization\nana,North\n");
    desk.ok(&["organizations", "rename", "North", "Far North"]);
    desk.ok(&["organizations", "remove", "South", "--yes"]);
    assert_eq!(names(), ["Far North"]);

    let refused = |args: &[&str], parts: &[&str]| {
        let done = desk.call(&[&["organizations"], args].concat());
        assert!(matches!(done.code, Some(1 | 2)), "{done:?}");
        parts.iter().for_each(|part| assert!(done.sentence().contains(part), "{part}: {done:?}"));
    };
    refused(&["add", "Far North"], &["Far North", "taken"]);
    refused(&["add", ""], &["empty"]);
    refused(&["add", "a;b"], &["semicolon"]);
    refused(&["remove", "Far North", "--yes"], &["Far North", "users"]);
    desk.ok(&["organizations", "add", "East"]);
    refused(&["rename", "East", "Far North"], &["Far North", "taken"]);
    assert_eq!(names(), ["Far North", "East"]);
    assert!(desk.export().contains(",Far North,"), "its user has moved with it");
}

#[test]
fn profiles_are_added_shown_and_removed_unless_somebody_has_them() {
    let desk = Desk::new();
    desk.ok(&[
        "profiles",
        "add",
        "plus",
        "--reply",
        "Session-Timeout := 28800",
        "--reply",
        "Reply-Message += \"hello there\"",
        "--check",
        "Simultaneous-Use == 2",
    ]);
    let plus = desk.ok(&["profiles", "show", "plus", "--format", "json"]).object();
    assert_eq!(plus["reply"][1]["value"], "hello there");
    assert_eq!(plus["reply"][0]["attr"], "Session-Timeout");
    assert_eq!(plus["check"], json!([{"attr": "Simultaneous-Use", "operation": "==", "value": "2"}]));

    let refused = |args: &[&str], parts: &[&str]| {
        let done = desk.call(&[&["profiles"], args].concat());
        assert!(matches!(done.code, Some(1 | 2)), "{done:?}");
        parts.iter().for_each(|part| assert!(done.refusal().contains(part), "{part}: {done:?}"));
    };
    refused(&["add", "plus"], &["plus", "taken"]);
    refused(&["add", "x", "--reply", "Class == y"], &["=="]);
    refused(&["add", "x", "--reply", "Class := `id`", "--reply", "Nothing"], &["backquotes", "Nothing"]);
    refused(&["add", ""], &["empty"]);
    desk.import("username,profiles\nana,plus\n");
    refused(&["remove", "plus", "--yes"], &["plus", "1 user"]);
    assert_eq!(desk.user("ana")["profiles"], json!(["plus"]));

    desk.apply("user.profile_remove(short_name='plus')", 0);
    desk.ok(&["profiles", "remove", "plus", "--yes"]);
    assert_eq!(desk.ok(&["profiles", "list", "--format", "json"]).out, "");
}

#[test]
fn init_is_repeatable_and_keeps_what_is_there() {
    let desk = Desk::with_users(3);
    let before = desk.export();
    desk.ok(&["init"]);
    assert_eq!(desk.export(), before);
}

#[test]
fn the_database_is_named_by_option_or_environment() {
    let desk = Desk::bare();
    desk.ok(&["init", "--database", "sqlite:one.db"]);
    let mut command = desk.command(&["init"]);
    finish(start(command.env("ROLLCALL_DATABASE", "sqlite:two.db"))).exits(0);
    assert!(desk.path("one.db").exists() && desk.path("two.db").exists());
    assert!(!desk.path("rollcall.db").exists());
    desk.ok(&["--database", "sqlite:one.db", "organizations", "add", "North"]);
    let list =
        |url: &str| desk.ok(&["organizations", "list", "--format", "json", "--database", url]).objects();
    assert_eq!((list("sqlite:one.db").len(), list("sqlite:two.db").len()), (1, 0));
}

#[test]
fn the_demo_leaves_its_database_and_can_be_repeated() {
    let desk = Desk::bare();
    let at_demo = |args: &[&str]| {
        desk.ok(&[&["--database", "sqlite:rollcall-demo.db"], args, &["--format", "json"]].concat()).objects()
    };
    let shown = || column(&at_demo(&["users", "list"]), "username");
    let done = desk.ok(&["demo", "--users", "200"]);
    assert!(!done.out.is_empty() && !done.err.contains("panicked"), "{done:?}");
    assert!(desk.path("rollcall-demo.db").exists());
    assert!(!desk.path("rollcall.db").exists());
    let first = shown();
    assert_eq!(first.len(), 200);
    let runs = at_demo(&["runs", "list"]);
    assert!(runs.iter().any(|run| run["mode"] == "preview") && runs.iter().any(|run| run["mode"] == "apply"));
    assert!(runs.iter().all(|run| run["state"] == "finished"), "{runs:#?}");
    assert_eq!(
        (&runs[1]["applies_run_id"], &runs[0]["undoes_run_id"]),
        (&runs[2]["run_id"], &runs[1]["run_id"]),
        "newest first"
    );

    desk.ok(&["demo", "--users", "200"]);
    assert_eq!(shown(), first, "the same samples, started over");
    assert_eq!(at_demo(&["runs", "list"]).len(), runs.len());
}

#[test]
fn the_demos_advice_works_as_it_stands() {
    let desk = Desk::bare();
    let done = desk.ok(&["demo", "--users", "200"]);
    let advice = done.out.split("things to try").last().unwrap();
    let commands: Vec<_> =
        advice.lines().map(str::trim).filter(|line| line.starts_with(crate::common::ROLLCALL)).collect();
    assert!(commands.len() >= 3, "{advice}");
    for command in commands {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", command])
            .current_dir(desk.path("."))
            .env("ROLLCALL_DATABASE", "sqlite:rollcall-demo.db")
            .stdin(Stdio::null());
        let done = finish(start(&mut shell));
        // 3: a sample script may fail for some, as its author wanted to show.
        assert!(matches!(done.code, Some(0 | 3)), "{command}: {done:#?}");
    }
}

#[test]
fn the_demo_refuses_a_database_with_somebodys_own_data() {
    let desk = Desk::on_file().and_users(2);
    let before = desk.export();
    let done = desk.call(&["demo", "--users", "200", "--database", "sqlite:rollcall.db"]).exits(2);
    assert!(done.sentence().contains("rollcall.db") && done.sentence().contains("--database"), "{done:?}");
    assert_eq!(desk.export(), before);
}

#[test]
fn a_demo_ends_by_taking_everything_back_on_either_database() {
    let desk = Desk::new();
    let database = desk.url();
    let done = desk.ok(&["demo", "--users", "200", "--database", &database]);
    assert!(done.out.contains("All 200 users are as they were before"), "{done:?}");
    assert_eq!(desk.runs().len(), 3);
    let again = desk.call(&["demo", "--users", "200", "--database", &database]);
    // A file of samples is started over, a server's database is not ours to remove.
    assert_eq!(again.code, Some(if database.starts_with("sqlite:") { 0 } else { 2 }), "{again:?}");
}

#[test]
fn every_command_explains_itself() {
    let desk = Desk::bare();
    let mut all = Vec::new();
    commands(&desk, &[], &mut all);
    let all: Vec<_> = all.iter().map(|path| path.join(" ")).collect();
    for command in [
        "demo",
        "init",
        "run",
        "completions",
        "organizations add",
        "organizations list",
        "organizations rename",
        "organizations remove",
        "users import",
        "users list",
        "users show",
        "users set",
        "users remove",
        "users export",
        "profiles add",
        "profiles list",
        "profiles show",
        "profiles remove",
        "runs list",
        "runs show",
        "runs outcomes",
    ] {
        assert!(all.contains(&command.to_owned()), "{command} is not in {all:?}");
    }
    assert!(desk.ok(&["--version"]).out.starts_with("rollcall "));
}

#[test]
fn completions_are_scripts_that_the_shell_takes() {
    let desk = Desk::bare();
    for shell in ["bash", "zsh", "fish"] {
        let done = desk.ok(&["completions", shell]);
        assert!(done.out.contains("rollcall") && done.out.contains("outcomes"), "{shell}");
    }
    let script = desk.ok(&["completions", "bash"]).out;
    let mut bash = start(Command::new("bash").arg("-n").stdin(Stdio::piped()));
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert_eq!(finish(bash).exits(0).err, "");
}

/// Calls a command whose standard output nobody reads any more, as in `rollcall … | head`.
fn call_with_a_closed_pipe(desk: &Desk, args: &[&str]) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = desk.command(args).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let done = finish(child);
    (done.code, done.err)
}

#[test]
fn a_closed_pipe_ends_a_listing_quietly() {
    let desk = Desk::with_users(500);
    desk.run("user.klass = 'x'", &["--all"]).exits(0);
    let mut loud = Vec::new();
    for args in [
        &["users", "list"][..],
        &["users", "list", "--format", "csv"],
        &["users", "list", "--format", "json"],
        &["users", "show", "user001"],
        &["users", "show", "user001", "--format", "json"],
        &["users", "export"],
        &["users", "export", "--format", "json"],
        &["runs", "list"],
        &["runs", "show", "1"],
        &["runs", "show", "1", "--format", "json"],
        &["runs", "outcomes", "1"],
        &["runs", "outcomes", "1", "--format", "csv"],
        &["runs", "outcomes", "1", "--format", "json"],
        &["profiles", "list", "--format", "csv"],
        &["organizations", "list"],
        &["completions", "bash"],
        &["--help"],
        &["run", "script.py", "--all"],
    ] {
        let (code, err) = call_with_a_closed_pipe(&desk, args);
        if (code, err.as_str()) != (Some(0), "") {
            loud.push((args.join(" "), code, err));
        }
    }
    assert!(loud.is_empty(), "{loud:#?}");
}

#[test]
fn a_closed_pipe_does_not_hide_that_some_targets_failed() {
    let desk = Desk::with_users(2);
    desk.write("fails.py", "if user.obj_id == 2: fail('no')\nuser.klass = 'x'\n");
    for args in [
        &["run", "fails.py", "--all", "--apply", "--yes"][..],
        &["run", "fails.py", "--all", "--apply", "--yes", "--json"],
    ] {
        let (code, err) = call_with_a_closed_pipe(&desk, args);
        assert!(!err.contains("panicked"), "{err}");
        assert_eq!(code, Some(3), "{args:?}");
    }
    assert_eq!(desk.user("user001")["klass"], "x");
}

#[test]
fn closed_standard_error_changes_no_exit_status() {
    let desk = Desk::with_users(1);
    for (args, code) in [
        (&["users", "show", "nobody"][..], 1),
        (&["users", "list", "--filter", "x"], 2),
        (&["frobnicate"], 2),
        (&["users", "set", "user001", "klass=x"], 0),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = desk.command(args).stderr(writer).stdout(Stdio::piped()).spawn().unwrap();
        finish(child).exits(code);
    }
}
