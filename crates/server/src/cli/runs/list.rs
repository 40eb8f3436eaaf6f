use std::process::ExitCode;

use clap::Args;
use rollcall_domain::Run;

use super::{Context, script};
use crate::contract;
use crate::output::{Format, Listing};
use crate::show::{Times, seconds, tally_line};
use crate::style::tell;

#[derive(Debug, Args)]
pub(crate) struct List {
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) const COLUMNS: [&str; 9] =
    ["run", "mode", "state", "script", "targets", "outcomes", "seconds", "administrator", "created_at"];

pub(super) fn cells(run: &Run, times: &Times) -> Vec<String> {
    let what = match (run.applies, run.undoes) {
        (Some(preview), None) => format!("{} (plan of {preview})", script(run)),
        (_, Some(undone)) => format!("{} (undo of {undone})", script(run)),
        (None, None) => script(run),
    };
    vec![
        run.id.to_string(),
        run.mode.name().to_owned(),
        run.state.name().to_owned(),
        what,
        run.targets.to_string(),
        outcomes(run),
        format!("{:.1}", seconds(run)),
        run.administrator.clone(),
        times.short(run.created_at),
    ]
}

/// Nothing is done yet of one that somebody has still to do.
fn outcomes(run: &Run) -> String {
    let tally = run.final_tally();
    if tally.total() == 0 && run.targets > 0 && !run.state.at_rest() {
        return "nothing yet".to_owned();
    }
    anstream::adapter::strip_str(&tally_line(&tally)).to_string()
}

impl List {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let site = context.site()?;
        let runs = site.runs()?;
        let times = Times::new(self.format, site.zone()?);
        let mut listing = Listing::new(self.format, &COLUMNS)?;
        let mut any = false;
        for run in runs {
            let run = run?;
            listing.push(|| cells(&run, &times), &contract::Run::from(&run))?;
            any = true;
        }
        listing.finish()?;
        if !any && self.format == Format::Table {
            tell(format_args!("no runs yet; preview a script with 'rollcall run SCRIPT.py --all'"));
        }
        Ok(ExitCode::SUCCESS)
    }
}
