use std::process::ExitCode;

use clap::Args;
use rollcall_app::runs::ResumeRequest;
use rollcall_domain::Mode;

use super::{Context, RunName};
use crate::ExecutionArgs;
use crate::terminal::{Answer, BrakeArgs, Terminal, finish};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rollcall runs resume 8\n  rollcall runs resume 8 --max-failures 5000\n\n\
                  The run continues with the first target without an outcome. The limit that stopped it starts to count again."
)]
pub(crate) struct Resume {
    /// The ID of the run, or latest
    run: RunName,
    /// Queue the run for workers ('rollcall worker'), and do not wait for it
    #[arg(long, help_heading = "Execution")]
    queue: bool,
    #[command(flatten)]
    answer: Answer,
    #[command(flatten)]
    brakes: BrakeArgs,
    #[command(flatten)]
    execution: ExecutionArgs,
}

impl Resume {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        let number = self.run.find_to_act(&backend)?;
        self.execution.check(&backend)?;
        let run = backend.run(number)?;
        let confirmed = run.details.as_ref().is_some_and(|details| details.confirmed);
        if run.mode == Mode::Apply && !confirmed {
            self.answer.check(&format!("nobody has said yes to run {} yet: going on with it", run.run_id))?;
        }
        let request = ResumeRequest {
            time_limit: self.execution.time_limit,
            execution: self.execution.execution(),
            brakes: self.brakes.brakes(),
            confirmed: self.answer.yes,
            queue: self.queue,
        };
        let mut terminal = match run.applies_run_id.filter(|_| !confirmed && !self.answer.yes) {
            Some(preview) => Terminal::about_plan(&backend, preview)?,
            None => Terminal::new(),
        };
        let run = backend.resume(number, &request, &terminal.stop(), &mut terminal)?;
        finish(&backend, &run, &self.answer, &context.hints())
    }
}
