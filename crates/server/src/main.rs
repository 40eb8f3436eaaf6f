//! `rollcall`: the one binary. Each command is a file below [`cli`], each address of the server one below [`http`];
//! [`remote`] is the way from the one to the other.

mod cli;
mod contract;
mod failure;
mod http;
mod lines;
mod outcomes;
mod output;
mod progress;
mod remote;
mod show;
mod style;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Where it is built for the tests, `FAILPOINTS` lets this process die at a chosen place, as long as this lives.
    let _places_to_die = fail::has_failpoints().then(fail::FailScenario::setup);
    match cli::run() {
        Ok(code) => code,
        Err(error) => failure::report(&error),
    }
}
