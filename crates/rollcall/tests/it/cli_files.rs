//! Who can use the files that Rollcall makes: their owner, and a group where one is given, whatever the umask is.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{Desk, ROLLCALL, finish, start};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Gid, Group, Pid, getgid, getuid};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().mode() & 0o7777
}

/// Calls `rollcall` in the folder under a umask.
fn call_under(umask: &str, desk: &Desk, args: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("umask {umask}; exec {ROLLCALL} {args}")]).current_dir(desk.path("."));
    let shell = shell.env_remove("ROLLCALL_DATABASE").stdin(Stdio::null());
    finish(start(shell)).exits(0);
}

/// The modes and groups of a database's files while it is in use.
fn files_in_use(desk: &Desk, name: &str) -> Vec<(u32, u32)> {
    let store =
        rollcall_store::Store::open(&format!("sqlite:{}", desk.path(name).display()).parse().unwrap());
    let store = store.unwrap();
    store.users().count(None).unwrap();
    let files = ["", "-wal", "-shm"].map(|suffix| desk.path(&format!("{name}{suffix}")));
    files.map(|file| (mode(&file), std::fs::metadata(&file).unwrap().gid())).to_vec()
}

#[test]
fn files_of_a_database_are_for_their_owner_whatever_the_umask() {
    for umask in ["022", "000"] {
        let desk = Desk::bare();
        call_under(umask, &desk, "init");
        desk.write("users.csv", "username,password\nana,secret-of-ana\n");
        call_under(umask, &desk, "users import users.csv");
        let in_use = files_in_use(&desk, "rollcall.db");
        assert!(in_use.iter().all(|(mode, _)| *mode == 0o600), "umask {umask}: {in_use:?}");
        // What is made of it is as private.
        call_under(umask, &desk, "migrate --to sqlite:copy.db");
        call_under(umask, &desk, "audit export audit.jsonl");
        call_under(umask, &desk, "demo --users 20");
        for made in ["copy.db", "audit.jsonl", "rollcall-demo.db"] {
            assert_eq!(mode(&desk.path(made)), 0o600, "umask {umask}: {made}");
        }
    }
}

#[test]
fn a_group_shares_the_files_and_keeps_them() {
    // Only root gives files to a group that it is not in.
    let group = if getuid().is_root() { Gid::from_raw(65_534) } else { getgid() };
    let name = Group::from_gid(group).unwrap().unwrap().name;
    for umask in ["022", "000", "077"] {
        let desk = Desk::bare();
        call_under(umask, &desk, &format!("init --group {name}"));
        let shared = vec![(0o660, group.as_raw()); 3];
        assert_eq!(files_in_use(&desk, "rollcall.db"), shared, "umask {umask}");
        // Later commands know nothing of the group.
        call_under(umask, &desk, "init");
        assert_eq!(files_in_use(&desk, "rollcall.db"), shared, "umask {umask}");
    }
    let desk = Desk::bare();
    let refused = desk.call(&["init", "--group", "no-such-group"]).exits(2);
    assert_eq!(refused.sentence(), "--group: this machine has no group \"no-such-group\"");
    assert!(!desk.path("rollcall.db").exists());
}

#[test]
fn a_folder_that_gives_its_group_shares_new_files() {
    let desk = Desk::bare();
    std::fs::create_dir(desk.path("shared")).unwrap();
    std::fs::set_permissions(desk.path("shared"), PermissionsExt::from_mode(0o2770)).unwrap();
    call_under("022", &desk, "init --database sqlite:shared/rollcall.db");
    assert!(files_in_use(&desk, "shared/rollcall.db").iter().all(|(mode, _)| *mode == 0o660));
}

#[test]
fn files_that_others_can_use_are_told_of() {
    let desk = Desk::on_file().and_users(1);
    assert_eq!(desk.ok(&["users", "list"]).err, "");
    std::fs::set_permissions(desk.path("rollcall.db"), PermissionsExt::from_mode(0o644)).unwrap();
    let told = desk.ok(&["users", "list"]).err;
    let (_, advice) = told.split_once('\'').unwrap();
    let (advice, _) = advice.split_once('\'').unwrap();
    assert_eq!(advice, "chmod o-rwx rollcall.db*");
    let done = Command::new("sh").args(["-c", advice]).current_dir(desk.path(".")).status().unwrap();
    assert!(done.success());
    assert_eq!(desk.ok(&["users", "list"]).err, "");
}

#[test]
fn serve_creates_a_missing_database_and_says_so() {
    let desk = Desk::bare();
    let mut serve = desk.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut serve = serve.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(serve.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "there was no database: sqlite:rollcall.db is created");
    assert!(lines.any(|line| line.starts_with("nobody can sign in yet; this makes the first administrator")));
    assert_eq!(mode(&desk.path("rollcall.db")), 0o600);
    kill(Pid::from_raw(serve.id().cast_signed()), Signal::SIGTERM).unwrap();
    assert!(serve.wait().unwrap().success());
    assert_eq!(desk.ok(&["users", "list", "--format", "json"]).out, "");
}
