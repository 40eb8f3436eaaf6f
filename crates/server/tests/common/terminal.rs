//! Commands at a terminal.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "helpers of tests; each binary uses its part"
)]

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::thread::JoinHandle;

use nix::pty::openpty;

use super::{Desk, Done, finish};

/// Starts a command at a terminal of its own, with its keyboard; what the terminal shows comes with its end.
pub fn sit_down(desk: &Desk, args: &[&str]) -> (Child, File, JoinHandle<String>) {
    let terminal = openpty(None, None).unwrap();
    let mut command = desk.command(args);
    command.stdin(terminal.slave.try_clone().unwrap()).stderr(terminal.slave).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    let mut screen = File::from(terminal.master);
    let keyboard = screen.try_clone().unwrap();
    let shown = std::thread::spawn(move || {
        let mut shown = Vec::new();
        // A terminal ends with an error when nobody is left at it.
        let _ = screen.read_to_end(&mut shown);
        String::from_utf8(shown).unwrap()
    });
    (child, keyboard, shown)
}

/// The same, where this is typed, until the command has ended.
pub fn at_terminal(desk: &Desk, args: &[&str], typed: &str) -> Done {
    let (child, mut keyboard, shown) = sit_down(desk, args);
    keyboard.write_all(typed.as_bytes()).unwrap();
    let done = finish(child);
    Done { err: shown.join().unwrap(), ..done }
}
