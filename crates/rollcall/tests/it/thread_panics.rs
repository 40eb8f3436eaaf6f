//! Panics in each thread of a run and of a worker. The run ends with an error, and after `runs resume` it is as if
//! nothing had happened. A command that hangs is killed by `finish` and has no exit status.

use crate::common::workers::Worker;
use crate::common::{Desk, Done, column, finish, start, wait_until};
use serde_json::{Value, json};

const USERS: usize = 12;
/// Outcomes that are committed at once.
const CHUNK: usize = 4;
const SCRIPT: &str = "user.username_length += 1\nuser.klass = 'seen'\n";

fn desk() -> Desk {
    let desk = Desk::with_users(USERS);
    desk.write("script.py", SCRIPT);
    desk
}

fn command(desk: &Desk, line: &str, points: &str) -> Done {
    let mut command = desk.command(&line.split(' ').collect::<Vec<_>>());
    command.env("FAILPOINTS", format!("chunk_size=return({CHUNK});{points}"));
    finish(start(&mut command))
}

#[track_caller]
fn assert_users_have(desk: &Desk, klass: &Value, length: u64) {
    let users = desk.ok(&["users", "list", "--format", "json"]).objects();
    assert_eq!(column(&users, "klass"), vec![klass.clone(); USERS]);
    assert_eq!(column(&users, "username_length"), vec![json!(length); USERS]);
}

/// Every user has been changed exactly once: their names have seven characters.
#[track_caller]
fn assert_changed_once(desk: &Desk) {
    assert_users_have(desk, &json!("seen"), 8);
}

fn newest(desk: &Desk) -> Value {
    desk.runs().remove(0)
}

/// `line` makes a run, at which a thread panics; the run is stopped and says why, and resuming it completes it.
#[track_caller]
fn panics_and_resumes(desk: &Desk, line: &str, point: &str, thread: &str) -> Value {
    let earlier = desk.runs().len();
    let done = command(desk, line, point);
    assert_eq!(done.code, Some(1), "{point}: {done:#?}");
    let reason = format!("internal error in the {thread} thread: failpoint ");
    assert!(done.err.contains(&reason), "{point}: {done:#?}");
    assert_eq!(desk.runs().len(), earlier + 1, "{point}");
    let run = newest(desk);
    assert_eq!(run["state"], "stopped", "{point}: {run}");
    assert!(run["end_reason"].as_str().unwrap().starts_with(&reason), "{point}: {run}");
    command(desk, &format!("runs resume {} --json", run["run_id"]), "").exits(0);
    assert_eq!(newest(desk)["state"], "finished", "{point}");
    run
}

#[test]
fn run_is_stopped_when_one_of_its_threads_panics_and_can_be_resumed() {
    for (point, thread) in [
        ("thread.loader=panic", "loader"),
        ("thread.worker=panic", "worker"),
        // After the first target: later on, all may be done already.
        ("thread.worker=1*off->panic", "worker"),
        ("thread.committer=panic", "committer"),
        ("thread.committer=1*off->panic", "committer"),
    ] {
        let desk = desk();
        let line = "run script.py --all --apply --yes --json --workers 1";
        panics_and_resumes(&desk, line, point, thread);
        assert_changed_once(&desk);
    }
}

#[test]
fn applied_plan_and_undo_are_stopped_when_one_of_their_threads_panics_and_can_be_resumed() {
    for (point, thread) in [
        ("thread.replay_loader=panic", "loader"),
        ("thread.replay_loader=1*off->panic", "loader"),
        ("thread.replay_committer=panic", "committer"),
        ("thread.replay_committer=1*off->panic", "committer"),
    ] {
        let desk = desk();
        command(&desk, "run script.py --all --json", "").exits(0);
        panics_and_resumes(&desk, "runs apply 1 --yes --json", point, thread);
        assert_changed_once(&desk);
        panics_and_resumes(&desk, "runs undo 2 --apply --yes --json", point, thread);
        assert_users_have(&desk, &json!(""), 7);
    }
}

#[test]
fn run_is_not_started_when_every_worker_thread_panics() {
    let desk = desk();
    let done = command(&desk, "run script.py --all --apply --yes", "thread.worker_start=panic").exits(1);
    assert!(done.err.contains("error: internal error in the worker thread"), "{done:#?}");
    assert_eq!(desk.runs(), [] as [Value; 0]);
    // One of several is enough.
    command(&desk, "run script.py --all --apply --yes --workers 2", "thread.worker_start=1*panic").exits(0);
    assert_changed_once(&desk);
}

#[test]
fn worker_survives_panics_of_its_threads_and_stops_the_run_that_panics() {
    for point in ["thread.worker_loop=1*panic", "thread.loader=1*panic", "thread.committer=1*panic"] {
        let desk = desk();
        command(&desk, "run script.py --all --apply --yes --queue --json", "").exits(0);
        let mut command = desk.command(&["worker", "--workers", "1", "--lease", "1s"]);
        let threads = "thread.heartbeat=1*panic;thread.listener=1*panic;thread.pruning=1*panic";
        command.env("FAILPOINTS", format!("{threads};{point}"));
        let worker = Worker::of(&mut command);
        wait_until("the run is stopped", || newest(&desk)["state"] == "stopped");
        let reason = newest(&desk)["end_reason"].as_str().unwrap().to_owned();
        assert!(reason.starts_with("internal error in the "), "{point}: {reason}");
        desk.ok(&["runs", "resume", "1", "--json"]);
        assert_changed_once(&desk);
        // The worker takes the next run.
        let queued = desk.run("user.email = 'x@example.com'", &["--all", "--apply", "--yes", "--queue"]);
        let run = queued.exits(0).object()["run_id"].to_string();
        desk.ok(&["runs", "watch", &run]);
        assert_eq!(desk.user("user001")["email"], "x@example.com");
        let said = worker.drain().exits(0);
        for thread in ["heartbeat", "listener", "pruning"] {
            let told = format!("warning: internal error in the {thread} thread");
            assert!(said.err.contains(&told), "{point}: {said:#?}");
        }
    }
}
