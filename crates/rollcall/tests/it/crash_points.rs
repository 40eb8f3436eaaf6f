//! Lets runs die, or find the disk full, at every place where they write, and at every time that they come there; each
//! has to come to the same end as one that nothing disturbed.
#![allow(clippy::print_stdout, reason = "long loops show how far they are")]

use crate::common::{Desk, Done, finish, start};
use crate::state::{Run, Users, check, check_integrity, newest, objects, users};
use rusqlite::Connection;
use serde_json::{Map, Value};

const USERS: usize = 12;
/// Outcomes that are committed at once.
const CHUNK: usize = 4;

/// Writes to every table and names no time, so that it does the same whenever it is executed.
const SCRIPT: &str = "\
if user.obj_id == 5: fail('never')
if user.obj_id == 6: skip('not now')
user.username_length += 1
count = str(user.username_length)
user.klass = 'class ' + count
user.username = 'x' + user.username
user.profile_add(short_name='plus')
user.attribute_add('Class', count, '+=')
user.check_attribute_add('Max-Daily-Session', count, ':=')
result['count'] = count
print(user.username)
if row: user.description += row['note']
";

const APPLY: &str = "run script.py --all --apply --yes --json --workers 1";

/// Where a process dies, and at least how often a run comes there: when it is made, at each chunk, at its end.
const PLACES: [(&str, usize); 4] = [
    ("before_commit", USERS / CHUNK + 2),
    ("after_commit", USERS / CHUNK + 2),
    ("commit_chunk.users", USERS / CHUNK),
    ("commit_chunk.outcomes", USERS / CHUNK),
];

/// A database from which a run starts that is to be disturbed.
struct Trial {
    original: Desk,
    /// What makes the run.
    line: &'static str,
    before: Users,
    /// The database after the run that nothing disturbed.
    undisturbed: End,
}

/// What has to be the same however a run came to its end.
#[derive(Debug, PartialEq)]
struct End {
    users: Users,
    run: Map<String, Value>,
    outcomes: Vec<Map<String, Value>>,
}

fn end(database: &Connection) -> End {
    let mut run = Run::of(database, newest(database)).0;
    let outcomes = format!("SELECT * FROM outcomes WHERE run_id = {} ORDER BY seq", run["id"]);
    let mut outcomes = objects(database, &outcomes);
    // What differs: when, how long and by whom.
    for column in ["created_at", "ended_at", "millis", "token", "braked_from"] {
        run.remove(column).unwrap();
    }
    for outcome in &mut outcomes {
        outcome.remove("micros").unwrap();
        outcome.remove("written_at").unwrap();
    }
    let mut users = users(database);
    users.values_mut().for_each(|user| user.last_update = 0);
    End { users, run, outcomes }
}

fn command(desk: &Desk, line: &str, points: &str) -> Done {
    let mut command = desk.command(&line.split(' ').collect::<Vec<_>>());
    command.env("FAILPOINTS", format!("chunk_size=return({CHUNK});{points}"));
    finish(start(&mut command))
}

impl Trial {
    /// Prepares a database with `first`, and does there what is to be disturbed.
    fn new(first: &[&str], line: &'static str) -> Self {
        let original = Desk::on_file().and_users(USERS);
        original.ok(&["profiles", "add", "plus"]);
        original.write("script.py", SCRIPT);
        let row = |n| format!("{},note {n}\n", [1, 2, 1, 7, 2, 1][n % 6]);
        original.write("rows.csv", format!("obj_id,note\n{}", (0..USERS).map(row).collect::<String>()));
        for line in first {
            let done = command(&original, line, "");
            assert!(matches!(done.code, Some(0 | 3)), "{done:?}");
        }
        let before = users(&original.database());
        // All of it into the one file that is copied.
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let left: i64 = original.database().query_row(checkpoint, [], |row| row.get(1)).unwrap();
        assert_eq!(left, 0);
        let twin = copy(&original);
        let done = command(&twin, line, "");
        assert!(matches!(done.code, Some(0 | 3)), "{done:?}");
        let database = twin.database();
        check(&database, newest(&database), &before).unwrap();
        Self { original, line, before, undisturbed: end(&database) }
    }

    /// Disturbs the run at every place, at each time that it comes there.
    fn disturb(&self, how: &str, check_death: impl Fn(&Done, Option<&Run>)) {
        for (place, least) in PLACES {
            let mut time = 0;
            while self.disturbed_at(place, time, how, &check_death) {
                time += 1;
                assert!(time < 100, "it never comes to an end");
            }
            println!("{}: {place} {how}, {time} times", self.line);
            assert!(time >= least, "{place}: only {time} times");
        }
    }

    /// False if the run came to its end before.
    fn disturbed_at(
        &self,
        place: &str,
        time: usize,
        how: &str,
        check_death: &impl Fn(&Done, Option<&Run>),
    ) -> bool {
        let desk = copy(&self.original);
        let database = desk.database();
        let earlier = newest(&database);
        let points = if time == 0 { format!("{place}={how}") } else { format!("{place}={time}*off->{how}") };
        let done = command(&desk, self.line, &points);
        let survived = matches!(done.code, Some(0 | 3));
        let id = newest(&database);
        let run = (id > earlier).then(|| Run::of(&database, id));
        if !survived {
            check_death(&done, run.as_ref());
        }
        match run {
            Some(run) => {
                check(&database, id, &self.before).unwrap();
                if run.state() != "finished" {
                    let resumed = command(&desk, &format!("runs resume {id} --json"), "");
                    assert!(matches!(resumed.code, Some(0 | 3)), "{points}: {resumed:?}");
                }
            }
            // It died before there was a run.
            None => {
                assert_eq!(users(&database), self.before, "{points}");
                let again = command(&desk, self.line, "");
                assert!(matches!(again.code, Some(0 | 3)), "{points}: {again:?}");
            }
        }
        check_integrity(&database).unwrap();
        check(&database, newest(&database), &self.before).unwrap();
        assert_eq!(end(&database), self.undisturbed, "{points}");
        !survived
    }

    fn dies_everywhere(&self) {
        self.disturb("return", |done, run| {
            assert_eq!(
                (done.code, done.out.as_str()),
                (None, ""),
                "it had no time to say anything: {done:?}"
            );
            let state = run.map(Run::state);
            assert!(matches!(state, None | Some("running" | "finished")), "{state:?}");
        });
    }

    /// From then on, and only that once.
    fn finds_the_disk_full_everywhere(&self) {
        for how in ["return(full)", "1*return(full)->off"] {
            self.disturb(how, |done, run| {
                assert_eq!(done.code, Some(1), "{done:?}");
                assert!(done.err.contains("the disk is full"), "{done:?}");
                match run.map(Run::state) {
                    Some("stopped") => {
                        let note = run.unwrap().0["note"].as_str().unwrap();
                        assert!(note.starts_with("the disk is full"), "{note}");
                    }
                    // Not even its end could be written.
                    state => assert!(matches!(state, None | Some("running" | "finished")), "{state:?}"),
                }
            });
        }
    }
}

/// The same database in a folder of its own.
fn copy(desk: &Desk) -> Desk {
    let other = Desk::bare();
    for file in ["rollcall.db", "script.py", "rows.csv"] {
        std::fs::copy(desk.path(file), other.path(file)).unwrap();
    }
    other
}

fn script() -> Trial {
    Trial::new(&[], APPLY)
}

fn plan() -> Trial {
    Trial::new(&["run script.py --all --json"], "runs apply 1 --yes --json")
}

fn undo() -> Trial {
    Trial::new(&[APPLY], "runs undo 1 --apply --yes --json")
}

fn rows() -> Trial {
    Trial::new(&[], "run script.py --csv rows.csv --apply --yes --json --workers 1")
}

#[test]
fn a_run_that_dies_anywhere_is_gone_on_with_as_if_it_had_not() {
    script().dies_everywhere();
}

#[test]
fn a_run_over_rows_that_dies_anywhere_is_gone_on_with_as_if_it_had_not() {
    rows().dies_everywhere();
}

#[test]
fn a_plan_that_dies_anywhere_is_gone_on_with_as_if_it_had_not() {
    plan().dies_everywhere();
}

#[test]
fn an_undo_that_dies_anywhere_is_gone_on_with_as_if_it_had_not() {
    undo().dies_everywhere();
}

#[test]
fn a_run_that_finds_the_disk_full_says_so_and_is_gone_on_with() {
    script().finds_the_disk_full_everywhere();
}

#[test]
fn a_plan_that_finds_the_disk_full_says_so_and_is_gone_on_with() {
    plan().finds_the_disk_full_everywhere();
}

#[test]
fn an_undo_that_finds_the_disk_full_says_so_and_is_gone_on_with() {
    undo().finds_the_disk_full_everywhere();
}
