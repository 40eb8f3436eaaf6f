//! The command line against a server: what it prints, and how it ends, is what it is on the server's database.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use crate::common::server::{PASSWORD, Server, token};
use crate::common::terminal::at_terminal;
use crate::common::{Desk, Done, column, finish, start, wait_until, wait_until_it_heeds};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rust_xlsxwriter::{Formula, Workbook};
use serde_json::{Value, json};

const ALL: &str = "look,report,execute,edit-users,edit-scripts,administer";

/// A program with a token, which asks a server.
struct There<'a> {
    desk: &'a Desk,
    at: String,
    token: String,
}

impl<'a> There<'a> {
    fn new(desk: &'a Desk, server: &Server, name: &str, scope: &str) -> Self {
        let token = token(desk, name, scope).trim_start_matches("Bearer ").to_owned();
        Self { desk, at: server.at.clone(), token }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.desk.command(args);
        command.env_remove("ROLLCALL_DATABASE");
        command.env("ROLLCALL_SERVER", &self.at).env("ROLLCALL_TOKEN", &self.token);
        command
    }

    fn call(&self, args: &[&str]) -> Done {
        finish(start(&mut self.command(args)))
    }

    #[track_caller]
    fn ok(&self, args: &[&str]) -> Done {
        self.call(args).exits(0)
    }

    /// What comes of a command here and there, which must be the same.
    #[track_caller]
    fn same(&self, args: &[&str]) -> Done {
        self.same_as(&[], args)
    }

    /// The same, with more arguments here.
    #[track_caller]
    fn same_as(&self, only_here: &[&str], args: &[&str]) -> Done {
        let here = self.desk.call(&[only_here, args].concat());
        let there = self.call(args);
        assert_eq!((&here.out, &here.err, here.code), (&there.out, &there.err, there.code), "{args:?}");
        there
    }
}

/// Users of two organizations with all that can be kept about them, runs of every kind, and ana, who may do everything.
fn site() -> Desk {
    let desk = Desk::new();
    desk.ok(&[
        "profiles",
        "add",
        "gold",
        "--reply",
        "Session-Timeout := 60",
        "--check",
        "NAS-Port-Type == Ethernet",
    ]);
    desk.ok(&["organizations", "add", "North"]);
    desk.ok(&["profiles", "add", "n-plan", "--organization", "North"]);
    desk.import(
        "username,organization,klass,email,expiration,profiles,attributes,check_attributes\n\
         n1,North,gold,=1+1,2027-01-31,gold;n-plan,Class := x,NAS-Identifier == ap\n\
         n/2,North,,\"a,b@example.com\",,,,\n\
         s1,South,gold,,,gold,,\n",
    );
    desk.ok(&["users", "set", "n1", "klass=plus", "description=two\nlines"]);
    desk.ok(&["filters", "save", "golden", "klass eq \"gold\""]);
    desk.ok(&["filters", "save", "North:golden", "klass eq \"plus\""]);
    desk.write(
        "mark.py",
        "\"\"\"Mark.\"\"\"\nPARAMS = {'to': str}\nuser.klass = params.to\nresult['was'] = user.klass\n",
    );
    desk.write(
        "other.py",
        "\"\"\"Mark.\"\"\"\nPARAMS = {'to': str}\nuser.klass = params.to\nresult['b'] = 1.50\n",
    );
    desk.write(
        "mixed.py",
        "print('hm', user.username)\nif user.username == 's1': fail('no')\nif user.username == 'n1': skip('later')\n\
         user.klas = 1\nuser.attribute_add(attr='Class', value='y', operation=':=')\n",
    );
    desk.ok(&["scripts", "save", "mark", "mark.py", "--note", "first"]);
    desk.ok(&["scripts", "save", "mark", "other.py"]);
    desk.ok(&["scripts", "save", "North:mark", "mark.py"]);
    desk.ok(&["run", "mark@1", "--all", "--param", "to=seen"]);
    desk.ok(&["runs", "apply", "1", "--yes"]);
    desk.ok(&["runs", "undo", "2", "--user", "n1", "--apply", "--yes"]);
    desk.call(&["run", "mixed.py", "--all", "--apply", "--yes"]).exits(3);
    desk.write("rows.csv", "username,new\nn1,a\nn1,b\ns1,c\n");
    desk.write("rows.py", "user.klass = row['new']\nresult['row'] = row['new']\n");
    desk.call(&["run", "rows.py", "--csv", "rows.csv", "--canary", "1"]).exits(1);
    desk.ok(&["run", "mark.py", "--filter", "golden", "--param", "to=x", "--apply", "--yes", "--hold"]);
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    desk.ok(&["administrators", "add", "olga", "--grant", "operator@North", "--grant", "read-only"]);
    desk.ok(&["administrators", "add", "nora", "--grant", "operator@North"]);
    desk.ok(&["administrators", "add", "rita", "--grant", "read-only"]);
    desk
}

#[test]
fn what_is_looked_at_is_the_same_there() {
    let desk = site();
    desk.write("password", format!("{PASSWORD}\n"));
    desk.shell("rollcall administrators password olga < password").exits(0);
    token(&desk, "olga", "look");
    let server = Server::on(&desk);
    server.cookie("olga");
    server.cookie("olga");
    let ana = There::new(&desk, &server, "ana", ALL);
    let lists: &[&[&str]] = &[
        &["users", "list"],
        &["users", "list", "--limit", "2"],
        &["users", "list", "--filter", "golden"],
        &["users", "list", "--filter", "username sw \"n\" and klass pr"],
        &["users", "list", "--filter", "klass eq \"none of them\""],
        &["users", "show", "n1"],
        &["users", "show", "n/2"],
        &["users", "history", "n1"],
        &["users", "history", "--obj-id", "3"],
        &["users", "history", "--obj-id", "77"],
        &["organizations", "list"],
        &["profiles", "list"],
        &["profiles", "show", "gold"],
        &["filters", "list"],
        &["filters", "show", "North:golden"],
        &["scripts", "list"],
        &["scripts", "show", "mark"],
        &["scripts", "show", "mark", "--version", "1"],
        &["scripts", "history", "mark"],
        &["scripts", "samples"],
        &["settings", "list"],
        &["administrators", "list"],
        &["administrators", "sessions", "olga"],
        &["tokens", "list", "olga"],
        &["audit", "list"],
        &["audit", "list", "--actor", "ana"],
        &["audit", "list", "--action", "run-apply", "--limit", "1"],
        &["audit", "list", "--since", "2026-01-01"],
        &["runs", "list"],
    ];
    for list in lists {
        for format in ["table", "csv", "json"] {
            ana.same(&[list, &["--format", format][..]].concat()).exits(0);
        }
    }
    for run in ["1", "2", "3", "4", "5", "6"] {
        for format in ["table", "csv", "json"] {
            ana.same(&["runs", "show", run, "--format", format]).exits(0);
            ana.same(&["runs", "outcomes", run, "--format", format]).exits(0);
            ana.same(&["runs", "changes", run, "--format", format]).exits(0);
            ana.same(&["runs", "outcomes", run, "--outcome", "not-run", "--format", format]).exits(0);
        }
        ana.same(&["runs", "outcomes", run, "--format", "csv", "--raw"]).exits(0);
    }
    for user in ["n1", "n/2", "s1"] {
        ana.same(&["radius", "reply", user]).exits(0);
        ana.same(&["radius", "reply", user, "--json"]).exits(0);
    }
    ana.same(&["radius", "reply", "nobody"]).exits(1);
    ana.same(&["radius", "reply", "n1", "--preview", "1"]).exits(0);
    ana.same(&["radius", "reply", "n/2", "--preview", "1"]).exits(1);
    ana.same(&["radius", "reply", "n1", "--preview", "2"]).exits(1);
    ana.same(&["filters", "count", "golden"]).exits(0);
    ana.same(&["scripts", "diff", "mark"]).exits(0);
    ana.same(&["audit", "head"]).exits(0);
    ana.same(&["audit", "verify"]).exits(0);
    ana.same(&["audit", "verify", "--json"]).exits(0);
    for export in
        [&["users", "export"][..], &["users", "export", "--raw"], &["users", "export", "--format", "json"]]
    {
        ana.same(export).exits(0);
        ana.same(&[export, &["--filter", "golden"]].concat()).exits(0);
    }
    let book = ana.command(&["runs", "outcomes", "4", "--format", "xlsx"]).output().unwrap();
    assert!(book.status.success() && book.stdout.starts_with(b"PK"));
    let workers = ana.ok(&["workers", "list", "--format", "json"]).objects();
    assert_eq!(workers.len(), 1, "the server's own");
    assert_eq!(
        desk.ok(&["workers", "list", "--format", "json"]).objects()[0]["process"],
        workers[0]["process"]
    );
    ana.ok(&["audit", "export", "log.jsonl"]);
    let log = std::fs::read_to_string(desk.path("log.jsonl")).unwrap();
    let head = desk.ok(&["audit", "head"]).out;
    assert!(log.ends_with(&format!("{{\"head\":\"{}\"}}\n", head.trim())), "{head}");
    server.end();
}

#[test]
fn listings_that_are_long_come_in_parts() {
    let desk = Desk::with_users(1_250);
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    let server = Server::on(&desk);
    let ana = There::new(&desk, &server, "ana", ALL);
    assert_eq!(ana.same(&["users", "list", "--format", "csv"]).out.lines().count(), 1_251);
    ana.same(&["users", "list"]).exits(0);
    ana.same(&["users", "list", "--limit", "101", "--format", "json"]).exits(0);
    desk.run("user.klass = 'x'", &["--all", "--canary", "1200"]).exits(1);
    ana.same(&["runs", "outcomes", "1"]).exits(0);
    ana.same(&["runs", "show", "1"]).exits(0);
    // Who has seen enough ends a long answer.
    let mut child =
        ana.command(&["users", "export"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0; 10]).unwrap();
    let done = finish(child);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
}

#[test]
fn what_goes_wrong_is_told_the_same_there() {
    let desk = site();
    let server = Server::on(&desk);
    let ana = There::new(&desk, &server, "ana", ALL);
    desk.write("bad.py", "x = (\nuser.klass = = 1\n");
    desk.write("bad.csv", "username,klass,expiration\nu1,gold,\nu1,gold,2026-13-01\nu2,gold,soon\n");
    desk.write("many.csv", "username,organization\nu1,Nort\nu1,Nort\nu2,South \nu3,Nort\nu2,South,x\n");
    desk.write("empty.csv", "");
    let wrong: &[(&[&str], i32)] = &[
        (&["users", "show", "nobody"], 1),
        (&["users", "list", "--filter", "klas eq \"x\""], 2),
        (&["users", "list", "--filter", "goldne", "--format", "csv"], 2),
        (&["users", "export", "--filter", "klass ex 1"], 2),
        (&["users", "history", "nobody"], 1),
        (&["users", "set", "nobody", "klass=x"], 1),
        (&["users", "set", "n1", "klas=x", "obj_id=4", "expiration=soon", "klass"], 1),
        (&["users", "set", "n1", "klass=x", "klass=y"], 1),
        (&["users", "set", "n1", "username=s1"], 1),
        (&["users", "set", "n1", "username="], 1),
        (&["users", "remove", "nobody", "--yes"], 1),
        (&["users", "import", "bad.csv"], 1),
        (&["users", "import", "empty.csv"], 1),
        (&["users", "import", "bad.csv", "--encoding", "klingon"], 2),
        (&["users", "import", "many.csv"], 1),
        (&["users", "import", "many.csv", "--duplicates", "first"], 1),
        (&["users", "import", "missing.csv"], 1),
        (&["filters", "count", "klass eq"], 2),
        (&["filters", "show", "goldne"], 2),
        (&["filters", "remove", "goldne", "--yes"], 2),
        (&["filters", "save", "a b", "klass pr"], 1),
        (&["filters", "save", "fine", "klass"], 2),
        (&["organizations", "remove", "North", "--yes"], 1),
        (&["organizations", "rename", "North", "South"], 1),
        (&["organizations", "add", "North"], 1),
        (&["profiles", "show", "goldd"], 1),
        (&["profiles", "remove", "gold", "--yes"], 1),
        (&["profiles", "add", "gold"], 1),
        (&["scripts", "show", "marc"], 1),
        (&["scripts", "show", "mark", "--version", "9"], 1),
        (&["scripts", "save", "bad", "bad.py"], 1),
        (&["scripts", "restore", "mark", "9"], 1),
        (&["scripts", "remove", "marc", "--yes"], 1),
        (&["scripts", "test", "mark", "--user", "nobody", "--param", "to=x"], 1),
        (&["scripts", "test", "mark", "--user", "n1"], 2),
        (&["scripts", "test", "mixed.py", "--user", "n1", "--row", "a=1", "--row", "a=2"], 1),
        (&["run", "mark", "--all"], 2),
        (&["run", "marc", "--all"], 1),
        (&["run", "bad.py", "--all"], 1),
        (&["run", "mixed.py", "--filter", "klas eq 1"], 2),
        (&["run", "mixed.py", "--filter", "goldne"], 2),
        (&["run", "mixed.py", "--targets-from", "99:failed"], 1),
        (&["run", "mixed.py", "--all", "--apply"], 2),
        (&["runs", "show", "99"], 1),
        (&["runs", "outcomes", "99"], 1),
        (&["runs", "apply", "1", "--yes"], 1),
        (&["runs", "apply", "2", "--yes"], 1),
        (&["runs", "undo", "1", "--yes"], 1),
        (&["runs", "cancel", "1"], 1),
        (&["runs", "resume", "1", "--yes"], 1),
        (&["runs", "resume", "6", "--yes"], 1),
        (&["runs", "retry", "6", "--yes"], 1),
        (&["runs", "start", "6", "--targets", "77"], 1),
        (&["runs", "start", "1", "--targets", "3"], 1),
        (&["runs", "approve", "2", "--yes"], 1),
        (&["settings", "set", "prune_after", "soon"], 2),
        (&["prune"], 2),
        (&["tokens", "revoke", "ana", "99", "--yes"], 1),
        (&["tokens", "list", "nobody"], 1),
        (&["administrators", "sessions", "nobody"], 1),
        (&["administrators", "sessions", "ana", "--revoke", "99", "--yes"], 1),
        (&["administrators", "grant", "nobody", "author"], 1),
        (&["administrators", "grant", "rita", "autor"], 1),
        (&["administrators", "revoke", "rita", "author@North"], 1),
        (&["administrators", "add", "rita"], 1),
        (&["administrators", "remove", "ana", "--yes"], 1),
        (&["audit", "verify", "--head", &format!("3:{}", "0".repeat(64))], 1),
        (&["audit", "list", "--since", "soon"], 2),
    ];
    for (args, code) in wrong {
        ana.same(args).exits(*code);
    }
    // Who may not is told in the same words, and what is not theirs is not there.
    let rita = There::new(&desk, &server, "rita", ALL);
    let nora = There::new(&desk, &server, "nora", ALL);
    for args in [
        &["users", "set", "s1", "klass=x"][..],
        &["run", "mark.py", "--all", "--param", "to=x", "--apply", "--yes"],
        &["filters", "save", "mine", "klass pr"],
        &["audit", "head"],
        &["administrators", "list"],
        &["settings", "set", "prune_after", "90d"],
        &["runs", "cancel", "6"],
        &["users", "show", "s1"],
        &["users", "history", "--obj-id", "3"],
        &["users", "list", "--format", "csv"],
        &["organizations", "list"],
        &["filters", "list"],
        &["filters", "show", "golden"],
        &["scripts", "show", "mark", "--format", "json"],
        &["runs", "list", "--format", "json"],
        &["runs", "show", "1"],
    ] {
        // What is to be typed next names whoever is asked for here.
        if args[0] != "run" {
            nora.same_as(&["--as", "nora"], args);
        }
        if args[..2] != ["runs", "show"] {
            rita.same_as(&["--as", "rita"], args);
        }
    }
    let narrow = There::new(&desk, &server, "ana", "look");
    narrow.ok(&["users", "list"]);
    let refused = narrow.call(&["users", "set", "n1", "klass=x"]).exits(1);
    assert_eq!(
        refused.sentence(),
        "This token has the scopes look; this needs edit-users. Create a token with that scope."
    );
    server.end();
}

#[test]
fn everything_is_edited_from_there() {
    let desk = Desk::new();
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    let server = Server::on(&desk);
    let ana = There::new(&desk, &server, "ana", ALL);
    let says = |args: &[&str], said: &str| {
        let done = ana.ok(args);
        assert!(done.err.starts_with(said), "{args:?}: {}", done.err);
        done
    };
    says(&["organizations", "add", "North"], "organization 1 is \"North\"");
    says(&["organizations", "rename", "North", "East"], "organization \"North\" is now \"East\"");
    let profile = ["profiles", "add", "plus", "--reply", "Class := x", "--organization", "East"];
    says(&profile, "profile 1 is \"plus\"");
    desk.write("users.csv", "username,organization,klass,profiles\nu1,East,gold,plus\nu2,West,,\n");
    let bad = ana.call(&["users", "import", "users.csv", "--bad-rows", "bad-users.csv"]).exits(1);
    assert!(bad.err.contains("line 3, organization: there is no organization \"West\""), "{bad:?}");
    let bad = std::fs::read_to_string(desk.path("bad-users.csv")).unwrap();
    let why = "organization: there is no organization \"\"West\"\"";
    assert!(bad.ends_with(&format!("rollcall_reason\nu2,West,,,3,\"{why}\"\n")), "{bad}");
    assert_eq!(desk.call(&["users", "list", "--format", "json"]).objects().len(), 0);
    says(
        &["users", "import", "users.csv", "--create-organizations"],
        "organization \"West\" was made\n2 users imported in ",
    );
    let mut child = ana
        .command(&["users", "import", "-", "--encoding", "utf-8"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(&[b"username,klass,organization\nu3,", &[0xfc][..], b",East\n"].concat())
        .unwrap();
    let refused = finish(child).exits(1);
    assert!(refused.err.contains("UTF-8"), "{}", refused.err);
    let set = ["users", "set", "u1", "klass=plus", "is_active=false", "expiration=2027-01-01"];
    says(
        &set,
        "klass: \"gold\" → \"plus\"\nis_active: true → false\nexpiration: none → 2027-01-01 00:00 UTC",
    );
    says(&set, "nothing to change: u1 is like that already\n");
    assert_eq!(desk.user("u1")["klass"], "plus");
    says(&["users", "remove", "u2", "--yes"], "user \"u2\" is gone");
    desk.call(&["users", "show", "u2"]).exits(1);
    says(&["filters", "save", "off", "is_active eq false"], "filter off is saved\nit selects 1 user now");
    says(
        &["filters", "save", "off", "is_active eq true"],
        "filter off is replaced; it was: is_active eq false\n",
    );
    says(&["filters", "remove", "off", "--yes"], "filter off is gone");
    desk.write("s.py", "user.klas = 1\n");
    says(
        &["scripts", "save", "s", "s.py", "--note", "why"],
        "script s is saved as version 1\nwarning: s, line 1",
    );
    says(&["scripts", "save", "s", "--sample", "extend-by-days"], "script s is saved as version 2");
    says(&["scripts", "restore", "s", "1"], "script s is version 1 again, saved as version 3");
    says(&["scripts", "remove", "s", "--yes"], "script s is off the list; 'rollcall scripts restore s 3'");
    says(&["profiles", "add", "free"], "profile 2 is \"free\"");
    says(&["profiles", "remove", "free", "--yes"], "profile \"free\" is gone");
    says(&["organizations", "remove", "West", "--yes"], "organization \"West\" is gone");
    says(
        &["settings", "set", "prune_after", "90d"],
        "'rollcall prune', and a server or worker every hour, now removes",
    );
    says(&["settings", "set", "four_eyes_above", "10"], "a run that writes for more than 10 targets");
    ana.same(&["settings", "list"]).exits(0);
    assert_eq!(
        ana.ok(&["prune", "--json"]).object(),
        json!({"runs": 0, "rows": 0, "kept": 0, "logins": 0, "sessions": 0})
    );
    ana.ok(&["settings", "unset", "prune_after"]);
    ana.same(&["settings", "list"]).exits(0);
    server.end();
}

#[test]
fn users_are_given_passwords_and_previews_answer_from_there() {
    let desk = Desk::on_file().and_users(2);
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    let server = Server::on(&desk);
    let ana = There::new(&desk, &server, "ana", ALL);
    let kept = || -> (Option<String>, Option<String>) {
        let query = "SELECT password_scheme, password FROM users WHERE username = 'user001'";
        desk.database().query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    let set = |typed: &str, args: &[&str]| {
        desk.write("typed", format!("{typed}\n"));
        let mut command = ana.command(&[&["users", "password", "user001"], args].concat());
        command.stdin(std::fs::File::open(desk.path("typed")).unwrap());
        finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    };
    let set_to = |typed: &str, args: &[&str], scheme: &str, value: &str| {
        let done = set(typed, args).exits(0);
        assert!(done.err.contains(&format!("has another password, kept as {scheme}")), "{done:?}");
        assert_eq!(kept(), (Some(scheme.to_owned()), Some(value.to_owned())));
    };
    set_to("{clear}{crypt}odd", &[], "Cleartext-Password", "{crypt}odd");
    set_to("{nt}odd", &["--scheme", "Cleartext-Password"], "Cleartext-Password", "{nt}odd");
    let digest = "0cb6948805f797bf2a82807973b89537";
    set_to(digest, &["--scheme", "NT-Password"], "NT-Password", &format!("0x{digest}"));
    set("{nt}short", &[]).exits(1);
    ana.same(&["users", "password", "nobody", "--remove", "--yes"]).exits(1);
    assert_eq!(kept().1, Some(format!("0x{digest}")));
    ana.ok(&["users", "password", "user001", "--remove", "--yes"]);
    assert_eq!(kept().1, None);
    let audit = desk.ok(&["audit", "list", "--action", "user-password", "--format", "json"]).objects();
    assert_eq!(column(&audit, "subject"), ["user user001"; 4]);

    // From where somebody has made a run is recorded as well.
    desk.write("pass.py", "pass");
    ana.ok(&["run", "pass.py", "--all", "--apply", "--yes"]);
    desk.ok(&["--as", "ana", "run", "pass.py", "--all"]);
    let audit = desk.ok(&["audit", "list", "--action", "run-start", "--format", "json"]).objects();
    let account = desk.ok(&["audit", "list", "--action", "administrator-add", "--format", "json"]).objects();
    assert_eq!(column(&audit, "address"), [account[0]["actor"].clone(), json!("127.0.0.1")]);

    let script = "user.attribute_add('Session-Timeout', '60', ':=')";
    desk.run(script, &["--filter", "username eq \"user001\""]).exits(0);
    let planned = ana.same(&["radius", "reply", "user001", "--preview", "3", "--json"]).exits(0).object();
    assert_eq!(planned["before"]["items"], json!([]));
    assert_eq!(planned["after"]["items"][0]["attr"], "Session-Timeout");
    ana.same(&["radius", "reply", "user001", "--preview", "3"]).exits(0);
    ana.same(&["radius", "reply", "user002", "--preview", "3"]).exits(0);
    server.end();
}

#[test]
fn times_are_read_in_the_zone_of_whoever_types_them() {
    let desk = Desk::with_users(1);
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    let server = Server::with(&desk, &["--time-zone", "Asia/Tokyo"]);
    let ana = There::new(&desk, &server, "ana", ALL);
    let expires = |zone: &[&str]| {
        ana.ok(&[&["users", "set", "user001", "expiration=2027-01-01"], zone].concat());
        let filter = "expiration eq \"2027-01-01\"";
        assert_eq!(ana.ok(&[&["filters", "count", filter], zone].concat()).out, "1\n");
        desk.user("user001")["expiration"].as_str().unwrap()[..16].to_owned()
    };
    assert_eq!(expires(&["--time-zone", "UTC"]), "2027-01-01T00:00");
    assert_eq!(expires(&["--time-zone", "America/New_York"]), "2027-01-01T05:00");
    assert_eq!(expires(&[]), "2026-12-31T15:00", "the server's");
    server.end();
    desk.ok(&["settings", "set", "time_zone", "Europe/Berlin"]);
    let server = Server::on(&desk);
    let ana = There::new(&desk, &server, "ana", ALL);
    assert!(ana.same(&["users", "list"]).exits(0).out.contains("2026-12-31 16:00 CET"));
    assert!(
        ana.same(&["users", "show", "user001", "--format", "csv"]).out.contains("2026-12-31T16:00:00+01:00")
    );
    ana.same(&["users", "history", "user001"]).exits(0);
    assert!(
        ana.same(&["--time-zone", "Asia/Tokyo", "users", "export"]).out.contains("2027-01-01T00:00:00+09:00")
    );
    let tokyo = ana.ok(&["settings", "set", "time_zone", "Asia/Tokyo"]);
    assert!(tokyo.err.contains("Asia/Tokyo"), "{tokyo:?}");
    assert!(ana.same(&["users", "list"]).exits(0).out.contains("2027-01-01 00:00 JST"));
    server.end();
}

#[test]
fn administrators_are_looked_after_from_there() {
    let desk = Desk::new();
    desk.ok(&["organizations", "add", "North"]);
    // A token cannot look after its own administrator; it is given by somebody who may all.
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    let server = Server::on(&desk);
    let ana = There::new(&desk, &server, "ana", ALL);
    let add = ana.ok(&["administrators", "add", "olga", "--grant", "operator@North"]);
    assert_eq!(add.err, "administrator 2 is olga\n");
    assert_eq!(ana.ok(&["administrators", "grant", "olga", "author"]).err, "olga is author now\n");
    ana.same(&["administrators", "list"]).exits(0);
    assert_eq!(ana.ok(&["administrators", "revoke", "olga", "author"]).err, "olga is no longer author\n");
    // Passwords are no arguments.
    desk.write("password", format!("{PASSWORD}\n"));
    let mut command = ana.command(&["administrators", "password", "olga"]);
    command.stdin(std::fs::File::open(desk.path("password")).unwrap());
    finish(start(&mut command)).exits(0);
    server.cookie("olga");
    server.cookie("olga");
    assert_eq!(ana.ok(&["administrators", "sessions", "olga", "--format", "json"]).objects().len(), 2);
    assert_eq!(
        ana.ok(&["administrators", "sessions", "olga", "--revoke-all", "--yes"]).err,
        "2 sessions of \"olga\" ended\n"
    );
    assert_eq!(
        ana.ok(&["administrators", "totp", "olga", "remove", "--yes"]).err,
        "\"olga\" had no authenticator\n"
    );
    let made = ana.ok(&["tokens", "add", "olga", "hers", "--scope", "look", "--expires", "12h"]);
    assert!(made.out.starts_with("rct_") && made.err.contains("for 12h"), "{}", made.err);
    let hers = There { desk: &desk, at: server.at.clone(), token: made.out.trim().to_owned() };
    hers.ok(&["users", "list"]);
    let listed = ana.ok(&["tokens", "list", "olga", "--format", "json"]).object();
    ana.ok(&["tokens", "revoke", "olga", &listed["token_id"].to_string(), "--yes"]);
    let refused = hers.call(&["users", "list"]).exits(1);
    assert_eq!(refused.sentence(), "the token does not count: it is wrong, has expired or was revoked");
    assert_eq!(ana.ok(&["administrators", "remove", "olga", "--yes"]).err, "administrator olga is gone\n");
    server.end();
}

#[test]
fn a_run_goes_from_its_preview_to_its_undo() {
    let desk = Desk::with_users(30);
    for name in ["ana", "olga"] {
        desk.ok(&["administrators", "add", name, "--grant", "admin"]);
    }
    let server = Server::on(&desk);
    let (ana, olga) = (There::new(&desk, &server, "ana", ALL), There::new(&desk, &server, "olga", ALL));
    ana.ok(&["settings", "set", "four_eyes_above", "20"]);
    desk.write("s.py", "user.klass = params.to\nPARAMS = {'to': str}\nresult['n'] = user.obj_id\n");
    let preview = ana.ok(&["run", "s.py", "--all", "--param", "to=plus", "--json"]).object();
    assert_eq!((&preview["mode"], &preview["state"]), (&json!("preview"), &json!("finished")));
    assert_eq!((&preview["outcomes"]["changed"], &preview["administrator"]), (&json!(30), &json!("ana")));
    assert_eq!(desk.user("user001")["klass"], "");
    ana.same(&["runs", "show", "1"]).exits(0);
    // Above a number it takes somebody else, there as here.
    ana.call(&["runs", "apply", "1", "--yes"]).exits(1);
    ana.call(&["runs", "approve", "1", "--yes"]).exits(1);
    let plan = preview["plan_hash"].as_str().unwrap();
    olga.call(&["runs", "approve", "1", "--yes", "--plan", "0123456789"]).exits(1);
    let approved = olga.ok(&["runs", "approve", "1", "--yes", "--plan", &plan[..10]]);
    let said = format!("the plan of preview 1 (30 targets, hash {plan}) is approved by olga");
    assert!(approved.err.starts_with(&format!("{said}; ")), "{}", approved.err);
    let again = olga.ok(&["runs", "approve", "1", "--yes"]);
    assert!(again.err.starts_with(&format!("{said} already; ")), "{}", again.err);
    ana.same(&["runs", "show", "1", "--format", "json"]).exits(0);
    let applied = ana.ok(&["runs", "apply", "1", "--yes", "--plan", plan, "--json"]).object();
    assert_eq!((&applied["applies_run_id"], &applied["outcomes"]["changed"]), (&json!(1), &json!(30)));
    assert_eq!(desk.user("user030")["klass"], "plus");
    ana.same(&["users", "history", "user030"]).exits(0);
    // What was refused may have taken a number.
    let id = |run: &Value| run["run_id"].to_string();
    let applied = id(&applied);
    let report = ana.ok(&["runs", "undo", &applied]).out;
    let what = format!("  preview of the undo of run {applied} (s.py) for 30 users");
    assert!(report.lines().next().unwrap().contains(&what), "{report}");
    ana.ok(&["settings", "unset", "four_eyes_above"]);
    let undo = ["runs", "undo", &applied, "--apply", "--yes", "--json"];
    let undone = ana.ok(&[&undo[..], &["--user", "user030"]].concat()).object();
    assert_eq!(
        (undone["undoes_run_id"].to_string(), &undone["outcomes"]["changed"]),
        (applied.clone(), &json!(1))
    );
    assert_eq!(
        (&desk.user("user030")["klass"], &desk.user("user029")["klass"]),
        (&json!(""), &json!("plus"))
    );
    let undone = id(&ana.ok(&undo).object());
    let warned = ana.ok(&["runs", "undo", &applied, "--json"]);
    let before = format!("run {applied} was already undone by run {undone}");
    assert!(warned.err.starts_with(&before), "{}", warned.err);

    // What fails has the same exit status; it is tried again, stopped by a canary, gone on with.
    desk.write("bad.py", "if user.obj_id == 7: fail('seven')\nuser.klass = 'bad'\n");
    let canary = ["run", "bad.py", "--all", "--apply", "--yes", "--canary", "10", "--json"];
    let failed = ana.call(&canary).exits(1).object();
    assert_eq!((&failed["state"], &failed["outcomes"]["not_run"]), (&json!("stopped"), &json!(20)));
    let failed = id(&failed);
    let resumed = ana.call(&["runs", "resume", &failed, "--json"]).exits(3).object();
    assert_eq!((&resumed["state"], &resumed["outcomes"]["failed"]), (&json!("finished"), &json!(1)));
    ana.call(&["runs", "watch", &failed, "--json"]).exits(3);
    let retried = ana.call(&["runs", "retry", &failed, "--preview", "--json"]).exits(3).object();
    assert_eq!((&retried["targets"], &retried["mode"]), (&json!(1), &json!("preview")));
    let of_failed = format!("{failed}:failed");
    let of_failed = ana.call(&["run", "bad.py", "--targets-from", &of_failed, "--json"]).exits(3).object();
    assert_eq!(of_failed["targets"], 1);

    // What is held waits; what is queued is left.
    let held = ana.ok(&["run", "bad.py", "--all", "--apply", "--hold", "--json"]).object();
    assert_eq!(held["state"], "selecting");
    ana.same(&["runs", "show", &id(&held)]).exits(0);
    let early = ana.same(&["runs", "undo", &id(&held)]).exits(1);
    assert_eq!(early.hints(), [format!("cancel the run: rollcall runs cancel {}", id(&held))]);
    desk.write("asks.py", "PARAMS = {'days': int, 'to': str}\n");
    let unset = ana.same(&["run", "asks.py", "--all"]).exits(2);
    assert_eq!(
        unset.hints(),
        ["set the parameter: --param days=VALUE", "set the parameter: --param to=VALUE"]
    );
    ana.ok(&["runs", "cancel", &id(&held)]);
    let queued = ana.ok(&["run", "bad.py", "--filter", "obj_id eq 7", "--queue", "--json"]).object();
    ana.call(&["runs", "watch", &id(&queued), "--json"]).exits(3);

    // A script is tried on one user.
    desk.write("row.py", "sum(range(300_000))\nprint('x')\nuser.klass = row['b'] + row['a']\n");
    let row = ["scripts", "test", "row.py", "--user", "user001", "--row", "b=1", "--row", "a=2", "--json"];
    let tried = ana.same(&row).exits(0).object();
    assert_eq!(tried["changes"][0]["after"], "12");
    let shown =
        ana.ok(&["scripts", "test", "row.py", "--user", "user001", "--row", "b=1", "--row", "a=2"]).out;
    assert!(shown.starts_with("user001: changed 1   ") && !shown.contains(" 0.0 ms"), "{shown}");
    ana.call(&["scripts", "test", "bad.py", "--user", "user007"]).exits(3);
    // This process executes nothing.
    ana.call(&["run", "bad.py", "--all", "--workers", "3"]).exits(2).sentence();
    ana.call(&["run", "bad.py", "--all", "--sandbox", "none"]).exits(2).sentence();
    assert_eq!(column(&desk.runs(), "administrator"), vec![json!("ana"); 11]);
    server.end();
}

#[test]
fn whoever_sits_at_the_terminal_is_asked_with_the_frozen_number() {
    let desk = Desk::with_users(3);
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    let server = Server::on(&desk);
    let ana = There::new(&desk, &server, "ana", ALL);
    desk.write("token", format!("{}\n", ana.token));
    std::fs::set_permissions(desk.path("token"), std::fs::Permissions::from_mode(0o600)).unwrap();
    desk.write("s.py", "user.klass = 'x'\n");
    let typed = |answer: &str| {
        let run = ["run", "s.py", "--all", "--apply", "--server", &server.at, "--token-file", "token"];
        at_terminal(&desk, &run, answer)
    };
    let no = typed("n\n").exits(1);
    assert!(no.err.contains("This applies s.py to 3 users. Go on? [y/N]"), "{}", no.err);
    assert!(no.err.contains("nothing was changed") && no.out.contains("cancelled"), "{no:#?}");
    assert_eq!(desk.user("user001")["klass"], "");
    let yes = typed("y\n").exits(0);
    assert!(yes.out.starts_with("Run 2  s.py applied to 3 users (every user): finished"), "{}", yes.out);
    // What is to be typed next names the server and the token's file.
    assert!(
        yes.out.contains(&format!("runs undo 2 --server {} --token-file token", server.at)),
        "{}",
        yes.out
    );
    assert_eq!(desk.user("user001")["klass"], "x");
}

#[test]
fn the_rows_of_a_file_are_sent_there() {
    let desk = Desk::with_users(30);
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    let server = Server::on(&desk);
    let ana = There::new(&desk, &server, "ana", ALL);
    desk.write("s.py", "user.klass = row['new']\n");
    let rows: String = (1..=30).map(|n| format!("nobody{n};x\n")).collect();
    desk.write("bad.csv", format!("username;new\nuser001;a\nuser001;b\nuser002\n{rows}"));
    let run = ["run", "s.py", "--csv", "bad.csv"];
    let refused = ana.same(&run).exits(1);
    assert!(refused.err.contains("bad.csv: and 11 bad rows more\n"), "{}", refused.err);
    let written = |file: &str| std::fs::read_to_string(desk.path(file)).unwrap();
    desk.call(&[&run[..], &["--bad-rows", "here.csv"]].concat()).exits(1);
    ana.call(&[&run[..], &["--bad-rows", "there.csv"]].concat()).exits(1);
    assert_eq!(written("here.csv"), written("there.csv"));
    ana.same(&[&run[..], &["--skip-unmatched"]].concat()).exits(1);
    ana.same(&[&run[..], &["--bad-rows", "bad.csv"]].concat()).exits(2);
    ana.same(&[&run[..], &["--key", "mail"]].concat());
    ana.same(&[&run[..], &["--encoding", "klingon"]].concat());
    ana.same(&["run", "s.py", "--csv", "missing.csv"]).exits(1);
    desk.write("title.csv", "username;new\nx;y\nnew;username\na;user001\nM\\\"x;nobody\n");
    for args in [&["--header-row", "3"][..], &["--header-row", "9"], &["--encoding", "cp850"]] {
        ana.same(&[&["run", "s.py", "--csv", "title.csv"], args].concat());
    }
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (row, cells) in (0..).zip([["username", "new"], ["nobody", "a"], ["user002", "b"]]) {
        sheet.write_row(row, 0, cells).unwrap();
    }
    sheet.set_row_hidden(1).unwrap();
    book.save(desk.path("hidden.xlsx")).unwrap();
    for (args, status) in [(&[][..], 2), (&["--hidden", "include"], 1), (&["--hidden", "skip"], 0)] {
        let run = [&["run", "s.py", "--csv", "hidden.xlsx"], args].concat();
        let there = ana.call(&run).exits(status);
        let here = desk.call(&run).exits(status);
        // What was run has a number of its own.
        let told = |done: &Done| done.err.lines().take(2).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(told(&there), told(&here));
    }

    // An error in a column that the script does not read is no reason to refuse a row.
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (row, cells) in
        (0..).zip([["username", "new", "vlookup"], ["user002", "b", ""], ["user003", "c", ""]])
    {
        sheet.write_row(row, 0, cells).unwrap();
    }
    sheet.write(1, 2, Formula::new("=NA()").set_result("#N/A")).unwrap();
    book.save(desk.path("unneeded.xlsx")).unwrap();
    desk.write("all.py", "print(row)\n");
    desk.ok(&["scripts", "save", "reads_new", "s.py"]);
    for (script, status) in [("s.py", 0), ("reads_new", 0), ("all.py", 1)] {
        let run = ["run", script, "--csv", "unneeded.xlsx"];
        let there = ana.call(&run).exits(status);
        let here = desk.call(&run).exits(status);
        let told = |done: &Done| done.err.lines().take(2).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(told(&there), told(&here));
        let what = if status == 0 { "matched 2 · duplicate 0 · unmatched 0" } else { "cell C2 is #N/A" };
        assert!(told(&here).join("\n").contains(what), "{here:?}");
    }
    desk.write("mixed.csv", "username,new,note\nuser002,a,\0\nnobody,b,\0\nuser003,\0,x\n");
    let mixed = ["run", "s.py", "--csv", "mixed.csv", "--encoding", "utf-8"];
    let refused = ana.same(&mixed).exits(1);
    assert!(refused.err.contains("matched 1 · duplicate 0 · unmatched 1 · ambiguous 0 · unreadable 1"));
    assert!(refused.err.contains("2 cells have errors in columns that the script does not read (\"note\")"));
    desk.call(&[&mixed[..], &["--bad-rows", "here2.csv"]].concat()).exits(1);
    ana.call(&[&mixed[..], &["--bad-rows", "there2.csv"]].concat()).exits(1);
    assert_eq!(written("here2.csv"), written("there2.csv"));
    assert_eq!(written("here2.csv").lines().count(), 3);

    desk.write("good.csv", "username;new\nuser001;a\nnobody;x\nuser001;b\nuser003;c\n");
    let good = ["run", "s.py", "--csv", "good.csv", "--skip-unmatched", "--apply", "--yes", "--json"];
    let done = ana.ok(&good);
    assert!(done.err.contains("matched 3 · duplicate 1 · unmatched 1"), "{}", done.err);
    assert_eq!((&done.object()["targets"], &done.object()["outcomes"]["changed"]), (&json!(3), &json!(3)));
    assert_eq!((&desk.user("user001")["klass"], &desk.user("user003")["klass"]), (&json!("b"), &json!("c")));
    ana.same(&["runs", "outcomes", "1", "--format", "csv"]).exits(0);
    // From a pipe, too. Nothing of the files is left there.
    let mut command = ana.command(&["run", "s.py", "--csv", "-", "--json"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"username,new\nuser004,d\n").unwrap();
    assert_eq!(finish(child).exits(0).object()["targets"], 1);
    let bearer = format!("Bearer {}", ana.token);
    let kept = server.get("/api/v1/uploads", &[("authorization", &bearer)]).json();
    assert_eq!(kept["items"], json!([]));
    server.end();
}

/// Busy for a while with each user.
const SLOW: &str = "n = 0\nwhile n < 3_000_000: n += 1\nuser.klass = 'slow'\n";

#[test]
fn ctrl_c_ends_the_watching_and_not_the_run() {
    let desk = Desk::with_users(200);
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    let server = Server::on(&desk);
    let ana = There::new(&desk, &server, "ana", ALL);
    desk.write("slow.py", SLOW);
    let child = start(&mut ana.command(&["run", "slow.py", "--all", "--apply", "--yes", "--json"]));
    desk.wait_for_outcomes(1);
    wait_until_it_heeds(child.id(), Signal::SIGINT);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    let done = finish(child).exits(0);
    assert_eq!(done.object()["state"], "running");
    assert!(done.err.contains("run 1 goes on: 'rollcall runs watch 1' follows it"), "{}", done.err);
    assert_eq!(ana.ok(&["runs", "show", "1", "--format", "json"]).object()["state"], "running");
    ana.ok(&["runs", "cancel", "1"]);
    ana.call(&["runs", "watch", "1"]).exits(1);
    server.end();
}

/// What lies between, and can be cut.
struct Between {
    at: String,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Between {
    fn new(server: &Server) -> Self {
        let to = server.at.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        let open = Arc::new(Mutex::new(Vec::new()));
        let known = Arc::clone(&open);
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(&to) else { continue };
                known.lock().unwrap().extend([near.try_clone().unwrap(), far.try_clone().unwrap()]);
                for (mut from, mut to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)]
                {
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        Self { at, open }
    }

    /// Cuts every connection that there is; how many there were.
    fn cut(&self) -> usize {
        let cut: Vec<_> = self.open.lock().unwrap().drain(..).collect();
        cut.iter().filter(|stream| stream.shutdown(Shutdown::Both).is_ok()).count()
    }
}

#[test]
fn a_run_is_followed_over_a_connection_that_breaks() {
    let desk = Desk::with_users(60);
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    let server = Server::on(&desk);
    let between = Between::new(&server);
    let ana = There { at: between.at.clone(), ..There::new(&desk, &server, "ana", ALL) };
    desk.write("slow.py", SLOW);
    let child = start(&mut ana.command(&["run", "slow.py", "--all", "--apply", "--yes", "--json"]));
    desk.wait_for_outcomes(1);
    wait_until_it_heeds(child.id(), Signal::SIGINT);
    assert!(between.cut() > 0, "it was followed");
    let done = finish(child).exits(0);
    assert_eq!(done.object()["outcomes"]["changed"], 60, "{}", done.err);
    server.end();
}

/// What lies between, and loses the answer to the first request that makes a run.
fn loses_an_answer(server: &Server) -> String {
    let to = server.at.strip_prefix("http://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let loses = Arc::new(AtomicBool::new(true));
    std::thread::spawn(move || {
        for mut near in listener.incoming().map_while(Result::ok) {
            let Ok(mut far) = TcpStream::connect(&to) else { continue };
            let (mut back, mut to_far) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            let (asks, loses) = (Arc::new(AtomicBool::new(false)), Arc::clone(&loses));
            let is_asked = Arc::clone(&asks);
            std::thread::spawn(move || {
                let mut piece = [0; 4096];
                while let Ok(read @ 1..) = near.read(&mut piece) {
                    if piece.starts_with(b"POST /api/v1/runs ") && loses.swap(false, SeqCst) {
                        asks.store(true, SeqCst);
                    }
                    to_far.write_all(&piece[..read]).unwrap();
                }
            });
            std::thread::spawn(move || {
                let mut piece = [0; 4096];
                while let Ok(read @ 1..) = far.read(&mut piece) {
                    if is_asked.load(SeqCst) {
                        break;
                    }
                    back.write_all(&piece[..read]).unwrap();
                }
                let _ = back.shutdown(Shutdown::Both);
            });
        }
    });
    at
}

#[test]
fn a_run_whose_making_was_not_answered_is_made_once() {
    let desk = Desk::with_users(5);
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    let server = Server::on(&desk);
    let ana = There { at: loses_an_answer(&server), ..There::new(&desk, &server, "ana", ALL) };
    desk.write("s.py", "user.klass += 'x'\n");
    let done = ana.ok(&["run", "s.py", "--all", "--apply", "--yes", "--json"]).object();
    assert_eq!((&done["run_id"], &done["outcomes"]["changed"]), (&json!(1), &json!(5)));
    assert_eq!(desk.runs().len(), 1);
    assert_eq!(desk.user("user001")["klass"], "x");
    server.end();
}

#[test]
fn a_server_that_is_away_or_none_is_told_of() {
    let desk = Desk::with_users(1);
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    let server = Server::on(&desk);
    let ana = There::new(&desk, &server, "ana", ALL);
    let at = |at: &str| There { desk: &desk, at: at.to_owned(), token: ana.token.clone() };
    let told = at("http://127.0.0.1:1").call(&["users", "list"]).exits(1);
    assert_eq!(told.sentence(), "http://127.0.0.1:1 cannot be reached: Connection refused (os error 111)");
    at("http://127.0.0.1:1").call(&["users", "list", "--format", "csv"]).exits(1).sentence();
    for wrong in ["127.0.0.1:80", "ftp://127.0.0.1", "http://", "http://127.0.0.1/?x=1"] {
        at(wrong).call(&["users", "list"]).exits(2).sentence();
    }
    let named = at("http://ana:canary-of-a-user@127.0.0.1").call(&["users", "list"]).exits(2);
    assert!(named.sentence().contains("a token is"));
    // Another address of the same machine.
    let below = at(&format!("{}/below", server.at)).call(&["users", "list"]).exits(1);
    assert!(below.sentence().starts_with("there is nothing at this address"), "{}", below.err);
    // A slash at the end does no harm.
    at(&format!("{}/", server.at)).ok(&["users", "list"]);
    // What is no Rollcall says something else, or sends on to somebody else, who does not get the token.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = format!("http://{}", listener.local_addr().unwrap());
    let answers = std::thread::spawn(move || {
        let mut answers = vec![
            "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\noops".to_owned(),
            "HTTP/1.1 301 Moved\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi".to_owned(),
            "HTTP/1.1 503 Busy\r\nContent-Type: application/problem+json\r\nRetry-After: 7\r\nContent-Length: 97\r\n\r\n\
             {\"type\":\"about:blank\",\"title\":\"\",\"status\":503,\"detail\":\"the database is busy or away: try again\"}"
                .to_owned(),
        ];
        answers.reverse();
        while let Some(answer) = answers.pop() {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 8_192];
            let count = stream.read(&mut asked).unwrap();
            assert!(count > 0);
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let says = || at(&other).call(&["users", "list"]).exits(1).sentence().to_owned();
    assert_eq!(
        says(),
        format!("{other} answers 502 Bad Gateway, and not as Rollcall does: is it the right address?")
    );
    assert!(says().starts_with(&format!("{other} sends on to https://elsewhere.example/: name that server")));
    assert!(says().contains("does not understand"));
    assert_eq!(says(), "the database is busy or away: try again in 7 s");
    answers.join().unwrap();
}

#[test]
fn a_token_is_asked_for_and_kept() {
    let desk = Desk::with_users(1);
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    let server = Server::on(&desk);
    let ana = There::new(&desk, &server, "ana", ALL);
    let with = |token: &str| There { desk: &desk, at: server.at.clone(), token: token.to_owned() };
    let none = with("").call(&["users", "list"]).exits(2);
    assert!(none.sentence().starts_with("a server wants a token"), "{}", none.err);
    let wrong = "rct_1.canary-of-a-user";
    let told = with(wrong).call(&["users", "list"]).exits(1);
    assert_eq!(told.sentence(), "the token does not count: it is wrong, has expired or was revoked");
    with("canary-of-a-user\u{1}").call(&["users", "list"]).exits(2).sentence();
    desk.write("bad.csv", "username\n\n\n");
    with(wrong).call(&["users", "import", "bad.csv"]).exits(1).sentence();
    // From a file, whose owner alone should be able to read it.
    desk.write("token", format!("{}\nmore\n", ana.token));
    let from_file = |mode| {
        std::fs::set_permissions(desk.path("token"), std::fs::Permissions::from_mode(mode)).unwrap();
        with(wrong).ok(&["users", "list", "--token-file", "token"])
    };
    assert!(from_file(0o644).err.starts_with("warning: others on this machine can read the token in token"));
    assert_eq!(from_file(0o600).err, "");
    with(wrong).call(&["users", "list", "--token-file", "missing"]).exits(1).sentence();
}

#[test]
fn a_database_and_a_server_exclude_each_other() {
    let desk = Desk::with_users(1);
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    let server = Server::on(&desk);
    let ana = There::new(&desk, &server, "ana", ALL);
    let url = desk.url();
    let both = ana.call(&["users", "list", "--server", &server.at, "--database", &url]).exits(2);
    assert!(both.sentence().starts_with("--server and --database exclude each other"));
    ana.call(&["--as", "ana", "users", "list"]).exits(2).sentence();
    // What is typed counts more than what the environment says.
    ana.ok(&["users", "list", "--database", &url]);
    ana.ok(&["--as", "ana", "users", "list", "--database", &url]);
    let environment = |args: &[&str]| {
        let mut command = ana.command(args);
        command.env("ROLLCALL_DATABASE", "sqlite:missing.db");
        finish(start(&mut command))
    };
    environment(&["users", "list", "--server", &server.at]).exits(0);
    environment(&["users", "list"]).exits(2).sentence();
    desk.call(&["users", "list", "--token-file", "x"]).exits(2).sentence();
    for local in [
        &["init"][..],
        &["demo"],
        &["migrate", "--to", "sqlite:other.db"],
        &["serve", "--listen", "127.0.0.1:0"],
        &["worker"],
    ] {
        let told = ana.call(local).exits(2);
        assert!(told.sentence().starts_with("this works on a database, not by a server"), "{local:?}");
    }
    // These need neither.
    ana.ok(&["completions", "bash"]);
    ana.ok(&["scripts", "samples", "extend-by-days"]);
    wait_until("the server is still there", || ana.call(&["users", "list"]).code == Some(0));
}
