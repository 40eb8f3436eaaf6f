//! Commands at a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use nix::pty::{Winsize, openpty};

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

/// A terminal's lines and columns.
#[derive(Clone, Copy)]
pub struct Size {
    pub rows: u16,
    pub columns: u16,
}

/// Runs a command with everything on one terminal and returns its exit status and what the screen shows in the end.
pub fn screen_after(mut command: Command, typed: &str, size: Size) -> (Option<i32>, String) {
    let window = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(&window, None).unwrap();
    let side = || Stdio::from(terminal.slave.try_clone().unwrap());
    command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
    let mut child = command.stdin(side()).stdout(side()).stderr(side()).spawn().unwrap();
    // The terminal ends when the last process has closed it.
    drop((command, terminal.slave));
    let mut screen = File::from(terminal.master);
    screen.write_all(typed.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    let _ = screen.read_to_end(&mut bytes);
    (child.wait().unwrap().code(), on_screen(&bytes, size))
}

/// Runs a command without a terminal and returns what a screen would show of everything that it prints.
pub fn screen_without_terminal(mut command: Command, size: Size) -> (Option<i32>, String) {
    let (mut printed, to) = std::io::pipe().unwrap();
    let mut child = command.stdout(to.try_clone().unwrap()).stderr(to).spawn().unwrap();
    drop(command);
    let mut text = String::new();
    printed.read_to_string(&mut text).unwrap();
    (child.wait().unwrap().code(), on_screen(text.replace('\n', "\r\n").as_bytes(), size))
}

/// The screen of a terminal after `bytes` were printed on it.
pub fn on_screen(bytes: &[u8], size: Size) -> String {
    let (rows, columns) = (size.rows.try_into().unwrap(), size.columns.try_into().unwrap());
    let mut terminal = vt100::Parser::new(rows, columns, 0);
    terminal.process(bytes);
    let rows = terminal.screen().rows(0, size.columns).map(|row| row.trim_end().to_owned());
    rows.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}
