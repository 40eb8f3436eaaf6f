//! Runs Python scripts in locked-down worker processes.
//!
//! A [`Sandbox`] is an interpreter and the means to lock it down, checked once. A [`Worker`] is a process in it that
//! runs one script ([`Job`]) for one [`Target`] after another and gives a [`Report`] for each, whatever the script
//! does: raise, spin, eat memory, crash or lie.
//!
//! This crate knows no users beyond what it is sent, and no database.

mod interpreter;
mod job;
mod lockdown;
mod marshal;
mod process;
mod processes;
mod report;
mod unavailable;
mod warm;
mod worker;

use std::path::Path;
use std::sync::OnceLock;

pub use interpreter::Interpreter;
pub use job::{Job, Limits, RunFacts, Target};
pub use processes::{Processes, processes};
pub use report::{Ending, Report};
pub use unavailable::Unavailable;
pub use worker::{Broken, Prepared, StartError, SyntaxFault, Worker};

use lockdown::Lockdown;
use warm::Warm;

/// Whether workers are locked down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Both stages; without them no script runs.
    #[default]
    Full,
    /// None at all: for a development machine whose kernel cannot do better. A script then has every right of the
    /// account that runs it.
    None,
}

/// An interpreter, and what locks it down.
#[derive(Debug)]
pub struct Sandbox {
    interpreter: Interpreter,
    lockdown: Option<Lockdown>,
    warm: OnceLock<Warm>,
}

impl Sandbox {
    /// Looks at the interpreter `python` (a path, or a name to be found in `PATH`) and at the kernel.
    pub fn new(python: &Path, isolation: Isolation) -> Result<Self, Unavailable> {
        if isolation == Isolation::Full {
            lockdown::check_kernel()?;
        }
        let interpreter = Interpreter::find(python)?;
        let lockdown = match isolation {
            Isolation::Full => Some(Lockdown::new(&interpreter)?),
            Isolation::None => None,
        };
        Ok(Self { interpreter, lockdown, warm: OnceLock::new() })
    }

    /// The interpreter that runs the scripts.
    #[must_use]
    pub fn interpreter(&self) -> &Interpreter {
        &self.interpreter
    }
}
