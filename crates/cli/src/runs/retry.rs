use std::process::ExitCode;

use clap::Args;
use rollcall_app::runs::{Again, RetryRequest};
use rollcall_domain::Mode;

use super::{Context, RunName};
use crate::ExecutionArgs;
use crate::terminal::{Answer, RunOptionsArgs, Terminal, finish};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  rollcall runs retry 8                        what failed or timed out, once more\n  \
                  rollcall runs retry 8 --not-run              what had no turn, since run 8 ended early\n  \
                  rollcall runs retry 8 --conflicts --preview  whose users somebody else has changed\n\n\
                  A new run of the same script, in the same version and with the same parameters and rows. It writes if the run \
                  did.")]
pub(crate) struct Retry {
    /// The run's number, or latest
    run: RunName,
    /// Those that had no turn, instead of those that failed or timed out
    #[arg(long, conflicts_with = "conflicts")]
    not_run: bool,
    /// Those in conflict, instead of those that failed or timed out
    #[arg(long)]
    conflicts: bool,
    /// Only show what it would change, even if the run has written
    #[arg(long)]
    preview: bool,
    #[command(flatten)]
    answer: Answer,
    #[command(flatten)]
    options: RunOptionsArgs,
    #[command(flatten)]
    execution: ExecutionArgs,
}

impl Retry {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        let number = self.run.find_to_act(&backend)?;
        self.execution.check(&backend)?;
        if !self.preview && backend.run(number)?.mode == Mode::Apply {
            self.options.check(&self.answer, "a retry that writes")?;
        }
        let request = RetryRequest {
            again: match (self.not_run, self.conflicts) {
                (true, _) => Again::NotRun,
                (_, true) => Again::Conflicts,
                _ => Again::Failed,
            },
            preview: self.preview,
            time_limit: self.execution.time_limit,
            execution: self.execution.execution(),
            options: self.options.options(&self.answer),
        };
        let mut terminal = Terminal::new();
        let run = backend.retry(number, &request, &terminal.stop(), &mut terminal)?;
        finish(&backend, &run, &self.answer, &context.hints())
    }
}
