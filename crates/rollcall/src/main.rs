//! `rollcall`: the one binary. The command line is `rollcall-cli`, the server is `rollcall-web`; [`serve`] starts it.

mod serve;

use std::process::ExitCode;

fn main() -> ExitCode {
    // In a build for tests, `FAILPOINTS` ends this process at a chosen place, as long as this value lives.
    let _failpoints = fail::has_failpoints().then(fail::FailScenario::setup);
    rollcall_cli::run::<serve::Serve>()
}
