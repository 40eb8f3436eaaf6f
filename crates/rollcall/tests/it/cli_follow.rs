//! Which run a command is about, and how runs on a server are followed.

use std::process::Command;

use crate::common::server::{Server, token};
use crate::common::{Desk, finish, start};
use serde_json::Value;

const ALL: &str = "look,report,execute,edit-users,edit-scripts,administer";

/// `rollcall` on a server, or on its database.
fn calls<'a>(desk: &'a Desk, server: Option<&Server>) -> impl Fn(&[&str]) -> Command + 'a {
    let there = server.map(|server| {
        let token = token(desk, "ana", ALL).trim_start_matches("Bearer ").to_owned();
        (server.at.clone(), token)
    });
    move |args| {
        let mut command = desk.command(args);
        if let Some((at, token)) = &there {
            command.env_remove("ROLLCALL_DATABASE").env("ROLLCALL_SERVER", at).env("ROLLCALL_TOKEN", token);
        }
        command
    }
}

fn desk(users: usize) -> Desk {
    let desk = Desk::with_users(users);
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    desk.write(
        "mark.py",
        "if user.username == 'user001' and not user.email: fail('no')\nuser.klass = 'seen'\n",
    );
    desk
}

#[test]
fn latest_is_the_newest_run_here_and_on_a_server() {
    for there in [false, true] {
        let desk = desk(3);
        let server = there.then(|| Server::on(&desk));
        let command = calls(&desk, server.as_ref());
        let call = |args: &[&str]| finish(start(&mut command(args)));
        let none = call(&["runs", "show", "latest"]).exits(1);
        assert_eq!(none.sentence(), "there is no run yet");
        call(&["run", "mark.py", "--all"]).exits(0);
        let shown = call(&["runs", "show", "latest", "--format", "json"]).exits(0);
        assert_eq!((&shown.object()["run_id"], shown.err.as_str()), (&Value::from(1), ""));
        for listed in ["outcomes", "changes"] {
            call(&["runs", listed, "latest"]).exits(0);
        }
        call(&["runs", "watch", "latest"]).exits(0);
        let applied = call(&["runs", "apply", "latest", "--yes", "--json"]).exits(0);
        assert!(applied.err.contains("latest is run 1: preview of mark.py over 3 users"), "{applied:#?}");
        assert_eq!(applied.object()["applies_run_id"], 1);
        let undone = call(&["runs", "undo", "latest", "--apply", "--yes", "--json"]).exits(0);
        assert!(undone.err.contains("latest is run 2: apply of mark.py over 3 users"), "{undone:#?}");
        assert_eq!(undone.object()["undoes_run_id"], 2);
        let again = call(&["run", "mark.py", "--targets-from", "latest:changed", "--canary", "1", "--json"]);
        assert!(again.err.contains("latest is run 3"), "{again:#?}");
        let resumed = call(&["runs", "resume", "latest", "--json"]).exits(0);
        assert!(resumed.err.contains("latest is run 4"), "{resumed:#?}");
        let cancelled = call(&["runs", "cancel", "latest"]).exits(1);
        assert!(cancelled.err.contains("latest is run 4"), "{cancelled:#?}");
        let wrong = call(&["runs", "show", "newest"]).exits(2);
        assert!(wrong.err.contains("write its number, or latest for the newest one"), "{wrong:#?}");
    }
}

#[test]
fn latest_is_the_newest_run_that_the_administrator_can_see() {
    let desk = desk(2);
    desk.ok(&["organizations", "add", "North"]);
    desk.import("username,organization\nn1,North\n");
    desk.ok(&["administrators", "add", "olga", "--grant", "operator@North"]);
    desk.ok(&["--as", "olga", "run", "mark.py", "--all"]);
    desk.ok(&["run", "mark.py", "--all"]);
    let run = |args: &[&str]| desk.ok(args).object()["run_id"].clone();
    assert_eq!(run(&["--as", "olga", "runs", "show", "latest", "--format", "json"]), 1);
    assert_eq!(run(&["runs", "show", "latest", "--format", "json"]), 2);
}

#[test]
fn failed_live_events_are_told_once_and_the_run_is_followed_all_the_same() {
    let desk = desk(200);
    let server = Server::failing(&desk, "http_events=return");
    let command = calls(&desk, Some(&server));
    desk.write("slow.py", "import time\ntime.sleep(0.02)\nuser.klass = 'seen'\n");
    let run = ["run", "slow.py", "--all", "--apply", "--yes", "--json"];
    let done = finish(start(&mut command(&run))).exits(0);
    assert_eq!(done.object()["state"], "finished");
    let told: Vec<_> = done.err.lines().filter(|line| line.contains("live events")).collect();
    let expected = "warning: live events of run 1 failed: events are not passed on; its state is read every second instead";
    assert_eq!(told, [expected], "{done:#?}");
}

#[test]
fn following_ends_with_an_error_when_the_server_stays_away() {
    let desk = desk(200);
    let mut server = Server::on(&desk);
    let command = calls(&desk, Some(&server));
    desk.write("slow.py", "import time\ntime.sleep(0.2)\nuser.klass = 'seen'\n");
    let mut run = command(&["run", "slow.py", "--all", "--apply", "--yes"]);
    let following = start(run.env("FAILPOINTS", "longest_absence=return(1500)"));
    desk.wait_for_outcomes(1);
    server.process.kill().unwrap();
    let done = finish(following).exits(1);
    assert!(done.err.contains("warning: live events of run 1 failed: "), "{done:#?}");
    assert!(done.err.contains("error: no answer for "), "{done:#?}");
    assert!(done.err.contains("run 1 goes on: 'rollcall runs watch 1' follows it"), "{done:#?}");
    assert!(done.err.contains("cannot be reached"), "{done:#?}");
}

#[test]
fn printed_output_is_announced_with_how_to_see_it() {
    for there in [false, true] {
        let desk = desk(3);
        let server = there.then(|| Server::on(&desk));
        let command = calls(&desk, server.as_ref());
        desk.write("print.py", "if user.username != 'user002': print('hello', user.username)\n");
        let done = finish(start(&mut command(&["run", "print.py", "--all"]))).exits(0);
        assert!(done.out.contains("\nOutput\n  2 users printed output\n"), "{done:#?}");
        assert!(done.out.contains("runs outcomes 1 --format json"), "{done:#?}");
        let quiet = finish(start(&mut command(&["run", "mark.py", "--all"]))).exits(0);
        assert!(!quiet.out.contains("Output"), "{quiet:#?}");
    }
}

#[test]
fn conflict_of_a_removed_user_names_it() {
    let desk = desk(3);
    desk.call(&["run", "mark.py", "--all", "--canary", "1"]).exits(1);
    desk.ok(&["users", "remove", "user002", "--yes"]);
    desk.call(&["runs", "resume", "1"]).exits(3);
    let shown = desk.ok(&["runs", "show", "latest"]).out;
    assert!(shown.contains("such as user #2 (removed)"), "{shown}");
    let listed = desk.ok(&["runs", "outcomes", "latest", "--outcome", "conflict"]).out;
    assert!(listed.contains("user #2 (removed)"), "{listed}");
    let outcome = desk.ok(&["runs", "outcomes", "1", "--outcome", "conflict", "--format", "json"]).object();
    assert_eq!((&outcome["obj_id"], &outcome["username"]), (&Value::from(2), &Value::Null));
}

#[test]
fn hints_come_before_a_run_and_with_the_error() {
    let desk = desk(1);
    desk.write("save.py", "user.klass = 'x'\nuser.save()\n");
    let hint = "changes are saved without a call: assign to a field, such as user.klass = \"gold\"";
    let done = desk.call(&["run", "save.py", "--all"]).exits(3);
    assert!(
        done.err.contains(&format!("line 2, column 6: user.save: a user has no field \"save\"; {hint}")),
        "{done:#?}"
    );
    assert!(done.out.contains(&format!("a user has no field 'save'; {hint}")), "{done:#?}");
    desk.write(
        "naive.py",
        "import datetime as d\nwhen = getattr(d.datetime, 'now')()\nprint(run.now < when)\n",
    );
    let done = desk.call(&["run", "naive.py", "--all"]).exits(3);
    assert!(
        done.out.contains(
            "offset-naive and offset-aware datetimes; a user's times have a time zone; use run.now"
        ),
        "{done:#?}"
    );
}

#[test]
fn return_outside_a_function_is_refused_wherever_a_script_is_read() {
    let desk = desk(1);
    desk.write("early.py", "if user.klass:\n    return\nuser.klass = 'x'\n");
    for args in [
        &["scripts", "save", "early", "early.py"][..],
        &["run", "early.py", "--all"],
        &["scripts", "test", "early.py", "--user", "user001"],
    ] {
        let refused = desk.call(args).exits(1);
        for part in ["error: early", ", line 2, column 5: ", "skip("] {
            assert!(refused.err.contains(part), "{args:?}: {refused:#?}");
        }
    }
    assert_eq!(desk.ok(&["scripts", "list", "--format", "json"]).out, "");
    desk.ok(&["administrators", "add", "olga", "--grant", "admin"]);
    let server = Server::on(&desk);
    let bearer = token(&desk, "olga", "look,execute,edit-scripts");
    let source = serde_json::json!({"source": "x = 1\nreturn\n"});
    let checked = server.post("/api/v1/scripts/check", &[("authorization", &bearer)], &source).json();
    let told = checked.to_string();
    assert!(told.contains("skip(") && told.contains("\"line\":2"), "{told}");
}
