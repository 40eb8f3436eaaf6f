//! A run that is taken over from a process that only seemed gone: that one writes nothing more, and says why.

use std::process::Child;

use crate::common::{Desk, Done, column, finish, start, wait_until};
use crate::state::{Run, Users, check, newest, number, objects, users};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Slow enough that whoever looks finds it half way.
const SLOW: &str = "\
import time
time.sleep(0.02)
user.username_length += 1
user.attribute_add('Class', str(user.username_length), '+=')
user.profile_add(short_name='plus')
";

const APPLY: &str = "run script.py --all --apply --yes --json --workers 1";

fn desk(users: usize) -> Desk {
    let desk = Desk::on_file().and_users(users);
    desk.ok(&["profiles", "add", "plus"]);
    desk.write("script.py", SLOW);
    desk
}

/// Starts a command that commits every `chunk` outcomes.
fn begin(desk: &Desk, line: &str, chunk: usize) -> Child {
    begin_with(desk, line, &format!("chunk_size=return({chunk})"))
}

fn begin_with(desk: &Desk, line: &str, points: &str) -> Child {
    let mut command = desk.command(&line.split(' ').collect::<Vec<_>>());
    start(command.env("FAILPOINTS", points))
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().try_into().unwrap())
}

/// A process that stands still in the middle of its run, as on a machine that swaps or was suspended.
struct Stopped {
    child: Child,
    run: i64,
}

impl Stopped {
    /// Starts a run and stops its process between two chunks.
    fn new(desk: &Desk, line: &str, chunk: usize) -> Self {
        let database = desk.database();
        let earlier = newest(&database);
        // After every commit it rests for a moment, so it is found between two even where no script takes its time.
        let child = begin_with(desk, line, &format!("chunk_size=return({chunk});after_commit=sleep(10)"));
        wait_until("the run has its first outcomes", || {
            number(&database, &format!("SELECT count(*) FROM outcomes WHERE run_id > {earlier}")) > 0
        });
        desk.stop(child.id());
        let run = Run::of(&database, newest(&database));
        assert_eq!(run.state(), "running");
        assert!(run.number("cursor") < run.number("targets"), "it was faster: {:?}", run.0);
        Self { child, run: run.id() }
    }

    /// Lets half a minute pass, as far as the database knows.
    fn was_not_heard_of(&self, desk: &Desk) {
        let query = "UPDATE runs SET leased_until = created_at WHERE id = ?1";
        assert_eq!(desk.database().execute(query, [self.run]).unwrap(), 1);
        assert_eq!(desk.runs()[0]["state"], "interrupted");
    }

    fn resume(&self) -> String {
        format!("runs resume {} --json", self.run)
    }

    fn goes_on(self) -> Done {
        kill(pid(&self.child), Signal::SIGCONT).unwrap();
        finish(self.child)
    }
}

/// It says what has become of its run, and nothing else.
fn assert_lost(done: &Done, run: i64) {
    assert_eq!((done.code, done.out.as_str()), (Some(1), ""), "{done:?}");
    let said = format!("error: run {run} has been ended or taken over by another process\n");
    assert!(done.err.ends_with(&said), "{done:?}");
}

/// Every table that a run writes.
fn everything(desk: &Desk) -> Vec<Vec<serde_json::Map<String, serde_json::Value>>> {
    let database = desk.database();
    ["users", "user_profiles", "user_items", "runs", "targets", "outcomes", "timelines", "planned_names"]
        .map(|table| objects(&database, &format!("SELECT * FROM {table}")))
        .into()
}

/// Everybody was counted once more than before.
fn assert_counted_once(before: &Users, after: &Users) {
    for (id, user) in after {
        let counted = user.number("username_length") - before[id].number("username_length");
        assert_eq!(counted, 1, "user {id}");
    }
}

#[test]
fn a_run_is_not_taken_from_a_process_that_may_live() {
    let desk = desk(150);
    let stopped = Stopped::new(&desk, APPLY, 4);
    let refused = finish(begin(&desk, &stopped.resume(), 4)).exits(1);
    let why = format!("run 1 is being executed by process {}", stopped.child.id());
    assert!(refused.sentence().starts_with(&why), "{refused:?}");
    let done = stopped.goes_on().exits(0);
    assert_eq!(done.object()["outcomes"]["changed"], 150, "nobody has disturbed it");
}

#[test]
fn a_process_whose_run_another_has_finished_writes_nothing_more() {
    let desk = desk(150);
    let before = users(&desk.database());
    let stopped = Stopped::new(&desk, APPLY, 4);
    stopped.was_not_heard_of(&desk);
    let resumed = finish(begin(&desk, &stopped.resume(), 4)).exits(0).object();
    assert_eq!(resumed["outcomes"]["changed"], 150);
    let finished = everything(&desk);
    assert_lost(&stopped.goes_on(), 1);
    assert_eq!(everything(&desk), finished);
    let after = check(&desk.database(), 1, &before).unwrap();
    assert_counted_once(&before, &after);
}

#[test]
fn of_two_processes_at_one_run_only_the_later_writes() {
    let desk = desk(150);
    let before = users(&desk.database());
    let stopped = Stopped::new(&desk, APPLY, 4);
    stopped.was_not_heard_of(&desk);
    let later = begin(&desk, &stopped.resume(), 4);
    let database = desk.database();
    wait_until("the run is taken over", || number(&database, "SELECT token FROM runs") == 2);
    // Both have the same next targets at hand from here on.
    assert_lost(&stopped.goes_on(), 1);
    let run = finish(later).exits(0).object();
    assert_eq!(run["outcomes"]["changed"], 150);
    let after = check(&database, 1, &before).unwrap();
    assert_counted_once(&before, &after);
}

#[test]
fn a_process_whose_run_was_cancelled_meanwhile_writes_nothing_more() {
    let desk = desk(150);
    let before = users(&desk.database());
    let stopped = Stopped::new(&desk, APPLY, 4);
    stopped.was_not_heard_of(&desk);
    assert_eq!(desk.ok(&["runs", "cancel", "1", "--json"]).object()["state"], "cancelled");
    let cancelled = everything(&desk);
    // It says what has become of its run.
    assert_eq!(stopped.goes_on().exits(1).object()["state"], "cancelled");
    assert_eq!(everything(&desk), cancelled);
    check(&desk.database(), 1, &before).unwrap();
}

#[test]
fn a_plan_and_an_undo_that_are_taken_over_are_written_once() {
    let desk = desk(400);
    desk.write("script.py", SLOW.replace("time.sleep(0.02)", ""));
    let original = users(&desk.database());
    desk.ok(&["run", "script.py", "--all", "--json"]);
    for line in ["runs apply 1 --yes --json", "runs undo 2 --apply --yes --json"] {
        let before = users(&desk.database());
        let stopped = Stopped::new(&desk, line, 1);
        let run = stopped.run;
        stopped.was_not_heard_of(&desk);
        let resumed = finish(begin(&desk, &stopped.resume(), 50)).exits(0).object();
        assert_eq!(resumed["outcomes"]["changed"], 400);
        let finished = everything(&desk);
        assert_lost(&stopped.goes_on(), run);
        assert_eq!(everything(&desk), finished);
        check(&desk.database(), run, &before).unwrap();
    }
    assert_eq!(crate::state::contents(&users(&desk.database())), crate::state::contents(&original));
}

#[test]
fn of_two_who_go_on_with_a_run_at_once_one_does() {
    let desk = desk(150);
    let before = users(&desk.database());
    let mut child = begin(&desk, APPLY, 4);
    desk.wait_for_outcomes(1);
    child.kill().unwrap();
    assert_eq!(finish(child).code, None);
    assert_eq!(column(&desk.runs(), "state"), ["interrupted"]);

    let both = [(); 2].map(|()| begin(&desk, "runs resume 1 --json", 4)).map(finish);
    let (went_on, refused): (Vec<_>, Vec<_>) = both.into_iter().partition(|done| done.code == Some(0));
    assert_eq!((went_on.len(), refused.len()), (1, 1), "{went_on:?} {refused:?}");
    let why = refused[0].sentence();
    let known = ["by somebody else already", "is being executed", "has finished"];
    assert!(known.iter().any(|known| why.contains(known)), "{why}");
    let after = check(&desk.database(), 1, &before).unwrap();
    assert_counted_once(&before, &after);
}
