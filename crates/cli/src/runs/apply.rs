use std::process::ExitCode;

use clap::Args;
use rollcall_app::runs::ApplyRequest;

use super::{Context, RunName};
use crate::terminal::{Answer, RunOptionsArgs, Terminal, finish};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rollcall runs apply 7\n\n\
                  Exactly what the preview shows is written. A user who was changed since the preview is in conflict and stays as \
                  they are. A preview is applied at most once.")]
pub(crate) struct Apply {
    /// The preview's number, or latest
    run: RunName,
    /// Only if this is the plan's hash, or its beginning, as 'rollcall runs show' tells it
    #[arg(long, value_name = "HASH")]
    plan: Option<String>,
    #[command(flatten)]
    answer: Answer,
    #[command(flatten)]
    options: RunOptionsArgs,
}

impl Apply {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        let number = self.run.find_to_act(&backend)?;
        self.options.check(&self.answer, "applying a preview")?;
        let request = ApplyRequest { plan: self.plan, options: self.options.options(&self.answer) };
        let asks = !self.answer.yes;
        let mut terminal = if asks { Terminal::about_plan(&backend, number)? } else { Terminal::new() };
        let run = backend.apply_preview(number, &request, &terminal.stop(), &mut terminal)?;
        finish(&backend, &run, &self.answer, &context.hints())
    }
}
