//! Runs that end early, and what becomes of the rest: cancelled from another process, gone on with, or tried again.

use std::process::Child;

use crate::common::{Desk, Done, column, finish, name, start, wait_until};
use serde_json::{Value, json};

/// Takes a moment for each user, so that one after the other is told of, and for ever for the third, unless somebody has
/// written `go` into the description by then.
const WAITS: &str = "\
import time
time.sleep(80_000 if user.obj_id == 3 and user.description != 'go' else 0.1)
user.klass = 'done'
user.username_length += 1
";

/// Starts a script of which the third target does not end, and comes back when the first two are committed.
fn half_way(desk: &Desk, script: &str, args: &[&str]) -> Child {
    let runs = desk.runs().len();
    desk.write("waits.py", script);
    let common = ["run", "waits.py", "--json", "--workers", "1", "--time-limit", "24h"];
    let child = start(&mut desk.command(&[&common[..], args].concat()));
    wait_until("the run has begun", || desk.runs().len() > runs);
    desk.wait_for_outcomes(2);
    child
}

/// Ends a process as a crash of the machine would.
fn crash(mut child: Child) {
    child.kill().unwrap();
    assert_eq!(finish(child).out, "", "it had no time to say anything");
}

fn users(desk: &Desk) -> Vec<Value> {
    desk.ok(&["users", "list", "--format", "json"]).objects()
}

fn runs(desk: &Desk, command: &str, run: i64, args: &[&str]) -> Done {
    desk.call(&[&["runs", command, &run.to_string()], args].concat())
}

#[track_caller]
fn refused(desk: &Desk, command: &str, run: i64, args: &[&str]) -> String {
    let before = desk.runs();
    let done = runs(desk, command, run, args).exits(1);
    assert_eq!(desk.runs(), before);
    done.sentence().to_owned()
}

const APPLY: [&str; 3] = ["--all", "--apply", "--yes"];

#[test]
fn a_cancel_from_another_process_ends_a_run_whose_script_spins() {
    let desk = Desk::with_users(4);
    let spins = "import time\ntime.sleep(0.1)\nuser.klass = 'done'\nwhile user.obj_id == 3: pass\n";
    let child = half_way(&desk, spins, &APPLY);
    let cancelled = desk.ok(&["runs", "cancel", "1", "--json"]).object();
    let run = finish(child).exits(1).object();
    assert_eq!(run, cancelled, "both say the same");
    assert_eq!((&run["state"], &run["mode"]), (&json!("cancelled"), &json!("apply")));
    assert_eq!((&run["outcomes"]["changed"], &run["outcomes"]["not_run"]), (&json!(2), &json!(2)));
    let by = run["administrator"].as_str().unwrap();
    assert_eq!(run["note"], format!("cancelled by {by}; what was done before stays done"));
    assert_eq!(column(&desk.outcomes(&run), "outcome"), ["changed", "changed", "not_run", "not_run"]);
    assert_eq!(column(&users(&desk), "klass"), ["done", "done", "", ""]);

    assert_eq!(refused(&desk, "cancel", 1, &[]), "run 1 was cancelled already");
    assert_eq!(
        refused(&desk, "resume", 1, &[]),
        "run 1 was cancelled, which is for good: start a new run of what is left with 'rollcall runs retry 1 --not-run'"
    );
}

#[test]
fn a_preview_is_cancelled_likewise_and_so_is_a_run_that_nobody_executes() {
    let desk = Desk::with_users(4);
    let child = half_way(&desk, WAITS, &["--all"]);
    desk.ok(&["runs", "cancel", "1"]);
    let preview = finish(child).exits(1).object();
    assert_eq!((&preview["mode"], &preview["state"]), (&json!("preview"), &json!("cancelled")));

    crash(half_way(&desk, WAITS, &APPLY));
    let told = desk.ok(&["runs", "cancel", "2"]);
    assert!(told.err.contains("run 2 is cancelled: changed 2 · not run 2"), "{told:?}");

    desk.run("user.klass = 'canary'", &["--all", "--apply", "--yes", "--canary", "1"]).exits(1);
    let stopped = desk.ok(&["runs", "cancel", "3", "--json"]).object();
    assert_eq!((&stopped["state"], &stopped["outcomes"]["not_run"]), (&json!("cancelled"), &json!(3)));
    desk.apply("pass", 0);
    assert_eq!(refused(&desk, "cancel", 4, &[]), "run 4 has finished already");
    assert_eq!(refused(&desk, "cancel", 5, &[]), "there is no run 5");
}

#[test]
fn what_had_no_turn_is_run_anew() {
    let desk = Desk::with_users(4);
    let child = half_way(&desk, WAITS, &APPLY);
    assert_eq!(
        refused(&desk, "retry", 1, &["--not-run", "--yes"]),
        "run 1 is still running: wait for its end"
    );
    desk.ok(&["runs", "cancel", "1"]);
    finish(child);
    desk.ok(&["users", "set", &name(3), "description=go"]);
    let refusal = runs(&desk, "retry", 1, &["--not-run"]).exits(2);
    assert_eq!(refusal.sentence(), "a retry that writes without a terminal needs --yes");
    let rest = runs(&desk, "retry", 1, &["--not-run", "--yes", "--json"]).exits(0).object();
    assert_eq!((&rest["run"], &rest["mode"]), (&json!(2), &json!("apply")));
    assert_eq!(rest["selection"], json!({"outcomes": {"run": 1, "outcome": "not_run"}}));
    assert_eq!(column(&desk.outcomes(&rest), "username"), [name(3), name(4)]);
    assert_eq!(column(&users(&desk), "username_length"), [8, 8, 8, 8], "each once");
    assert_eq!(rest["settings"]["time_limit"], 86_400.0, "as long as the first run gave");
}

/// Fails and times out for some, by a parameter of each type and by the row.
const PICKY: &str = "\
import datetime
PARAMS = {'klass': {'type': str, 'default': 'unset'}, 'n': int, 'share': float, 'on': bool,
          'day': datetime.date, 'at': datetime.datetime, 'note': {'type': str, 'default': 'none'}}
result['params'] = {name: str(params[name]) for name in params}
result['row'] = dict(row)
if user.description != 'mended':
    if row['Do It'] == 'fail': fail('not yet')
    while row['Do It'] == 'spin': pass
    if row['Do It'] == 'skip': skip('never')
user.klass = params.klass
user.username_length += params.n
";

#[test]
fn what_failed_or_timed_out_is_run_anew_as_it_was() {
    let desk = Desk::with_users(5);
    desk.write("picky.py", PICKY);
    desk.ok(&["scripts", "save", "picky", "picky.py"]);
    desk.write(
        "rows.csv",
        "username,Do It\nuser001,work\nuser002,fail\nuser003,\"spin\"\nuser004,skip\nuser002,more\n",
    );
    let params = ["klass= a=b ", "n=-3", "share=1e-3", "on=no", "day=2026-12-31", "at=2026-12-31 18:00"];
    let mut args =
        vec!["run", "picky", "--csv", "rows.csv", "--apply", "--yes", "--json", "--time-limit", "2s"];
    args.extend(params.iter().flat_map(|param| ["--param", param]));
    let run = desk.call(&args).exits(3).object();
    let first = desk.outcomes(&run);
    assert_eq!(column(&first, "outcome"), ["changed", "failed", "timed_out", "skipped", "changed"]);

    // By now the script has another version, which is not the one that failed.
    desk.write("picky.py", "user.klass = 'wrong version'");
    desk.ok(&["scripts", "save", "picky", "picky.py"]);
    for n in [2, 3] {
        desk.ok(&["users", "set", &name(n), "description=mended"]);
    }
    let again = runs(&desk, "retry", 1, &["--yes", "--json"]).exits(0).object();
    assert_eq!((&again["mode"], &again["script_version"]), (&json!("apply"), &json!(1)));
    assert_eq!(again["selection"], json!({"retry": {"run": 1}}));
    for key in ["params", "settings"] {
        assert_eq!(again[key], run[key], "{key}");
    }
    let second = desk.outcomes(&again);
    assert_eq!(column(&second, "username"), [name(2), name(3)]);
    assert_eq!(column(&second, "row"), [first[1]["row"].clone(), first[2]["row"].clone()]);
    for outcome in &second {
        assert_eq!(outcome["result"]["params"], first[0]["result"]["params"]);
        assert_eq!(outcome["result"]["row"], outcome["row"]);
    }
    assert_eq!(column(&users(&desk), "klass"), [" a=b ", " a=b ", " a=b ", "", ""]);
    assert_eq!(column(&users(&desk), "username_length"), [4, 1, 4, 7, 7]);

    let nothing = runs(&desk, "retry", 2, &["--yes", "--json"]).exits(0).object();
    assert_eq!((&nothing["targets"], &nothing["state"]), (&json!(0), &json!("finished")));
}

#[test]
fn a_retry_of_a_preview_is_a_preview() {
    let desk = Desk::with_users(3);
    let script = "if user.obj_id == 2 and user.description == '': 1 / 0\nuser.klass = 'x'";
    desk.run(script, &["--all"]).exits(3);
    desk.ok(&["users", "set", &name(2), "description=mended"]);
    let before = desk.export();
    let again = runs(&desk, "retry", 1, &["--json"]).exits(0).object();
    assert_eq!((&again["mode"], &again["targets"]), (&json!("preview"), &json!(1)));
    assert_eq!(desk.export(), before);
    let args = ["--conflicts", "--not-run"];
    assert!(runs(&desk, "retry", 1, &args).exits(2).err.contains("cannot be used with"));
}

#[test]
fn a_retry_may_be_looked_at_first() {
    let desk = Desk::with_users(2);
    desk.apply("if user.description == '': fail('no')\nuser.klass = 'x'", 3);
    desk.ok(&["users", "set", &name(1), "description=mended"]);
    let before = desk.export();
    let preview = runs(&desk, "retry", 1, &["--preview", "--json"]).exits(3).object();
    assert_eq!((&preview["mode"], &preview["outcomes"]["changed"]), (&json!("preview"), &json!(1)));
    assert_eq!(desk.export(), before);
    desk.ok(&["runs", "apply", "2", "--yes"]);
    assert_eq!(column(&users(&desk), "klass"), ["x", ""]);
}

#[test]
fn conflicts_of_a_plan_are_run_anew_with_the_script() {
    let desk = Desk::with_users(3);
    desk.run("user.klass += 'x'", &["--all"]).exits(0);
    desk.ok(&["users", "set", &name(2), "klass=hand"]);
    runs(&desk, "apply", 1, &["--yes"]).exits(3);
    let again = runs(&desk, "retry", 2, &["--conflicts", "--yes", "--json"]).exits(0).object();
    assert_eq!((&again["applies"], &again["targets"]), (&Value::Null, &json!(1)));
    let report = desk.ok(&["runs", "show", "3"]).out;
    assert!(report.contains("what was in conflict in run 2"), "{report}");
    assert_eq!(column(&users(&desk), "klass"), ["x", "handx", "x"]);
}

#[test]
fn the_rest_of_a_plan_and_of_an_undo_goes_on_with_what_was_planned() {
    let desk = Desk::with_users(4);
    let before = column(&users(&desk), "description");
    let script = "import random\nuser.description = str(random.random())";
    let preview = desk.run(script, &["--all"]).exits(0).object();
    let planned: Vec<_> =
        desk.outcomes(&preview).iter().map(|outcome| outcome["changes"][0]["after"].clone()).collect();
    runs(&desk, "apply", 1, &["--yes", "--canary", "1"]).exits(1);
    runs(&desk, "cancel", 2, &[]).exits(0);
    assert_eq!(
        refused(&desk, "retry", 2, &["--not-run", "--preview"]),
        "what is left of run 2 is planned already: there is nothing to preview"
    );
    let rest = runs(&desk, "retry", 2, &["--not-run", "--yes", "--json"]).exits(0).object();
    assert_eq!((&rest["applies"], &rest["targets"]), (&json!(1), &json!(3)));
    assert_eq!(column(&users(&desk), "description"), planned);

    runs(&desk, "undo", 3, &["--apply", "--yes", "--canary", "2"]).exits(1);
    runs(&desk, "cancel", 4, &[]).exits(0);
    let refusal = refused(&desk, "retry", 4, &["--yes"]);
    assert!(refusal.contains("take run 3 back again with 'rollcall runs undo 3'"), "{refusal}");
    let rest = runs(&desk, "retry", 4, &["--not-run", "--yes", "--json"]).exits(0).object();
    assert_eq!((&rest["undoes"], &rest["targets"]), (&json!(3), &json!(1)));
    assert_eq!(column(&users(&desk), "description")[1..], before[1..]);
}

#[test]
fn the_rest_of_a_plan_is_refused_once_the_plan_was_pruned() {
    let desk = Desk::on_file().and_users(3);
    desk.run("user.klass = 'x'", &["--all"]).exits(0);
    runs(&desk, "apply", 1, &["--yes", "--canary", "1"]).exits(1);
    runs(&desk, "cancel", 2, &[]).exits(0);
    // The preview is long past, the run that applied it is not.
    desk.database().execute("UPDATE runs SET ended_at = 0 WHERE id = 1", []).unwrap();
    desk.ok(&["prune", "--older-than", "1h", "--yes"]);
    let refusal = refused(&desk, "retry", 2, &["--not-run", "--yes"]);
    assert!(refusal.starts_with("the outcomes of run 1 were pruned"), "{refusal}");
    assert_eq!(column(&users(&desk), "klass"), ["x", "", ""]);
}

#[test]
fn an_interrupted_run_goes_on_where_it_was() {
    let desk = Desk::with_users(5);
    crash(half_way(&desk, WAITS, &APPLY));
    assert_eq!(column(&desk.runs(), "state"), ["interrupted"]);
    let report = desk.ok(&["runs", "show", "1"]).out;
    assert!(report.contains("runs resume 1") && report.contains("runs cancel 1"), "{report}");
    desk.ok(&["users", "set", &name(3), "description=go"]);
    desk.write("waits.py", "user.klass = 'another script'");
    let run = runs(&desk, "resume", 1, &["--json"]).exits(0).object();
    assert_eq!((&run["run"], &run["state"], &run["targets"]), (&json!(1), &json!("finished"), &json!(5)));
    assert_eq!(run["outcomes"]["changed"], 5);
    assert_eq!(desk.runs(), [run], "the same run, not another one");
    assert_eq!(column(&users(&desk), "klass"), vec!["done"; 5]);
    assert_eq!(column(&users(&desk), "username_length"), vec![8; 5], "each once");
    assert_eq!(refused(&desk, "resume", 1, &[]), "run 1 has finished: nothing is left to be done");
    assert_eq!(refused(&desk, "resume", 2, &[]), "there is no run 2");
}

#[test]
fn a_run_that_is_being_executed_is_not_taken_over() {
    let desk = Desk::with_users(3);
    let child = half_way(&desk, WAITS, &APPLY);
    let refusal = runs(&desk, "resume", 1, &[]).exits(1);
    let process = format!("run 1 is being executed by process {} on ", child.id());
    assert!(refusal.sentence().starts_with(&process), "{refusal:?}");
    desk.ok(&["runs", "cancel", "1"]);
    assert_eq!(finish(child).exits(1).object()["outcomes"]["changed"], 2);
}

#[test]
fn of_two_who_resume_a_run_at_once_one_does() {
    let desk = Desk::with_users(4);
    crash(half_way(&desk, WAITS, &APPLY));
    // Slow enough for both to be there.
    let both =
        [(); 2].map(|()| start(&mut desk.command(&["runs", "resume", "1", "--json", "--time-limit", "1s"])));
    let mut done = both.map(finish);
    done.sort_by_key(|done| done.out.is_empty());
    let [won, lost] = done;
    let run = won.exits(3).object();
    assert_eq!((&run["outcomes"]["changed"], &run["outcomes"]["timed_out"]), (&json!(3), &json!(1)));
    let said = lost.exits(1).sentence().to_owned();
    assert!(said.starts_with("run 1 is being ") || said.starts_with("run 1 has finished"), "{said}");
    assert_eq!(column(&users(&desk), "username_length"), [8, 8, 7, 8]);
}

#[test]
fn a_crash_in_the_middle_of_one_users_rows_loses_and_doubles_nothing() {
    let script = "\
        import time\n\
        time.sleep(80_000 if row['n'] == '3' and user.description != 'go' else 0.1)\n\
        user.first_name += row['n']\n\
        user.attribute_add('Class', row['n'], ':=' if row['n'] == '4' else '+=')\n";
    let rows = "username,n\nuser001,1\nuser001,2\nuser001,3\nuser002,a\nuser001,4\nuser002,b\n";
    let desk = Desk::with_users(2);
    desk.write("rows.csv", rows);
    crash(half_way(&desk, script, &["--csv", "rows.csv", "--apply", "--yes"]));
    desk.ok(&["users", "set", &name(1), "description=go"]);
    // The file is not read again.
    desk.write("rows.csv", "");
    let run = runs(&desk, "resume", 1, &["--json"]).exits(0).object();
    assert_eq!(run["outcomes"]["changed"], 6);
    assert_eq!(column(&users(&desk), "first_name"), ["1234", "ab"]);
    desk.ok(&["runs", "undo", "1", "--apply", "--yes"]);
    assert_eq!(column(&users(&desk), "first_name"), ["", ""]);
    assert_eq!(column(&users(&desk), "attributes"), [json!([]), json!([])]);
}

#[test]
fn an_interrupted_preview_has_a_whole_plan_when_it_has_gone_on() {
    let desk = Desk::with_users(4);
    crash(half_way(&desk, WAITS, &["--all"]));
    let preview = runs(&desk, "resume", 1, &["--json", "--time-limit", "2s"]).exits(3).object();
    assert_eq!((&preview["mode"], &preview["state"]), (&json!("preview"), &json!("finished")));
    assert_eq!(preview["settings"]["time_limit"], 2.0);
    let applied = runs(&desk, "apply", 1, &["--yes", "--json"]).exits(0).object();
    assert_eq!(column(&desk.outcomes(&applied), "username"), [name(1), name(2), name(4)]);
    assert_eq!(column(&users(&desk), "klass"), ["done", "done", "", "done"]);
}

#[test]
fn a_stopped_run_is_gone_on_with_without_another_yes() {
    let desk = Desk::with_users(5);
    let args = ["--all", "--apply", "--yes", "--canary", "2"];
    let stopped = desk.run("user.username_length += 1", &args).exits(1).object();
    assert_eq!(stopped["state"], "stopped");
    let run = runs(&desk, "resume", 1, &["--json"]).exits(0).object();
    assert_eq!((&run["state"], &run["outcomes"]["changed"]), (&json!("finished"), &json!(5)));
    assert_eq!(column(&users(&desk), "username_length"), vec![8; 5]);
}

#[test]
fn a_run_to_which_nobody_has_said_yes_asks_when_it_is_resumed() {
    let desk = Desk::on_file().and_users(2);
    desk.run("user.klass = 'x'", &["--all", "--apply", "--yes", "--canary", "1"]).exits(1);
    // As if its process had died at the question: no test sits at a terminal.
    let host = nix::unistd::gethostname().unwrap();
    let before_the_machine_was_restarted = format!("another:1@{}/1/1", host.to_string_lossy());
    let question = "UPDATE runs SET state = 'selecting', holder = ?1, ended_at = NULL";
    desk.database().execute(question, [before_the_machine_was_restarted]).unwrap();
    assert_eq!(column(&desk.runs(), "state"), ["interrupted"]);
    let refusal = runs(&desk, "resume", 1, &[]).exits(2);
    assert_eq!(
        refusal.sentence(),
        "nobody has said yes to run 1 yet: going on with it without a terminal needs --yes"
    );
    let run = runs(&desk, "resume", 1, &["--yes", "--json"]).exits(0).object();
    assert_eq!(run["state"], "finished");
}

#[test]
fn every_command_that_makes_or_ends_a_run_prints_one_object() {
    let desk = Desk::with_users(3);
    let object = |args: &[&str]| desk.call(&[args, &["--json"]].concat()).object();
    let script = "if user.obj_id == 2 and user.description == '': fail('no')\nuser.klass += 'x'";
    desk.run(script, &["--all"]);
    let ids = [
        object(&["runs", "apply", "1", "--yes", "--canary", "1"]),
        object(&["runs", "resume", "2"]),
        object(&["runs", "undo", "2"]),
        object(&["runs", "undo", "2", "--apply", "--yes", "--canary", "1"]),
        object(&["runs", "cancel", "4"]),
        object(&["runs", "retry", "1"]),
    ];
    assert_eq!(column(&ids, "run"), [2, 2, 3, 4, 4, 5]);
    for run in &ids {
        assert_eq!(crate::common::keys(run), crate::common::keys(&desk.runs()[0]));
    }
}
