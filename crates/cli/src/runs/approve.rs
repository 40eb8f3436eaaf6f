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
                  The approval is for the current plan of a preview that another administrator created. Runs above a number of \
                  targets need one: rollcall settings set four_eyes_above N")]
pub(crate) struct Approve {
    /// The ID of the preview, or latest
    run: RunName,
    /// Require this plan hash, or its first digits, as 'rollcall runs show' prints it
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
            print_json(&api::Run { details: None, ..*preview })?;
            return Ok(ExitCode::SUCCESS);
        }
        tell(format_args!(
            "the plan of preview {} ({}, hash {}) is approved by {}{again}; 'rollcall runs apply {}' writes it",
            preview.run_id,
            counted(preview.outcomes.get(Outcome::Changed), "target"),
            preview.plan_hash.as_deref().unwrap_or_default(),
            backend.actor()?,
            preview.run_id
        ));
        Ok(ExitCode::SUCCESS)
    }
}
