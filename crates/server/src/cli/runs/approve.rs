use std::process::ExitCode;

use clap::Args;
use rollcall_app::runs::Approved;
use rollcall_domain::Outcome;

use super::{Context, RunName, noun, script};
use crate::cli::terminal::{Answer, refused_in, sure};
use crate::contract;
use crate::output::print_json;
use crate::style::{counted, tell};

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
        let site = context.site()?;
        let number = self.run.find_to_act(&site)?;
        self.answer.check("approving a preview")?;
        let refused = if self.answer.yes { String::new() } else { refused_in(&site, number)? };
        let approved = site.approve(number, self.plan.as_deref(), &mut |preview| {
            let changed = preview.tally.get(Outcome::Changed);
            let users = counted(changed, noun(preview));
            let what = format!(
                "approves what preview {} ({}) has planned for {users}{refused}",
                number,
                script(preview)
            );
            self.answer.yes || sure(&what, changed)
        })?;
        let (preview, again) = match approved {
            Approved::Now(preview) => (preview, ""),
            Approved::Before(preview) => (preview, " already"),
            Approved::Declined => return Ok(ExitCode::FAILURE),
        };
        if self.answer.json {
            print_json(&contract::Run::from(&preview).approved(&site.approvals(&preview)?))?;
            return Ok(ExitCode::SUCCESS);
        }
        tell(format_args!(
            "the plan of preview {} ({}, hash {}) is approved by {}{again}; 'rollcall runs apply {}' writes it",
            preview.id,
            counted(preview.tally.get(Outcome::Changed), "target"),
            preview.plan.as_deref().unwrap_or_default(),
            site.who()?,
            preview.id
        ));
        Ok(ExitCode::SUCCESS)
    }
}
