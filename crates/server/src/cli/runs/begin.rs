use std::process::ExitCode;

use clap::Args;

use super::{Context, RunName};
use crate::cli::terminal::{Answer, finish, refused_in, sure, what_it_does};

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
        let site = context.site()?;
        let number = self.run.find_to_act(&site)?;
        let targets = match self.targets {
            Some(targets) => targets,
            None => {
                self.answer.check("letting a run begin")?;
                let run = site.find_run(number)?;
                if run.is_held() && !self.answer.yes {
                    let refused = run.applies.map(|preview| refused_in(&site, preview)).transpose()?;
                    let what = format!("{}{}", what_it_does(&run), refused.unwrap_or_default());
                    if !sure(&what, run.targets) {
                        return Ok(ExitCode::FAILURE);
                    }
                }
                run.targets
            }
        };
        let run = site.begin(number, targets)?;
        finish(&site, &run, &self.answer, &context.hints())
    }
}
