use std::process::ExitCode;

use clap::Args;

use super::{Context, RunName};
use crate::terminal::{Answer, finish, refused_in, sure, what_it_does};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rollcall runs undo 8 --apply --hold      makes run 9 and its list, and waits\n  \
                  rollcall runs begin 9 --targets 120\n\n\
                  Workers execute it then. Nobody has to be asked where the number of its targets is given."
)]
pub(crate) struct Begin {
    /// The run's number, or latest
    run: RunName,
    /// How many targets it has, as it was looked at: with another number it does not begin
    #[arg(long, value_name = "N")]
    targets: Option<u64>,
    #[command(flatten)]
    answer: Answer,
}

impl Begin {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        let number = self.run.find_to_act(&backend)?;
        let targets = match self.targets {
            Some(targets) => targets,
            None => {
                self.answer.check("letting a run begin")?;
                let run = backend.run(number)?;
                if run.is_held() && !self.answer.yes {
                    let refused = run.applies.map(|preview| refused_in(&backend, preview)).transpose()?;
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
