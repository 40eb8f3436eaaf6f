//! A disk that is really full: a small file system in memory, in a mount namespace of the test's own, which goes away
//! with its process whatever happens.

use std::path::PathBuf;
use std::process::Command;

use crate::common::{Desk, Done, finish, start};
use crate::state::{Run, Users, check, check_integrity, newest, users};
use nix::sys::statvfs::statvfs;
use rusqlite::Connection;

const USERS: usize = 600;
/// Room for half of what the run writes.
const ROOM: u64 = 1 << 20;
/// Set for the test in its namespace.
const INSIDE: &str = "ROLLCALL_TEST_MAY_MOUNT";

/// Keeps about 3 kB for each user.
const SCRIPT: &str = "\
user.username_length += 1
user.attribute_add('Class', str(user.username_length), '+=')
user.description = 'd' * 800
print('o' * 1_500)
";

/// Goes through `test` in a namespace in which it may mount.
fn with_mounts(name: &str, test: fn()) {
    if std::env::var_os(INSIDE).is_some() {
        return test();
    }
    // As root without more, and as anybody else where the system allows namespaces of users.
    let ways = [["--mount"].as_slice(), &["--user", "--map-root-user", "--mount"]];
    let may_mount = |way: &&[&str]| {
        let mut command = Command::new("unshare");
        command.args(*way).args(["mount", "-t", "tmpfs", "-o", "size=1m", "none", "/mnt"]);
        command.output().is_ok_and(|output| output.status.success())
    };
    let way = ways.into_iter().find(may_mount).expect(
        "this test mounts a small tmpfs: run it as root, or where 'unshare --user --map-root-user --mount' (util-linux, \
         with user namespaces enabled) is allowed",
    );
    let mut command = Command::new("unshare");
    command.args(way).arg(std::env::current_exe().unwrap()).args([name, "--exact", "--nocapture"]);
    let done = finish(start(command.env(INSIDE, "1")));
    assert!(done.code == Some(0) && done.out.contains("1 passed"), "{}\n{}", done.out, done.err);
}

/// A desk whose database lies on a disk of its own.
struct Disk {
    desk: Desk,
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Else the folder around it could not be removed.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

impl Disk {
    fn new() -> Self {
        let disk = Self { desk: Desk::bare() };
        std::fs::create_dir(disk.path()).unwrap();
        let mut mount = Command::new("mount");
        let status = mount.args(["-t", "tmpfs", "-o", "size=32m", "none"]).arg(disk.path()).status().unwrap();
        assert!(status.success(), "mount: {status}");
        disk.call("init").exits(0);
        let rows: String = (1..=USERS).map(|n| format!("{}\n", crate::common::name(n))).collect();
        disk.desk.write("users.csv", format!("username\n{rows}"));
        disk.call("users import users.csv").exits(0);
        disk.desk.write("script.py", SCRIPT);
        disk
    }

    fn path(&self) -> PathBuf {
        self.desk.path("disk")
    }

    /// Leaves so many bytes free.
    fn leave(&self, bytes: u64) {
        let free = || statvfs(&self.path()).map(|disk| disk.blocks_free() * disk.fragment_size()).unwrap();
        std::fs::write(self.filler(), vec![0; usize::try_from(free() - bytes).unwrap()]).unwrap();
        assert_eq!(free(), bytes);
    }

    fn make_room(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }

    fn call(&self, line: &str) -> Done {
        let mut command = self.desk.command(&line.split(' ').collect::<Vec<_>>());
        command
            .env("ROLLCALL_DATABASE", "sqlite:disk/rollcall.db")
            .env("FAILPOINTS", "chunk_size=return(50)");
        finish(start(&mut command))
    }

    fn database(&self) -> Connection {
        Connection::open(self.path().join("rollcall.db")).unwrap()
    }

    fn users(&self) -> Users {
        users(&self.database())
    }

    /// Calls what fills the disk, and goes on with it when there is room; `before` are the users before.
    fn fills_up_and_goes_on(&self, line: &str, before: &Users) -> Users {
        self.leave(ROOM);
        let done = self.call(line).exits(1);
        assert!(done.err.contains("the disk is full"), "{done:?}");
        // Reading needs a little room, too, so it has to wait where there is none at all.
        let listed = self.call("runs list --format json");
        if listed.code == Some(0) {
            let state = &listed.objects()[0]["state"];
            assert!(state == "stopped" || state == "interrupted", "{listed:?}");
        } else {
            assert!(listed.refusal().contains("the disk is full"), "{listed:?}");
        }

        self.make_room();
        let database = self.database();
        check_integrity(&database).unwrap();
        let id = newest(&database);
        check(&database, id, before).unwrap();
        let run = Run::of(&database, id);
        let (cursor, targets) = (run.number("cursor"), run.number("targets"));
        assert!(0 < cursor && cursor < targets, "half of it is done: {cursor} of {targets}");
        match run.state() {
            "stopped" => {
                assert!(run.0["note"].as_str().unwrap().starts_with("the disk is full"), "{run:?}");
            }
            state => assert_eq!(state, "running"),
        }
        drop(database);
        self.call(&format!("runs resume {id} --json")).exits(0);
        let database = self.database();
        check_integrity(&database).unwrap();
        assert_eq!(Run::of(&database, id).state(), "finished");
        check(&database, id, before).unwrap()
    }
}

#[test]
fn a_run_that_fills_the_disk_goes_on_when_there_is_room() {
    with_mounts("disk_full::a_run_that_fills_the_disk_goes_on_when_there_is_room", || {
        let disk = Disk::new();
        let original = disk.users();
        disk.fills_up_and_goes_on("run script.py --all --json", &original);
        let applied = disk.fills_up_and_goes_on("run script.py --all --apply --yes --json", &original);
        for (id, user) in &applied {
            let counted = user.number("username_length") - original[id].number("username_length");
            assert_eq!(counted, 1, "user {id}");
        }
        let undone = disk.fills_up_and_goes_on("runs undo 2 --apply --yes --json", &applied);
        assert_eq!(crate::state::contents(&undone), crate::state::contents(&original));
    });
}

#[test]
fn a_run_that_does_not_find_room_to_begin_leaves_nothing_behind() {
    with_mounts("disk_full::a_run_that_does_not_find_room_to_begin_leaves_nothing_behind", || {
        let disk = Disk::new();
        let original = disk.users();
        // Nothing at all, too little for the index beside the log, too little for the list.
        for bytes in [0, 4_096, 36_864] {
            disk.leave(bytes);
            let done = disk.call("run script.py --all --apply --yes --json").exits(1);
            assert!(done.refusal().contains("the disk is full"), "{bytes} bytes left: {done:?}");
            disk.make_room();
            let database = disk.database();
            check_integrity(&database).unwrap();
            assert_eq!((newest(&database), users(&database)), (0, original.clone()), "{bytes} bytes left");
        }
        disk.call("run script.py --all --apply --yes --json").exits(0);
        check(&disk.database(), 1, &original).unwrap();
    });
}
