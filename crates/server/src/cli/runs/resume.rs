use std::process::ExitCode;

use clap::Args;
use rollcall_app::runs::ResumeRequest;
use rollcall_domain::Mode;

use super::{Context, RunName};
use crate::cli::EngineArgs;
use crate::cli::terminal::{Answer, BrakeArgs, Terminal, finish};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rollcall runs resume 8\n  rollcall runs resume 8 --max-failures 5000\n\n\
                  It goes on with the first target that has no outcome. Brakes that have stopped it start to count anew."
)]
pub(crate) struct Resume {
    /// The run's number, or latest
    run: RunName,
    /// Leave the run to workers ('rollcall worker'), and do not wait for it
    #[arg(long, help_heading = "Execution")]
    queue: bool,
    #[command(flatten)]
    answer: Answer,
    #[command(flatten)]
    brakes: BrakeArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

impl Resume {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let site = context.site()?;
        let number = self.run.find_to_act(&site)?;
        self.engine.check(&site)?;
        let run = site.find_run(number)?;
        if run.mode == Mode::Apply && !run.confirmed {
            self.answer.check(&format!("nobody has said yes to run {} yet: going on with it", run.id))?;
        }
        let request = ResumeRequest {
            time_limit: self.engine.time_limit,
            engine: self.engine.engine(),
            brakes: self.brakes.brakes(),
            confirmed: self.answer.yes,
            queue: self.queue,
        };
        let mut terminal = match run.applies.filter(|_| !run.confirmed && !self.answer.yes) {
            Some(preview) => Terminal::about_plan(&site, preview)?,
            None => Terminal::new(),
        };
        let run = site.resume(number, &request, &terminal.stop(), &mut terminal)?;
        finish(&site, &run, &self.answer, &context.hints())
    }
}
