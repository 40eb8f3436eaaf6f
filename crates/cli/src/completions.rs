use std::io::Write as _;
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::output::raw_stdout;

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  rollcall completions bash > ~/.local/share/bash-completion/completions/rollcall"
)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, mut command: Command) -> anyhow::Result<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "rollcall", &mut script);
        let mut out = raw_stdout();
        out.write_all(&script)?;
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}
