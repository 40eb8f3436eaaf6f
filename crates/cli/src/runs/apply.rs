use std::process::ExitCode;

use clap::Args;
use rollcall_app::runs::ApplyRequest;

use super::{Context, RunName};
use crate::terminal::{Answer, RunOptionsArgs, Terminal, finish};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rollcall runs apply 7\n\n\
                  Writes exactly the changes of the preview. Users edited since the preview are skipped and listed as conflicts. \
                  A preview can be applied once.")]
pub(crate) struct Apply {
    /// The ID of the preview, or latest
    run: RunName,
    /// Require this plan hash, or its first digits, as 'rollcall runs show' prints it
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
