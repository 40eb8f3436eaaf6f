use std::process::ExitCode;

use clap::Args;
use rollcall_app::runs::{Again, RetryRequest};
use rollcall_domain::Mode;

use super::{Context, RunName};
use crate::ExecutionArgs;
use crate::terminal::{Answer, RunOptionsArgs, Terminal, finish};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  rollcall runs retry 8                        failed and timed-out targets\n  \
                  rollcall runs retry 8 --not-run              targets that did not run\n  \
                  rollcall runs retry 8 --conflicts --preview  targets in conflict\n\n\
                  Creates a run with the same version of the script, and with the same parameters and rows. It writes if the \
                  earlier run did.")]
pub(crate) struct Retry {
    /// The ID of the run, or latest
    run: RunName,
    /// Select the targets that did not run, instead of those that failed or timed out
    #[arg(long, conflicts_with = "conflicts")]
    not_run: bool,
    /// Select the targets in conflict, instead of those that failed or timed out
    #[arg(long)]
    conflicts: bool,
    /// Preview the changes, even if the earlier run wrote its changes
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
