//! Runs from outside: who fails and who does not, what is written and what never is, and how a run may end.

use std::os::unix::process::CommandExt;
use std::process::Child;

use crate::common::{Desk, Done, column, finish, name, start};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};

const EVERY_TENTH: &str = "\
user.klass = 'gold'
user.profile_add(short_name='plus')
user.attribute_add('Class', 'gold', '+=')
if user.obj_id % 10 == 0:
    raise ValueError(f'no tenth user: {user.username}')
";

fn desk_for_tenths() -> Desk {
    let desk = Desk::with_users(50);
    desk.ok(&["profiles", "add", "plus"]);
    desk
}

fn count(run: &Value, outcome: &str) -> u64 {
    run["outcomes"][outcome].as_u64().unwrap()
}

#[test]
fn a_script_that_raises_for_every_tenth_user_changes_all_others() {
    let desk = desk_for_tenths();
    let before: Vec<Value> = desk.ok(&["users", "list", "--format", "json"]).objects();
    let run = desk.apply(EVERY_TENTH, 3);
    assert_eq!(run["state"], "finished", "a tenth failing does not stop a run");
    assert_eq!((count(&run, "changed"), count(&run, "failed")), (45, 5));

    let failed = desk.ok(&["runs", "outcomes", "1", "--outcome", "failed", "--format", "json"]).objects();
    assert_eq!(column(&failed, "obj_id"), [10, 20, 30, 40, 50]);
    for outcome in &failed {
        let username = outcome["username"].as_str().unwrap();
        assert_eq!(outcome["error"]["type"], "ValueError");
        assert_eq!(outcome["error"]["message"], format!("no tenth user: {username}"));
        assert_eq!(outcome["error"]["line"], 5);
        assert_eq!(outcome["changes"], json!([]));
    }
    let after = desk.ok(&["users", "list", "--format", "json"]).objects();
    for (before, after) in before.iter().zip(&after) {
        if after["obj_id"].as_i64().unwrap() % 10 == 0 {
            assert_eq!(after, before, "who failed is as before, last_update included");
        } else {
            assert_eq!(after["klass"], "gold");
            assert_eq!(after["profiles"], json!(["plus"]));
            assert_eq!(after["attributes"], json!([{"attr": "Class", "operation": "+=", "value": "gold"}]));
            assert_ne!(after["last_update"], before["last_update"]);
        }
    }
    assert_eq!(after.len(), 50);
}

#[test]
fn a_preview_tells_what_an_apply_will_do_and_writes_nothing() {
    let desk = desk_for_tenths();
    let before = desk.export();
    let preview = desk.run(EVERY_TENTH, &["--all"]).exits(3).object();
    assert_eq!(desk.export(), before);
    assert_eq!((count(&preview, "changed"), count(&preview, "failed")), (45, 5));
    let applied = desk.apply(EVERY_TENTH, 3);
    assert_eq!(desk.outcomes(&preview), desk.outcomes(&applied));
    assert_ne!(desk.export(), before);
}

#[test]
fn a_run_touches_nobody_outside_its_filter() {
    let desk = Desk::with_users(5);
    let before = desk.ok(&["users", "list", "--format", "json"]).objects();
    let chosen = "obj_id ge 2 and obj_id lt 4";
    let run = desk.run("user.klass = 'x'", &["--filter", chosen, "--apply", "--yes"]).exits(0).object();
    assert_eq!(column(&desk.outcomes(&run), "obj_id"), [2, 3]);
    let after = desk.ok(&["users", "list", "--format", "json"]).objects();
    assert_eq!(column(&after, "klass"), ["", "x", "x", "", ""]);
    assert_eq!((&after[0], &after[3], &after[4]), (&before[0], &before[3], &before[4]));
}

#[test]
fn a_filter_that_selects_nobody_makes_a_finished_run_of_no_targets() {
    let desk = Desk::with_users(2);
    let args = ["--filter", "klass eq \"none\"", "--apply", "--yes"];
    let run = desk.run("user.klass = 'x'", &args).exits(0).object();
    assert_eq!((&run["state"], &run["targets"]), (&json!("finished"), &json!(0)));
    assert!(desk.outcomes(&run).is_empty());
}

#[test]
fn exit_statuses_say_how_a_run_went() {
    let desk = Desk::with_users(2);
    desk.run("user.klass = 'x'", &["--all"]).exits(0);
    desk.run("skip('all')", &["--all"]).exits(0);
    desk.run("if user.obj_id == 2: fail('no')", &["--all"]).exits(3);
    desk.run("1 / 0", &["--all", "--apply", "--yes"]).exits(3);
    desk.run("def", &["--all"]).exits(1);
    desk.run("pass", &[]).exits(2);
    desk.run("pass", &["--all", "--filter", "obj_id eq 1"]).exits(2);
    desk.run("pass", &["--all", "--time-limit", "soon"]).exits(2);
}

#[test]
fn an_endless_loop_times_out_alone() {
    let desk = Desk::with_users(4);
    let script = "user.klass = 'x'\nwhile user.obj_id == 2:\n    pass\n";
    let args = ["--all", "--apply", "--yes", "--time-limit", "2s"];
    let run = desk.run(script, &args).exits(3).object();
    let outcomes = desk.outcomes(&run);
    assert_eq!(column(&outcomes, "outcome"), ["changed", "timed_out", "changed", "changed"]);
    assert!(outcomes[1]["error"]["message"].as_str().unwrap().contains(" 2 s"), "{}", outcomes[1]);
    assert_eq!(desk.user(&name(2))["klass"], "");
}

#[test]
fn a_script_that_ends_its_process_or_eats_memory_fails_alone() {
    let desk = Desk::with_users(5);
    let script = "import os, sys\n\
        user.klass = 'x'\n\
        if user.obj_id == 2: os._exit(0)\n\
        if user.obj_id == 3: sys.exit('leaving')\n\
        if user.obj_id == 4: eaten = 'x' * (4 << 30)\n";
    let run = desk.apply(script, 3);
    let outcomes = desk.outcomes(&run);
    assert_eq!(column(&outcomes, "outcome"), ["changed", "failed", "failed", "failed", "changed"]);
    assert_eq!(outcomes[3]["error"]["type"], "MemoryError");
    let users = desk.ok(&["users", "list", "--format", "json"]).objects();
    assert_eq!(column(&users, "klass"), ["x", "", "", "", "x"]);
}

#[test]
fn a_taken_username_fails_its_target_alone_and_targets_act_in_order() {
    let desk = Desk::with_users(3);
    // The second takes the name that the first gives up; the third wants one that is taken by then.
    let script = "user.username = {1: 'first', 2: 'user001', 3: 'first'}[user.obj_id]\n";
    for apply in [false, true] {
        let args: &[&str] = if apply { &["--all", "--apply", "--yes"] } else { &["--all"] };
        let run = desk.run(script, args).exits(3).object();
        let outcomes = desk.outcomes(&run);
        assert_eq!(column(&outcomes, "outcome"), ["changed", "changed", "failed"]);
        assert_eq!(column(&outcomes, "username"), [name(1), name(2), name(3)], "those before the run");
        assert!(outcomes[2]["error"]["message"].as_str().unwrap().contains("\"first\""), "{}", outcomes[2]);
    }
    let users = desk.ok(&["users", "list", "--format", "json"]).objects();
    assert_eq!(column(&users, "username"), ["first", "user001", "user003"]);
}

#[test]
fn a_script_knows_its_run() {
    let desk = Desk::with_users(2);
    let script = "result.update(id=run.id, preview=run.preview, now=run.now, by=run.administrator, row=row,\n\
                  \x20             params=params, aware=run.now.utcoffset() is not None)\n";
    let preview = desk.run(script, &["--all"]).exits(0).object();
    let applied = desk.apply(script, 0);
    for (run, is_preview) in [(&preview, true), (&applied, false)] {
        for outcome in desk.outcomes(run) {
            let result = &outcome["result"];
            assert_eq!((&result["id"], &result["preview"]), (&run["run_id"], &json!(is_preview)));
            assert_eq!(result["by"], run["administrator"]);
            assert_eq!((&result["row"], &result["params"]), (&json!({}), &json!({})));
            let moment = |value: &Value| rollcall_testkit::time(value.as_str().unwrap());
            assert_eq!(moment(&result["now"]), moment(&run["created_at"]), "one for the whole run");
            assert_eq!(result["aware"], true);
        }
    }
}

#[test]
fn the_report_for_people_names_the_counts_the_changes_and_the_failures() {
    let desk = desk_for_tenths();
    desk.write("tenth.py", EVERY_TENTH);
    let report = desk.call(&["run", "tenth.py", "--all"]).exits(3).out;
    for part in ["Run 1", "tenth.py", "50 users", "changed 45", "failed 5", "klass", "ValueError", "line 5"] {
        assert!(report.contains(part), "{part}: {report}");
    }
    let again: String = report.split_inclusive('\n').filter(|line| !line.contains("--apply")).collect();
    assert_eq!(desk.ok(&["runs", "show", "1"]).out, again, "runs show tells it again");
}

/// Takes long for every user, and says so in nobody's favour: whoever looks finds it half way.
const SLOW: &str = "\
import time
time.sleep(0.2)
user.klass = 'slow'
user.profile_add(short_name='plus')
user.attribute_add('Class', 'slow', '+=')
";

/// A run of [`SLOW`] over 300 users, which would take a minute, as the leader of a process group of its own.
fn slow_run() -> (Desk, Child) {
    let desk = Desk::with_users(300);
    desk.ok(&["profiles", "add", "plus"]);
    desk.write("slow.py", SLOW);
    let args = ["run", "slow.py", "--all", "--apply", "--yes", "--json", "--workers", "1"];
    let child = start(desk.command(&args).process_group(0));
    desk.wait_for_outcomes(1);
    (desk, child)
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().try_into().unwrap())
}

/// Every user has all of the script's changes and an outcome that says so, or neither; how many have.
fn all_or_nothing(desk: &Desk, outcomes: &[Value]) -> usize {
    let changed: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome["outcome"] == "changed")
        .map(|outcome| outcome["obj_id"].clone())
        .collect();
    for user in desk.ok(&["users", "list", "--format", "json"]).objects() {
        let has = (
            user["klass"] == "slow",
            user["profiles"] == json!(["plus"]),
            user["attributes"] == json!([{"attr": "Class", "operation": "+=", "value": "slow"}]),
        );
        let expected = changed.contains(&user["obj_id"]);
        assert_eq!(has, (expected, expected, expected), "{user}");
    }
    changed.len()
}

#[test]
fn ctrl_c_cancels_a_run_in_good_order() {
    let (desk, child) = slow_run();
    // As a terminal does it: the whole group gets the signal, the workers included.
    killpg(pid(&child), Signal::SIGINT).unwrap();
    let run = finish(child).exits(1).object();
    assert_eq!(run["state"], "cancelled");
    assert_eq!(run["targets"], 300);
    assert_eq!(desk.runs(), std::slice::from_ref(&run));

    let outcomes = desk.outcomes(&run);
    assert_eq!(column(&outcomes, "target"), (1..=300).collect::<Vec<_>>(), "each target once, in order");
    let changed = all_or_nothing(&desk, &outcomes);
    assert!((1..300).contains(&changed), "{changed}");
    let not_run = desk.ok(&["runs", "outcomes", "1", "--outcome", "not_run", "--format", "json"]).objects();
    assert_eq!(not_run, outcomes[changed..], "the rest");
    assert_eq!(column(&not_run, "outcome"), vec!["not_run"; 300 - changed]);
    assert_eq!(count(&run, "changed"), changed as u64);
    assert_eq!(count(&run, "not_run"), 300 - changed as u64);
    assert_eq!(column(&not_run, "username"), (changed + 1..=300).map(name).collect::<Vec<_>>());
}

#[test]
fn a_terminate_signal_to_the_process_alone_cancels_too() {
    let (desk, child) = slow_run();
    kill(pid(&child), Signal::SIGTERM).unwrap();
    let run = finish(child).exits(1).object();
    assert_eq!(run["state"], "cancelled");
    assert_eq!(all_or_nothing(&desk, &desk.outcomes(&run)) as u64, count(&run, "changed"));
}

#[test]
fn ctrl_c_does_not_wait_for_the_user_whose_turn_it_is() {
    let desk = Desk::with_users(2);
    desk.write("asleep.py", "import time\nif user.obj_id == 2: time.sleep(80_000)\nuser.klass = 'x'\n");
    let args = ["run", "asleep.py", "--all", "--apply", "--yes", "--json", "--time-limit", "24h"];
    let child = start(desk.command(&args).process_group(0));
    desk.wait_for_outcomes(1);
    killpg(pid(&child), Signal::SIGINT).unwrap();
    let run = finish(child).exits(1).object();
    assert_eq!(run["state"], "cancelled");
    assert_eq!(column(&desk.outcomes(&run), "outcome"), ["changed", "not_run"]);
    assert_eq!(desk.user(&name(2))["klass"], "");
}

#[test]
fn a_killed_run_is_interrupted_and_leaves_nobody_half_changed() {
    let (desk, mut child) = slow_run();
    assert_eq!(column(&desk.runs(), "state"), ["running"], "seen by another process");
    child.kill().unwrap();
    let done = finish(child);
    assert_eq!((done.code, done.out.as_str()), (None, ""), "it had no time to say anything");

    let runs = desk.runs();
    assert_eq!(column(&runs, "state"), ["interrupted"]);
    let outcomes = desk.outcomes(&runs[0]);
    let changed = all_or_nothing(&desk, &outcomes);
    assert!((1..300).contains(&changed), "{changed}");
    assert_eq!(count(&runs[0], "changed"), changed as u64, "counters are sums of outcomes");
    assert_eq!(desk.ok(&["runs", "show", "1", "--format", "json"]).object(), runs[0]);

    // Nothing is in the way of the next run, which finds everybody as the outcomes say.
    let next = desk.apply("if user.klass == 'slow': skip('done')\nuser.klass = 'later'", 0);
    assert_eq!((count(&next, "skipped"), count(&next, "changed")), (changed as u64, 300 - changed as u64));
    assert_eq!(column(&desk.runs(), "state"), ["finished", "interrupted"]);
}

/// Starts a run in which the third of three users takes long unless somebody has written `marker` into its
/// description, and comes back while it does: by then all three are loaded and the first has its outcome.
fn run_that_waits(desk: &Desk) -> Child {
    let script = "\
        import time\n\
        if user.obj_id == 3 and user.description != 'marker': time.sleep(15)\n\
        user.klass = 'gold'\n\
        result['description'] = user.description\n";
    desk.write("waits.py", script);
    let args = ["run", "waits.py", "--all", "--apply", "--yes", "--json", "--time-limit", "60s"];
    let child = start(&mut desk.command(&args));
    desk.wait_for_outcomes(1);
    child
}

#[test]
fn an_edit_by_hand_while_a_run_applies_survives_beside_the_runs_change() {
    let desk = Desk::with_users(3);
    let child = run_that_waits(&desk);
    // Of somebody who had their turn, and of somebody whose turn it is.
    for n in [1, 3] {
        desk.ok(&["users", "set", &name(n), "description=marker", "is_active=false"]);
    }
    let run = finish(child).exits(0).object();
    assert_eq!(count(&run, "changed"), 3);
    for n in [1, 3] {
        let user = desk.user(&name(n));
        assert_eq!((&user["description"], &user["is_active"]), (&json!("marker"), &json!(false)));
        assert_eq!(user["klass"], "gold");
    }
    let results = column(&desk.outcomes(&run), "result");
    assert_eq!(results[2]["description"], "marker", "the script was executed again, on the fresh row");
    assert_eq!(desk.user(&name(2))["klass"], "gold");
}

#[test]
fn a_user_who_is_removed_while_a_run_applies_is_a_conflict() {
    let desk = Desk::with_users(3);
    let child = run_that_waits(&desk);
    desk.ok(&["users", "remove", &name(3), "--yes"]);
    let run = finish(child).exits(3).object();
    let outcomes = desk.outcomes(&run);
    assert_eq!(column(&outcomes, "outcome"), ["changed", "changed", "conflict"]);
    assert_eq!(outcomes[2]["obj_id"], 3);
    assert_ne!(outcomes[2]["error"], Value::Null);
    desk.call(&["users", "show", &name(3)]).exits(1);
}

#[test]
fn two_runs_at_once_lose_no_change() {
    let desk = Desk::with_users(40);
    let begin = |field: &str| -> Child {
        let file = format!("{field}.py");
        desk.write(&file, format!("import time\ntime.sleep(0.02)\nuser.{field} = 'mine'\n"));
        start(&mut desk.command(&["run", &file, "--all", "--apply", "--yes", "--json"]))
    };
    let runs = [begin("klass"), begin("description")];
    let ended: Vec<Value> =
        runs.map(|child| -> Done { finish(child).exits(0) }).iter().map(Done::object).collect();
    assert_eq!(column(&ended, "state"), ["finished", "finished"]);
    for user in desk.ok(&["users", "list", "--format", "json"]).objects() {
        assert_eq!((&user["klass"], &user["description"]), (&json!("mine"), &json!("mine")), "{user}");
    }
}
