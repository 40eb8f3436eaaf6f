use std::process::ExitCode;

use clap::Args;
use rollcall_domain::RunState;

use super::{Context, RunName};
use crate::style::tell;
use crate::terminal::{Answer, Terminal, finish};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rollcall runs watch 7\n\n\
                  Ctrl-C ends this command, not the run. The exit status is that of the run.")]
pub(crate) struct Watch {
    /// The ID of the run, or latest
    run: RunName,
    /// Print one JSON object about the ended run and nothing else
    #[arg(long)]
    json: bool,
}

impl Watch {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        let number = self.run.find(&backend)?;
        let mut terminal = Terminal::new();
        let run = backend.watch(number, &terminal.stop(), &mut terminal)?;
        drop(terminal);
        if matches!(run.state, RunState::Selecting | RunState::Queued | RunState::Running) {
            tell(format_args!("run {} goes on", run.run_id));
            return Ok(ExitCode::SUCCESS);
        }
        finish(&backend, &run, &Answer { yes: true, json: self.json }, &context.hints())
    }
}
