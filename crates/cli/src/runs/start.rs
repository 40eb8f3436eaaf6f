use std::process::ExitCode;

use clap::Args;

use super::{Context, RunName};
use crate::terminal::{Answer, finish, refused_in, sure, what_it_does};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rollcall runs undo 8 --apply --hold      creates run 9 with its targets\n  \
                  rollcall runs start 9 --targets 120\n\n\
                  Workers execute it then. With --targets the command does not ask for confirmation."
)]
pub(crate) struct Start {
    /// The ID of the run, or latest
    run: RunName,
    /// The expected number of targets; a run with another number is not started
    #[arg(long, value_name = "N")]
    targets: Option<u64>,
    #[command(flatten)]
    answer: Answer,
}

impl Start {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        let number = self.run.find_to_act(&backend)?;
        let targets = match self.targets {
            Some(targets) => targets,
            None => {
                self.answer.check("starting a run")?;
                let run = backend.run(number)?;
                if run.is_held() && !self.answer.yes {
                    let refused =
                        run.applies_run_id.map(|preview| refused_in(&backend, preview)).transpose()?;
                    let what = format!("{}{}", what_it_does(&run), refused.unwrap_or_default());
                    if !sure(&what, run.targets) {
                        return Ok(ExitCode::FAILURE);
                    }
                }
                run.targets
            }
        };
        let run = backend.start_run(number, targets)?;
        finish(&backend, &run, &self.answer, &context.hints())
    }
}
