//! What cannot be done is refused in a sentence that says what to do, and leaves everything as it was.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{Desk, Done, ROLLCALL, finish, start};

#[track_caller]
fn says(done: &Done, parts: &[&str]) {
    done.sentence();
    for part in parts {
        assert!(done.err.contains(part), "{part:?} is not in {:?}", done.err);
    }
}

#[test]
fn a_syntax_error_starts_no_run_and_points_at_its_place() {
    let desk = Desk::on_file().and_users(2);
    desk.write("bad.py", "user.klass = 'x'\n\nif user.is_active\n    pass\n");
    for apply in [&["--all"][..], &["--all", "--apply", "--yes"], &["--all", "--json"]] {
        let done = desk.call(&[&["run", "bad.py"], apply].concat()).exits(1);
        let lines: Vec<_> = done.refusal().lines().collect();
        assert!(lines[0].starts_with("bad.py, line 3") && lines[0].contains("SyntaxError"), "{lines:?}");
        let source = lines.iter().position(|line| line.trim() == "if user.is_active").unwrap();
        // The colon is missed after the last character.
        let caret = lines[source + 1];
        assert_eq!(caret.trim(), "^");
        assert_eq!(caret.find('^').unwrap(), lines[source].trim_end().len(), "{lines:#?}");
    }
    assert!(desk.runs().is_empty());
    assert_eq!(desk.user("user001")["klass"], "");
}

#[test]
fn a_script_that_is_not_there_or_no_text_starts_no_run() {
    let desk = Desk::on_file().and_users(1);
    says(&desk.call(&["run", "none.py", "--all"]).exits(1), &["cannot read", "none.py", "No such file"]);
    desk.write("latin.py", b"# fine\nuser.first_name = 'Jos\xe9'\n");
    says(&desk.call(&["run", "latin.py", "--all"]).exits(1), &["latin.py", "line 2", "UTF-8"]);
    desk.write("nul.py", b"x = 1\0\n");
    assert!(!desk.call(&["run", "nul.py", "--all"]).exits(1).refusal().is_empty());
    assert!(desk.runs().is_empty());
}

#[test]
fn a_bad_filter_is_refused_once_with_a_caret_under_its_fault() {
    let desk = Desk::on_file().and_users(1);
    desk.write("script.py", "pass");
    for (filter, fault, hint) in [
        ("klas eq \"gold\"", "klas", "did you mean klass?"),
        ("klass eq gold", "gold", "quoted"),
        ("is_active eq true nad klass eq \"x\"", "nad", "and"),
        ("expiration lt \"soon\"", "\"soon\"", "date"),
        ("obj_id eq \"1\"", "\"1\"", "number"),
        ("klass equals \"x\"", "equals", "eq"),
    ] {
        for command in [
            &["users", "list", "--filter", filter][..],
            &["users", "export", "--filter", filter],
            &["run", "script.py", "--filter", filter],
        ] {
            let done = desk.call(command).exits(2);
            let lines: Vec<_> = done.refusal().lines().collect();
            assert!(lines[0].contains(hint), "{lines:?}");
            let shown = lines.iter().position(|line| line.trim() == filter).unwrap();
            let column = lines[shown].find(fault).unwrap();
            let caret = lines[shown + 1];
            assert_eq!(caret.find('^'), Some(column), "{lines:#?}");
            assert_eq!(caret.trim(), "^", "and that is all: {lines:#?}");
            assert_eq!(lines.len(), shown + 2, "said once: {lines:#?}");
        }
    }
    let empty = desk.call(&["run", "script.py", "--filter", ""]).exits(2);
    assert!(empty.refusal().contains("--all"), "an empty filter is an error: {empty:?}");
    assert!(desk.runs().is_empty());
}

#[test]
fn applying_without_a_terminal_needs_yes() {
    let desk = Desk::on_file().and_users(1);
    desk.write("script.py", "user.klass = 'x'");
    says(&desk.call(&["run", "script.py", "--all", "--apply"]).exits(2), &["--yes"]);
    assert!(desk.runs().is_empty());
    assert_eq!(desk.user("user001")["klass"], "");
    desk.user("user001");
}

#[test]
fn a_command_line_that_means_nothing_is_wrong_usage() {
    let desk = Desk::on_file().and_users(1);
    for args in [
        &["frobnicate"][..],
        &["run"],
        &["run", "x.py"],
        &["run", "x.py", "--all", "--filter", "obj_id eq 1"],
        &["runs", "show", "seven"],
        &["runs", "outcomes", "1", "--outcome", "exploded"],
        &["users", "list", "--format", "xml"],
        &["users", "set", "user001"],
        &["demo", "--users", "0"],
        &["completions", "cobol"],
        &["--time-zone", "Mars/Olympus", "users", "list"],
    ] {
        let done = desk.call(args).exits(2);
        assert_eq!(done.out, "", "{args:?}");
        assert!(done.err.starts_with("error: ") && !done.err.contains("panicked"), "{args:?}: {done:?}");
    }
}

#[test]
fn a_missing_database_is_refused_and_not_made() {
    let desk = Desk::bare();
    desk.write("script.py", "pass");
    desk.write("users.csv", "username\nana\n");
    for args in [
        &["users", "list"][..],
        &["users", "import", "users.csv"],
        &["users", "export"],
        &["run", "script.py", "--all"],
        &["runs", "list"],
        &["profiles", "add", "x"],
        &["organizations", "list"],
    ] {
        says(&desk.call(args).exits(1), &["rollcall.db", "rollcall init", "--database"]);
    }
    assert!(!desk.path("rollcall.db").exists());
}

#[test]
fn a_file_that_is_no_database_of_rollcall_is_refused_and_left_alone() {
    let desk = Desk::bare();
    desk.write("text.db", "no database at all, just some text in a file that has a misleading name");
    rusqlite::Connection::open(desk.path("other.db")).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    for file in ["text.db", "other.db"] {
        let before = std::fs::read(desk.path(file)).unwrap();
        for args in [&["users", "list"][..], &["runs", "list"], &["init"], &["demo", "--users", "10"]] {
            let url = format!("sqlite:{file}");
            let done = desk.call(&[&["--database", &url], args].concat()).exits(1);
            says(&done, &[file, "not a Rollcall database"]);
            assert_eq!(done.hints(), ["name another database: --database URL"]);
        }
        assert_eq!(std::fs::read(desk.path(file)).unwrap(), before, "{file}");
    }
    let done = desk.call(&["--database", "sqlite:.", "users", "list"]).exits(1);
    assert!(!done.sentence().is_empty(), "a folder is none either");
}

#[test]
fn a_database_of_a_newer_version_is_refused() {
    let desk = Desk::on_file().and_users(1);
    desk.database().pragma_update(None, "user_version", 99).unwrap();
    desk.write("script.py", "pass");
    for args in [&["users", "list"][..], &["init"], &["run", "script.py", "--all"], &["demo", "--users", "9"]]
    {
        let done = desk.call(&[&["--database", "sqlite:rollcall.db"], args].concat()).exits(1);
        says(&done, &["rollcall.db", "newer", "99"]);
    }
}

#[test]
fn a_database_that_cannot_be_reached_is_named_without_its_password() {
    let desk = Desk::bare();
    let done = desk
        .call(&["--database", "postgres://me:canary-of-a-user@127.0.0.1:1/rollcall", "users", "list"])
        .exits(1);
    says(&done, &["postgres://me@127.0.0.1:1/rollcall", "Connection refused"]);
    assert!(!done.err.contains("canary"), "{done:?}");
    let done =
        desk.call(&["--database", "postgres://me:canary-of-a-user@h/d?nonsense=1", "users", "list"]).exits(2);
    says(&done, &["nonsense", "postgres://USER@HOST/DATABASE"]);
    assert!(!done.err.contains("canary"), "{done:?}");
    for url in ["mysql://x/y", "rollcall.db", ""] {
        says(&desk.call(&["--database", url, "users", "list"]).exits(2), &["sqlite:"]);
    }
}

#[test]
fn what_is_not_there_is_named() {
    let desk = Desk::on_file().and_users(1);
    says(&desk.call(&["users", "show", "zoe"]).exits(1), &["zoe"]);
    says(&desk.call(&["users", "set", "zoe", "klass=x"]).exits(1), &["zoe"]);
    says(&desk.call(&["users", "remove", "zoe", "--yes"]).exits(1), &["zoe"]);
    says(&desk.call(&["users", "import", "none.csv"]).exits(1), &["none.csv", "No such file"]);
    says(&desk.call(&["runs", "show", "7"]).exits(1), &["run 7"]);
    says(&desk.call(&["runs", "outcomes", "7"]).exits(1), &["run 7"]);
    says(&desk.call(&["profiles", "show", "gold"]).exits(1), &["gold"]);
    says(&desk.call(&["profiles", "remove", "gold", "--yes"]).exits(1), &["gold"]);
    says(&desk.call(&["organizations", "rename", "North", "South"]).exits(1), &["North"]);
    says(&desk.call(&["organizations", "remove", "North", "--yes"]).exits(1), &["North"]);
}

/// Nobody, in nearly every system; root may write everywhere, so that what cannot be written needs somebody else.
const NOBODY: u32 = 65_534;

/// A folder that everybody can enter, with the program in it.
struct Public(Desk);

impl Public {
    fn new() -> Self {
        let desk = Desk::on_file().and_users(1);
        std::fs::copy(ROLLCALL, desk.path("rollcall")).unwrap();
        let public = Self(desk);
        for (path, mode) in [(".", 0o755), ("rollcall", 0o755), ("rollcall.db", 0o644)] {
            public.mode(path, mode);
        }
        public
    }

    fn mode(&self, path: &str, mode: u32) {
        let path = self.0.path(path);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Calls the program as somebody who owns nothing here, or at least nothing that its mode protects.
    fn call(&self, args: &[&str]) -> Done {
        let mut command = Command::new(self.0.path("rollcall"));
        command.args(args).current_dir(self.0.path(".")).env_remove("ROLLCALL_DATABASE").stdin(Stdio::null());
        if nix::unistd::getuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        finish(start(&mut command))
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    let public = Public::new();
    public.mode("rollcall.db", 0o444);
    public.mode(".", 0o555);
    let advice = ["cannot write", "rollcall.db", "owner or mode", "--database"];
    for args in [
        &["users", "set", "user001", "klass=x"][..],
        &["users", "list"],
        &["profiles", "add", "x"],
        &["init"],
    ] {
        says(&public.call(args).exits(1), &advice);
    }
    let new = public.call(&["init", "--database", "sqlite:new.db"]).exits(1);
    says(&new, &["cannot write", "new.db"]);
    public.mode("rollcall.db", 0o666);
    says(&public.call(&["users", "set", "user001", "klass=x"]).exits(1), &advice);
    // TempDir removes it.
    public.mode(".", 0o755);
    assert_eq!(public.0.user("user001")["klass"], "");
}

#[test]
fn a_file_that_cannot_be_written_is_refused() {
    let public = Public::new();
    public.mode("rollcall.db", 0o444);
    public.mode(".", 0o777);
    says(&public.call(&["users", "set", "user001", "klass=x"]).exits(1), &["cannot write", "rollcall.db"]);
}

#[test]
fn a_database_in_a_folder_that_does_not_exist_is_not_made() {
    let desk = Desk::bare();
    let done = desk.call(&["init", "--database", "sqlite:no/such/rollcall.db"]).exits(1);
    says(&done, &["no/such/rollcall.db", "No such file or directory"]);
    assert!(!Path::new(&desk.path("no")).exists());
}
