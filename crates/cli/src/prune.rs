use std::process::ExitCode;

use clap::Args;
use rollcall_api::PruneResult;
use rollcall_app::Age;
use rollcall_app::radius::RadiusRecords;
use rollcall_app::runs::Stop;
use rollcall_domain::Rejection;

use super::terminal::heed_signals;
use super::{Context, confirm};
use crate::failure::Usage;
use crate::output::print_json;
use crate::progress::Meter;
use crate::style::tell;
use rollcall_domain::counted;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rollcall prune --older-than 90d\n  rollcall settings set prune_after 90d && rollcall prune\n\n\
                  Runs stay, with their counts. Their outcomes and journals are removed, so they can no longer be undone; the \
                  journals of manual edits are removed, too. Runs that can be resumed, and the runs that they need, stay \
                  complete. Data of FreeRADIUS is removed by the settings prune_logins_after and prune_accounting_after. \
                  The database file does not shrink: its space is reused."
)]
pub(super) struct Prune {
    /// The minimum age of the runs, such as 90d, 8w or 12h [default: the setting prune_after]
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Option<Age>,
    /// Do not ask for confirmation; required without a terminal with --older-than
    #[arg(long, requires = "older_than")]
    yes: bool,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
}

fn age(text: &str) -> Result<Age, String> {
    text.parse().map_err(|error: Rejection| error.to_string())
}

/// Tells what is gone of what FreeRADIUS has written.
pub(super) fn tell_of_past(pruned: &PruneResult) {
    if pruned.logins > 0 || pruned.sessions > 0 {
        let (logins, sessions) = (counted(pruned.logins, "login"), counted(pruned.sessions, "session"));
        tell(format_args!("{logins} and {sessions} removed, as their settings want"));
    }
}

impl Prune {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        let age = match self.older_than {
            None => backend.prune_after()?,
            age => age,
        };
        if age.is_none()
            && backend
                .kept_past(RadiusRecords::Logins)?
                .or(backend.kept_past(RadiusRecords::Sessions)?)
                .is_none()
        {
            let how =
                "say how old: --older-than 90d, or for good with 'rollcall settings set prune_after 90d'";
            return Err(Usage(how.to_owned()).into());
        }
        // A setting was meant when it was set.
        if let Some(age) = self.older_than
            && !confirm(
                self.yes,
                "pruning with --older-than",
                &format!(
                    "Remove what runs and edits by hand did over {age} ago, so that nobody can take it back?"
                ),
            )?
        {
            return Ok(ExitCode::FAILURE);
        }
        let stop = Stop::default();
        if !backend.is_remote() {
            heed_signals(&stop)?;
        }
        let mut meter = Meter::counting("removing");
        let pruned = backend.prune(age, &stop, |rows| meter.count(rows))?;
        drop(meter);
        if self.json {
            print_json(&pruned)?;
        } else {
            if age.is_some() {
                let runs = counted(pruned.runs, "run");
                tell(format_args!("{runs} pruned: {} removed", counted(pruned.rows, "row")));
            }
            tell_of_past(&pruned);
            if pruned.kept > 0 {
                let kept = counted(pruned.kept, "older run");
                tell(format_args!(
                    "{kept} kept: they can still go on, or have ended since ('rollcall runs list')"
                ));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
