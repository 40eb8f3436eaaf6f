//! Worker processes, as tests start, stall and end them.

use std::process::{Child, Command};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Desk, Done, finish, start, wait_until_it_heeds};

/// A `rollcall worker`, which is killed with this if it still lives.
pub struct Worker(Option<Child>);

impl Worker {
    /// Starts one with a lease of a second, which executes one script at a time.
    pub fn start(desk: &Desk) -> Self {
        Self::of(&mut desk.command(&["worker", "--workers", "1", "--lease", "1s"]))
    }

    /// Starts one by a command of its own.
    pub fn of(command: &mut Command) -> Self {
        Self(Some(start(command)))
    }

    pub fn pid(&self) -> u32 {
        self.0.as_ref().unwrap().id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().try_into().unwrap()), signal).unwrap();
    }

    /// Tells it to end, and waits for that.
    pub fn drain(self) -> Done {
        wait_until_it_heeds(self.pid(), Signal::SIGTERM);
        self.signal(Signal::SIGTERM);
        self.ends()
    }

    /// Kills it.
    pub fn kill(self) -> Done {
        self.signal(Signal::SIGKILL);
        self.ends()
    }

    pub fn ends(mut self) -> Done {
        finish(self.0.take().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// How many outcomes a worker says that it has committed.
pub fn done_by(said: &Done) -> u64 {
    let number = |line: &str| -> Option<u64> {
        let (_, count) = line.split_once("has done ")?;
        count.split(' ').next()?.replace(',', "").parse().ok()
    };
    said.err.lines().filter_map(number).sum()
}
