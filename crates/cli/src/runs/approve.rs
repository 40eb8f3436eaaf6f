use std::process::ExitCode;

use crate::backend::Approved;
use clap::Args;
use rollcall_domain::Outcome;

use super::{Context, RunName};
use crate::output::print_json;
use crate::show::noun;
use crate::style::tell;
use crate::terminal::{Answer, refused_in, sure};
use rollcall_api as api;
use rollcall_domain::counted;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rollcall --as olga runs approve 7 --plan 07f25af1\n\n\
                  It holds for the plan as it is now, of any preview that somebody else has made. Which runs need it: rollcall \
                  settings set four_eyes_above N")]
pub(crate) struct Approve {
    /// The preview's number, or latest
    run: RunName,
    /// Only if this is the plan's hash, or its beginning, as 'rollcall runs show' tells it
    #[arg(long, value_name = "HASH")]
    plan: Option<String>,
    #[command(flatten)]
    answer: Answer,
}

impl Approve {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        let number = self.run.find_to_act(&backend)?;
        self.answer.check("approving a preview")?;
        let refused = if self.answer.yes { String::new() } else { refused_in(&backend, number)? };
        let approved = backend.approve(number, self.plan.as_deref(), &mut |preview| {
            let changed = preview.outcomes.get(Outcome::Changed);
            let users = counted(changed, noun(preview));
            let what = format!(
                "approves what preview {} ({}) has planned for {users}{refused}",
                number,
                preview.script_name()
            );
            self.answer.yes || sure(&what, changed)
        })?;
        let (preview, again) = match approved {
            Approved::Now(preview) => (preview, ""),
            Approved::Before(preview) => (preview, " already"),
            Approved::Declined => return Ok(ExitCode::FAILURE),
        };
        if self.answer.json {
            print_json(&api::Run { standing: None, ..*preview })?;
            return Ok(ExitCode::SUCCESS);
        }
        tell(format_args!(
            "the plan of preview {} ({}, hash {}) is approved by {}{again}; 'rollcall runs apply {}' writes it",
            preview.run,
            counted(preview.outcomes.get(Outcome::Changed), "target"),
            preview.plan.as_deref().unwrap_or_default(),
            backend.actor()?,
            preview.run
        ));
        Ok(ExitCode::SUCCESS)
    }
}
