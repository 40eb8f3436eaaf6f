//! Where scripts cannot be locked down, or there is no Python, none is run.

#![allow(unsafe_code, reason = "to take Landlock away from a child before it starts")]

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::common::{Desk, column, finish, start};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use serde_json::{Value, json};

/// Gives the command a kernel that answers `errno` to whoever asks for Landlock.
fn take_landlock_away(command: &mut Command, errno: i32) {
    let rules = BTreeMap::from([(libc::SYS_landlock_create_ruleset, Vec::new())]);
    let answer = SeccompAction::Errno(errno.unsigned_abs());
    let target = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, target).unwrap();
    let program: BpfProgram = filter.try_into().unwrap();
    // SAFETY: the closure makes two system calls on memory that it owns, and nothing else.
    unsafe {
        command.pre_exec(move || {
            seccompiler::apply_filter(&program).map_err(|_| std::io::Error::last_os_error())
        });
    }
}

#[test]
fn without_landlock_no_script_runs_and_the_refusal_names_what_to_do() {
    let desk = Desk::with_users(2);
    desk.write("script.py", "user.klass = 'x'");
    let before = desk.export();
    // Not built into the kernel; built in and switched off; kept away by a container.
    for errno in [libc::ENOSYS, libc::EOPNOTSUPP, libc::EPERM] {
        for args in [&["--all"][..], &["--all", "--apply", "--yes"], &["--all", "--json"]] {
            let mut command = desk.command(&[&["run", "script.py"], args].concat());
            take_landlock_away(&mut command, errno);
            let done = finish(start(&mut command)).exits(1);
            for part in ["Landlock", "Nothing was run", "Linux 5.13", "--sandbox=none"] {
                assert!(done.sentence().contains(part), "{part}: {done:?}");
            }
        }
    }
    assert!(desk.runs().is_empty(), "no run was made");
    assert_eq!(desk.export(), before);
}

#[test]
fn without_landlock_everything_but_scripts_works() {
    let desk = Desk::with_users(2);
    for args in [&["users", "list"][..], &["users", "set", "user001", "klass=x"], &["runs", "list"]] {
        let mut command = desk.command(args);
        take_landlock_away(&mut command, libc::ENOSYS);
        finish(start(&mut command)).exits(0);
    }
}

#[test]
fn without_landlock_a_script_runs_if_that_is_accepted_explicitly_and_the_danger_is_told() {
    let desk = Desk::with_users(2);
    desk.write("script.py", "user.klass = 'x'");
    let args = ["run", "script.py", "--all", "--apply", "--yes", "--json", "--sandbox=none"];
    let mut command = desk.command(&args);
    take_landlock_away(&mut command, libc::EOPNOTSUPP);
    let done = finish(start(&mut command)).exits(0);
    assert_eq!(done.object()["outcomes"]["changed"], 2);
    assert!(done.err.contains("warning") && done.err.contains("--sandbox=none"), "{done:?}");
    assert_eq!(desk.user("user001")["klass"], "x");
}

#[test]
fn a_locked_down_run_says_nothing_about_it() {
    let desk = Desk::with_users(1);
    assert_eq!(desk.run("pass", &["--all"]).exits(0).err, "");
}

#[test]
fn without_python_no_script_runs_and_the_refusal_names_what_to_do() {
    let desk = Desk::with_users(1);
    desk.write("script.py", "pass");
    desk.write("impostor", "#!/bin/sh\nexit 0\n");
    std::fs::create_dir(desk.path("empty")).unwrap();
    let mut commands = [
        desk.command(&["run", "script.py", "--all", "--python", "/nonexistent"]),
        desk.command(&["run", "script.py", "--all"]),
        desk.command(&["run", "script.py", "--all"]),
        // There, and not to be executed.
        desk.command(&["run", "script.py", "--all", "--python", "./impostor"]),
        // There, and no Python.
        desk.command(&["run", "script.py", "--all", "--python", "true"]),
    ];
    commands[1].env("PATH", desk.path("empty"));
    commands[2].env("ROLLCALL_PYTHON", "python-of-nowhere");
    for (n, command) in commands.iter_mut().enumerate() {
        let done = finish(start(command)).exits(1);
        for part in ["Python 3.10", "--python"] {
            assert!(done.sentence().contains(part), "{n}: {part}: {done:?}");
        }
    }
    assert!(desk.runs().is_empty(), "no run was made");
}

#[test]
fn a_script_reaches_no_file_no_network_and_no_process() {
    let desk = Desk::with_users(5);
    let secret = desk.path("secret.txt");
    desk.write("secret.txt", "secret");
    let script = format!(
        "import os, socket, subprocess\n\
         user.klass = 'x'\n\
         if user.obj_id == 1: open({secret:?})\n\
         if user.obj_id == 2: open({made:?}, 'w')\n\
         if user.obj_id == 3: socket.create_connection(('127.0.0.1', 9))\n\
         if user.obj_id == 4: subprocess.run(['true'])\n",
        made = desk.path("made.txt")
    );
    let run = desk.apply(&script, 3);
    let outcomes = desk.outcomes(&run);
    assert_eq!(column(&outcomes, "outcome"), ["failed", "failed", "failed", "failed", "changed"]);
    let errors = column(&outcomes, "error");
    let errors: Vec<_> = errors[..4].iter().map(|error| (&error["type"], &error["line"])).collect();
    let denied = json!("PermissionError");
    let line = |n: u64| Value::from(n);
    assert_eq!(errors, [(&denied, &line(3)), (&denied, &line(4)), (&denied, &line(5)), (&denied, &line(6))]);
    assert!(!desk.path("made.txt").exists());
}

#[test]
fn one_users_leftovers_do_not_reach_the_next() {
    let desk = Desk::with_users(3);
    let script = "import builtins, sys\n\
        result['seen'] = [hasattr(builtins, 'left'), 'left' in globals(), 'left' in sys.modules]\n\
        builtins.left = left = sys.modules['left'] = sys\n";
    let run = desk.run(script, &["--all", "--workers", "1"]).exits(0).object();
    let untouched = json!({"seen": [false, false, false]});
    assert_eq!(column(&desk.outcomes(&run), "result"), vec![untouched; 3]);
}
