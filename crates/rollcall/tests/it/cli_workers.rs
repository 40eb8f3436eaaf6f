//! Workers: who executes what others have started, and how that is seen.

use crate::common::workers::{Worker, done_by};
use crate::common::{Desk, column, finish, start, wait_until};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// Slow enough that a few hundred users are worth sharing.
const SLOW: &str = "import time\ntime.sleep(0.02)\nuser.username_length += 1\n";

const QUEUE: [&str; 4] = ["--all", "--apply", "--yes", "--queue"];

fn workers(desk: &Desk) -> Vec<Value> {
    desk.ok(&["workers", "list", "--format", "json"]).objects()
}

#[track_caller]
fn show(desk: &Desk, run: i64) -> Value {
    desk.ok(&["runs", "show", &run.to_string(), "--format", "json"]).object()
}

/// Starts a run for workers, and says its number.
#[track_caller]
fn queue(desk: &Desk, script: &str, args: &[&str]) -> i64 {
    let queued = desk.run(script, args).exits(0).object();
    queued["run_id"].as_i64().unwrap()
}

fn watch(desk: &Desk, run: i64) -> crate::common::Done {
    desk.call(&["runs", "watch", &run.to_string(), "--json"])
}

/// Waits until so many outcomes of a run are committed, by whomever.
fn wait_for(desk: &Desk, run: i64, outcomes: u64) {
    let store = desk.store();
    wait_until("outcomes are committed", || {
        store.runs().by_id(run).unwrap().unwrap().tally.total() >= outcomes
    });
}

/// Everybody was counted exactly once.
fn assert_counted_once(desk: &Desk, users: usize) {
    let counted = column(&desk.ok(&["users", "list", "--format", "json"]).objects(), "username_length");
    assert_eq!(counted, vec![json!(8); users], "user001 has seven, and one more");
}

#[test]
fn a_queued_run_waits_for_a_worker_which_is_seen_at_it() {
    let desk = Desk::with_users(20);
    let queued = desk.run("user.klass = 'seen'", &QUEUE).exits(0);
    assert!(queued.err.contains("waits for a worker, and none is there"), "{queued:?}");
    let run = queued.object()["run_id"].as_i64().unwrap();
    assert_eq!(queued.object()["state"], "queued");
    assert_eq!(show(&desk, run)["state"], "queued");
    assert_eq!(workers(&desk), [] as [Value; 0]);

    let worker = Worker::start(&desk);
    let ended = watch(&desk, run).exits(0).object();
    assert_eq!((&ended["state"], &ended["outcomes"]["changed"]), (&json!("finished"), &json!(20)));
    let there = workers(&desk);
    assert_eq!(column(&there, "process"), [json!(worker.pid())]);
    assert!(["idle", "working"].contains(&there[0]["state"].as_str().unwrap()), "{there:?}");
    let queued = desk.run("pass", &["--all", "--queue"]).exits(0);
    assert!(!queued.err.contains("warning"), "{queued:?}");
    watch(&desk, queued.object()["run_id"].as_i64().unwrap()).exits(0);

    let said = worker.drain().exits(0);
    assert_eq!((said.out.as_str(), done_by(&said)), ("", 40), "{said:?}");
    assert_eq!(workers(&desk), [] as [Value; 0]);
}

#[test]
fn a_run_is_shared_and_a_worker_that_is_told_to_end_leaves_the_rest_to_others() {
    let desk = Desk::with_users(900);
    for user in 1..=900 {
        assert_eq!(crate::common::name(user).len(), 7);
    }
    let run = {
        let script = format!("user.username_length = 7\n{SLOW}");
        queue(&desk, &script, &QUEUE)
    };
    let (one, two, three) = (Worker::start(&desk), Worker::start(&desk), Worker::start(&desk));
    let store = desk.store();
    wait_until("all three are at it", || store.chunks().holders().unwrap().len() == 3);
    wait_for(&desk, run, 150);
    let one = one.drain().exits(0);
    watch(&desk, run).exits(0);
    let [two, three] = [two, three].map(|worker| worker.drain().exits(0));
    let done = [&one, &two, &three].map(done_by);
    assert_eq!(done.iter().sum::<u64>(), 900, "{done:?}");
    assert!(done.iter().all(|done| *done > 0), "{done:?}");
    assert_counted_once(&desk, 900);
}

#[test]
fn what_a_killed_command_was_at_is_done_by_a_worker_of_its_machine_at_once() {
    let desk = Desk::with_users(400);
    desk.write("script.py", format!("user.username_length = 7\n{SLOW}"));
    let mut alone =
        start(&mut desk.command(&["run", "script.py", "--all", "--apply", "--yes", "--workers", "1"]));
    desk.wait_for_outcomes(1);
    alone.kill().unwrap();
    finish(alone);
    let worker = Worker::start(&desk);
    let run = desk.runs()[0]["run_id"].as_i64().unwrap();
    wait_until("the worker goes on with it", || show(&desk, run)["state"] == "finished");
    assert!(done_by(&worker.drain().exits(0)) > 0);
    assert_counted_once(&desk, 400);
}

#[test]
fn what_a_killed_server_was_at_goes_on_when_it_is_started_again() {
    let desk = Desk::with_users(400);
    let serve = || {
        let args = ["serve", "--listen", "127.0.0.1:0", "--workers", "1"];
        Worker::of(&mut desk.command(&args))
    };
    let server = serve();
    let run = queue(&desk, &format!("user.username_length = 7\n{SLOW}"), &QUEUE);
    wait_for(&desk, run, 1);
    server.kill();
    let killed = desk.store().runs().by_id(run).unwrap().unwrap();
    assert!(killed.left() > 0, "{:?}", killed.tally);
    assert_eq!(show(&desk, run)["state"], "interrupted");
    let server = serve();
    wait_until("it goes on with it by itself", || show(&desk, run)["state"] == "finished");
    let done = done_by(&server.drain().exits(0));
    assert_eq!(done + killed.tally.total(), 400, "what was done was not done again");
    assert_counted_once(&desk, 400);
}

#[test]
fn a_command_and_a_worker_share_a_run() {
    let desk = Desk::with_users(600);
    desk.write("script.py", format!("user.username_length = 7\n{SLOW}"));
    let worker = Worker::start(&desk);
    wait_until("the worker is there", || workers(&desk).len() == 1);
    let run = desk.call(&["run", "script.py", "--all", "--apply", "--yes", "--workers", "1", "--json"]);
    assert_eq!(run.exits(0).object()["outcomes"]["changed"], 600);
    let helped = done_by(&worker.drain().exits(0));
    assert!((1..600).contains(&helped), "{helped}");
    assert_counted_once(&desk, 600);
}

#[test]
fn a_cancel_reaches_every_worker_at_once() {
    let desk = Desk::with_users(900);
    let run = queue(&desk, SLOW, &QUEUE);
    let both = [Worker::start(&desk), Worker::start(&desk)];
    wait_for(&desk, run, 50);
    let id = run.to_string();
    desk.ok(&["runs", "cancel", &id]);
    // From here on nobody has any of it, whatever else a machine may be at.
    assert_eq!(desk.store().chunks().holders().unwrap(), [] as [String; 0]);
    let before = show(&desk, run);
    wait_until("both are idle", || column(&workers(&desk), "state") == ["idle", "idle"]);
    let cancelled = show(&desk, run);
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(cancelled["outcomes"], before["outcomes"], "nothing was written any more");
    for worker in both {
        worker.drain().exits(0);
    }
}

#[test]
fn brakes_count_what_all_workers_have_done() {
    let desk = Desk::with_users(400);
    let run = queue(&desk, SLOW, &[&QUEUE[..], &["--max-changes", "123"]].concat());
    let three = [Worker::start(&desk), Worker::start(&desk), Worker::start(&desk)];
    watch(&desk, run).exits(1);
    let stopped = show(&desk, run);
    assert_eq!((&stopped["state"], &stopped["outcomes"]["changed"]), (&json!("stopped"), &json!(123)));
    assert_eq!(stopped["end_reason"], "as many users are changed as the limit allows (123)");
    for worker in three {
        worker.drain().exits(0);
    }
}

#[test]
fn a_canary_is_a_canary_for_workers_too() {
    let desk = Desk::with_users(60);
    let run = queue(&desk, "user.klass = 'x'", &[&QUEUE[..], &["--canary", "7"]].concat());
    let workers = [Worker::start(&desk), Worker::start(&desk)];
    watch(&desk, run).exits(1);
    let stopped = show(&desk, run);
    assert_eq!((&stopped["state"], &stopped["outcomes"]["changed"]), (&json!("stopped"), &json!(7)));
    desk.ok(&["runs", "resume", &run.to_string()]);
    assert_eq!(show(&desk, run)["outcomes"]["changed"], 60);
    for worker in workers {
        worker.drain().exits(0);
    }
}

#[test]
fn a_small_run_is_not_stuck_behind_a_large_one() {
    let desk = Desk::with_users(900);
    let large = queue(&desk, SLOW, &QUEUE);
    let worker = Worker::start(&desk);
    wait_for(&desk, large, 1);
    let small = queue(&desk, "user.klass = 'x'", &["--filter", "obj_id le 3", "--apply", "--yes", "--queue"]);
    assert_eq!(watch(&desk, small).exits(0).object()["outcomes"]["changed"], 3);
    let behind = desk.store().runs().by_id(large).unwrap().unwrap();
    assert!(behind.left() > 0, "the small one has ended first: {:?}", behind.tally);
    // The large one goes on; a second one like it has its turns, too.
    let second = queue(&desk, SLOW, &["--all", "--queue"]);
    wait_for(&desk, second, 1);
    let at = desk.store().runs().by_id(large).unwrap().unwrap();
    assert!(at.left() > 0, "{:?}", at.tally);
    wait_for(&desk, large, at.tally.total() + 1);
    assert!(desk.store().runs().by_id(second).unwrap().unwrap().left() > 0);
    for run in [large, second] {
        desk.ok(&["runs", "cancel", &run.to_string()]);
    }
    let ended =
        [large, second, small].map(|run| desk.store().runs().by_id(run).unwrap().unwrap().tally.total());
    assert_eq!(done_by(&worker.drain().exits(0)), ended.iter().sum::<u64>(), "nothing was done twice");
}

#[test]
fn the_rows_of_one_user_stay_in_order_whoever_executes_them() {
    let desk = Desk::with_users(40);
    // Every user comes five times, far apart.
    let rows: String = (0..200).map(|n| format!("{},{n}\n", crate::common::name(n % 40 + 1))).collect();
    desk.write("rows.csv", format!("username,n\n{rows}"));
    let script = "import time\ntime.sleep(0.03)\nuser.description += row['n'] + ' '";
    let run = queue(&desk, script, &["--csv", "rows.csv", "--apply", "--yes", "--queue"]);
    let mut all = vec![Worker::start(&desk), Worker::start(&desk), Worker::start(&desk)];
    wait_for(&desk, run, 20);
    // Whoever has it is gone, and another goes on.
    let holder = desk.store().runs().by_id(run).unwrap().unwrap().holder.unwrap();
    let at = all.iter().position(|worker| holder.contains(&format!("/{}/", worker.pid()))).unwrap();
    all.remove(at).kill();
    assert_eq!(watch(&desk, run).exits(0).object()["outcomes"]["changed"], 200);
    for n in 0..40 {
        let wanted: String = (0..5).map(|round| format!("{} ", n + 40 * round)).collect();
        assert_eq!(desk.user(&crate::common::name(n + 1))["description"], wanted);
    }
    for worker in all {
        worker.drain().exits(0);
    }
}

#[test]
fn a_plan_is_applied_and_taken_back_by_workers() {
    let desk = Desk::with_users(100);
    let before = desk.export();
    let workers = [Worker::start(&desk), Worker::start(&desk)];
    let preview = queue(&desk, "user.klass = 'new'", &["--all", "--queue"]);
    watch(&desk, preview).exits(0);
    let apply = |args: &[&str]| {
        let made = desk.ok(&[args, &["--yes", "--queue", "--json"]].concat()).object();
        let run = made["run_id"].as_i64().unwrap();
        assert_eq!(watch(&desk, run).exits(0).object()["outcomes"]["changed"], 100);
        run.to_string()
    };
    let applied = apply(&["runs", "apply", &preview.to_string()]);
    assert_eq!(desk.user("user001")["klass"], "new");
    apply(&["runs", "undo", &applied, "--apply"]);
    assert_eq!(without_times(&desk.export()), without_times(&before));
    for worker in workers {
        worker.drain().exits(0);
    }
}

/// An export without the column that tells when users were written.
fn without_times(export: &str) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> =
        export.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
    let at = rows[0].iter().position(|column| column == "last_update").unwrap();
    rows.iter_mut().for_each(|row| drop(row.remove(at)));
    rows
}

#[test]
fn a_worker_that_stalls_past_its_lease_writes_nothing_more_of_what_it_had() {
    let desk = Desk::with_users(300);
    let run = queue(&desk, &format!("user.username_length = 7\n{SLOW}"), &QUEUE);
    let stalled = Worker::start(&desk);
    wait_for(&desk, run, 20);
    desk.stop(stalled.pid());
    let other = Worker::start(&desk);
    watch(&desk, run).exits(0);
    stalled.signal(Signal::SIGCONT);
    let (stalled, other) = (stalled.drain().exits(0), other.drain().exits(0));
    assert_eq!(done_by(&stalled) + done_by(&other), 300, "{stalled:?} {other:?}");
    assert_counted_once(&desk, 300);
}

#[test]
fn a_worker_says_at_once_that_scripts_cannot_be_executed() {
    let desk = Desk::with_users(1);
    let refused = desk.call(&["worker", "--python", "/nowhere/python3"]).exits(1);
    assert!(refused.err.contains("/nowhere/python3"), "{refused:?}");
    let refused = desk.call(&["worker", "--lease", "10ms"]).exits(2);
    assert!(refused.err.contains("a lease lies between 1s and 10m"), "{refused:?}");
}
