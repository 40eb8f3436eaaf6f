//! Moving to another database: from a file to the tests' server if there is one, else to another file.

use crate::common::{Desk, Done, column, finish, keys, name, start, wait_until};
use rollcall_testkit::PgDatabase;
use serde_json::{Value, json};

const USERS: usize = 120;

/// A file with users, and where they move.
struct Move {
    desk: Desk,
    server: Option<PgDatabase>,
}

impl Move {
    fn new() -> Self {
        let desk = Desk::on_file();
        desk.ok(&["profiles", "add", "plus"]);
        let row =
            |n| format!("{0},canary-of-a-user-{n},2026-01-0{1},plus,Class := {n}\n", name(n), n % 9 + 1);
        let rows: String = (1..=USERS).map(row).collect();
        desk.import(format!("username,password,last_login,profiles,attributes\n{rows}"));
        Self { desk, server: PgDatabase::fresh() }
    }

    fn from(&self) -> String {
        format!("sqlite:{}", self.desk.path("rollcall.db").display())
    }

    fn to(&self) -> String {
        let file = || format!("sqlite:{}", self.desk.path("new.db").display());
        self.server.as_ref().map_or_else(file, PgDatabase::url)
    }

    /// Dies or fails where `points` say so.
    fn migrate(&self, points: &str) -> Done {
        let mut command = self.desk.command(&["migrate", "--to", &self.to(), "--json"]);
        finish(start(command.env("FAILPOINTS", format!("copy_rows=return(50);{points}"))))
    }

    #[track_caller]
    fn moved(&self) -> Value {
        let report = self.migrate("").exits(0).object();
        assert_eq!(report["equal"], true, "{report}");
        report
    }

    /// A command on the new database.
    fn there(&self, args: &[&str]) -> Done {
        self.desk.call(&[args, &["--database", &self.to()]].concat())
    }

    /// Everything about the users that anybody is shown.
    fn exports(&self) -> [String; 2] {
        [self.desk.export(), self.there(&["users", "export"]).exits(0).out]
    }

    /// Tries until it is half a copy of which something is there.
    fn half(&self, place: &str, how: &str, check: impl Fn(&Done)) {
        let mut commits = 0;
        let mut goes_on = false;
        while !goes_on {
            let done = self.migrate(&format!("{place}={commits}*off->{how}"));
            check(&done);
            goes_on = done.err.contains("going on");
            commits += 3;
        }
        assert!(self.is_half());
    }

    fn is_half(&self) -> bool {
        let half = format!("this database is only half a copy of {}", self.from());
        let done = self.there(&["users", "list"]);
        done.code == Some(1) && done.sentence().starts_with(&half)
    }
}

#[test]
fn everything_moves_and_goes_on_in_its_new_place() {
    let stage = Move::new();
    let Move { desk, .. } = &stage;
    let preview =
        desk.run("user.klass = 'gold'\nuser.profile_remove(short_name='plus')", &["--all"]).exits(0);
    let preview = preview.object();
    desk.apply("user.first_name = 'Ana' if user.obj_id > 3 else ''", 0);
    desk.ok(&["filters", "save", "gold", "klass eq \"gold\""]);
    desk.ok(&["scripts", "save", "extend", "--sample", "extend-by-days"]);
    desk.ok(&["settings", "set", "prune_after", "90d"]);
    desk.ok(&["users", "set", &name(2), "description=by hand"]);
    desk.ok(&["users", "remove", &name(USERS), "--yes"]);
    let runs = desk.runs();

    let report = stage.moved();
    assert_eq!(keys(&report), ["equal", "from", "rows", "seconds", "tables", "to"]);
    assert_eq!(report["from"], "sqlite:rollcall.db");
    let table = |name: &str| {
        let tables = report["tables"].as_array().unwrap().iter();
        tables.clone().find(|table| table["table"] == name).cloned().unwrap()
    };
    let users = table("users");
    assert_eq!(
        keys(&users),
        ["checksum", "copied_checksum", "copied_rows", "equal", "rows", "table"],
        "{users}"
    );
    assert_eq!((&users["rows"], &users["copied_rows"]), (&json!(USERS - 1), &json!(USERS - 1)));
    assert_eq!(users["checksum"].as_str().unwrap().len(), 64);
    assert_eq!(table("targets")["rows"], 2 * USERS);

    let [here, there] = stage.exports();
    assert_eq!(here, there);
    let list = |args: &[&str]| stage.there(&[args, &["--format", "json"]].concat()).exits(0).objects();
    assert_eq!(list(&["runs", "list"]), runs);
    assert_eq!(list(&["settings", "list"])[0]["value"], "90d");
    assert_eq!(list(&["users", "history", &name(2)]).len(), 1);
    assert_eq!(
        stage.there(&["scripts", "show", "extend"]).exits(0).out,
        desk.ok(&["scripts", "show", "extend"]).out
    );

    // The plan was made before; those who were changed since are in conflict there as they would be here.
    let apply = ["runs", "apply", "1", "--yes", "--json", "--plan", preview["plan_hash"].as_str().unwrap()];
    let applied = stage.there(&apply).exits(3).object();
    let outcomes = &applied["outcomes"];
    assert_eq!(
        (&applied["run_id"], &outcomes["changed"], &outcomes["conflict"]),
        (&json!(3), &json!(2), &json!(118))
    );
    assert_eq!(list(&["users", "list", "--filter", "gold"]).len(), 2);
    for run in ["3", "2"] {
        stage.there(&["runs", "undo", run, "--apply", "--yes", "--json"]).exits(if run == "3" {
            0
        } else {
            3
        });
    }
    let users = list(&["users", "list"]);
    assert!(
        column(&users, "klass").iter().chain(&column(&users, "first_name")).all(|text| text == ""),
        "{users:?}"
    );
    assert_eq!(desk.export(), here, "the old database stays as it is");

    // A new user does not get the number of one who was removed.
    desk.write("one.csv", "username\nnew\n");
    stage.there(&["users", "import", "one.csv"]).exits(0);
    assert_eq!(list(&["users", "list", "--filter", "username eq \"new\""])[0]["obj_id"], USERS + 1);

    // And back into a file, with everybody's password.
    let back = format!("sqlite:{}", desk.path("back.db").display());
    let done = desk.call(&["migrate", "--from", &stage.to(), "--to", &back]).exits(0);
    assert!(done.out.starts_with("table              rows  checksum          equal\n"), "{}", done.out);
    assert!(done.err.contains(&format!("Next: export ROLLCALL_DATABASE={back}\n")), "{}", done.err);
    let passwords = |file: &str| -> Vec<(String, String)> {
        let database = rusqlite::Connection::open(desk.path(file)).unwrap();
        let mut query =
            database.prepare("SELECT username, password FROM users WHERE password IS NOT NULL").unwrap();
        query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(passwords("back.db"), passwords("rollcall.db"));
    assert_eq!(passwords("back.db")[1], (name(2), "canary-of-a-user-2".to_owned()));
}

#[test]
fn a_copy_that_dies_again_and_again_is_gone_on_with() {
    let stage = Move::new();
    stage.desk.apply("user.klass = 'gold'", 0);
    let here = stage.desk.export();
    let (mut half, mut gone_on) = (0, 0);
    for commits in (0..).step_by(7) {
        let place = ["after_commit", "before_commit"][commits % 2];
        let done = stage.migrate(&format!("{place}={commits}*off->return"));
        gone_on += usize::from(done.err.contains("going on where an earlier attempt was interrupted"));
        if done.code.is_some() {
            assert_eq!(done.exits(0).object()["equal"], true);
            break;
        }
        assert_eq!(done.out, "", "it had no time to say anything");
        if stage.is_half() {
            half += 1;
            let refused = stage.there(&["init"]).exits(1);
            assert!(refused.sentence().contains("which continues the copy"), "{refused:?}");
        } else if half > 0 {
            // It died when everything was done.
            break;
        }
    }
    assert!(half > 1 && gone_on > 0, "{half} {gone_on}");
    assert_eq!(stage.exports(), [here.clone(), here]);
}

#[test]
fn a_full_disk_leaves_half_a_copy_that_goes_on_when_there_is_room() {
    let stage = Move::new();
    stage.half("before_commit", "return(full)", |done| {
        assert_eq!((done.code, done.out.as_str()), (Some(1), ""), "{done:?}");
        assert!(done.err.contains("error: the disk is full"), "{done:?}");
    });
    stage.moved();
    let [here, there] = stage.exports();
    assert_eq!(here, there);
}

#[test]
fn what_changes_between_two_attempts_is_copied_anew() {
    let stage = Move::new();
    stage.half("after_commit", "return", |done| assert_eq!(done.code, None));
    stage.desk.ok(&["users", "set", &name(1), "klass=gold"]);
    let done = stage.migrate("").exits(0);
    assert!(
        done.err.contains("since then users, edits, audit, audit_head changed: everything is copied anew"),
        "{done:?}"
    );
    let [here, there] = stage.exports();
    assert_eq!(here, there);
}

#[test]
fn while_a_process_is_at_a_run_nothing_is_copied() {
    let stage = Move::new();
    let Move { desk, .. } = &stage;
    desk.write("waits.py", "import time\ntime.sleep(80_000 if user.obj_id == 3 and not user.description else 0.1)\nuser.klass = 'x'");
    let args = [
        "run",
        "waits.py",
        "--workers",
        "1",
        "--time-limit",
        "24h",
        "--filter",
        "obj_id le 5",
        "--apply",
        "--yes",
    ];
    let mut child = start(&mut desk.command(&args));
    wait_until("the run has begun", || desk.runs().len() == 1);
    desk.wait_for_outcomes(2);
    let refused = stage.migrate("").exits(1);
    let pid = child.id();
    assert!(
        refused.err.contains(&format!("error: run 1 is being executed by process {pid} on ")),
        "{refused:?}"
    );
    assert_eq!(refused.hints(), ["cancel the run: rollcall runs cancel 1"]);
    child.kill().unwrap();
    finish(child);

    // Interrupted, it moves, and goes on there.
    stage.moved();
    assert_eq!(
        stage.there(&["runs", "show", "1", "--format", "json"]).exits(0).object()["state"],
        "interrupted"
    );
    stage.there(&["users", "set", &name(3), "description=go"]).exits(0);
    stage.there(&["runs", "resume", "1"]).exits(0);
    let users = stage.there(&["users", "list", "--filter", "klass eq \"x\"", "--format", "json"]).objects();
    assert_eq!(column(&users, "obj_id"), [1, 2, 3, 4, 5]);
}

#[test]
fn what_cannot_be_copied_is_refused_in_words() {
    let stage = Move::new();
    let Move { desk, .. } = &stage;
    let refused = |args: &[&str], code: i32, part: &str| {
        let done = desk.call(&[&["migrate"], args].concat()).exits(code);
        assert!(done.refusal().contains(part), "{done:?}");
    };
    let same = desk.path("../").join(desk.path("rollcall.db"));
    refused(&["--to", &format!("sqlite:{}", same.display())], 1, "is the database that is to be copied");
    refused(&["--from", "sqlite:none.db", "--to", "sqlite:new.db"], 1, "there is no database none.db");
    refused(&["--to", "new.db"], 2, "write sqlite:new.db");
    refused(&["--from", "new.db", "--to", "sqlite:new.db"], 2, "write sqlite:new.db");
    refused(&[], 2, "--to");
    refused(
        &["--to", "postgres://rollcall@127.0.0.1:1/rollcall"],
        1,
        "cannot use postgres://rollcall@127.0.0.1:1/rollcall",
    );
    assert!(!desk.path("new.db").exists(), "nothing was made");
    stage.moved();
    refused(&["--to", &stage.to()], 1, "is not empty, there are rows in its table organizations");
}
