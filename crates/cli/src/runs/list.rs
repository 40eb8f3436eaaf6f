use std::process::ExitCode;

use clap::Args;
use rollcall_api::Run;

use super::Context;
use crate::output::{Format, Listing};
use crate::show::{tally_line, times};
use crate::style::tell;
use rollcall_domain::Times;

#[derive(Debug, Args)]
pub(crate) struct List {
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) const COLUMNS: [&str; 9] =
    ["run", "mode", "state", "script", "targets", "outcomes", "seconds", "administrator", "created_at"];

pub(super) fn cells(run: &Run, times: &Times) -> Vec<String> {
    let what = match (run.applies_run_id, run.undoes_run_id) {
        (Some(preview), None) => format!("{} (plan of {preview})", run.script_name()),
        (_, Some(undone)) => format!("{} (undo of {undone})", run.script_name()),
        (None, None) => run.script_name(),
    };
    vec![
        run.run_id.to_string(),
        run.mode.name().to_owned(),
        run.state.name().to_owned(),
        what,
        run.targets.to_string(),
        outcomes(run),
        format!("{:.1}", run.duration_seconds),
        run.administrator.clone(),
        times.short(run.created_at),
    ]
}

/// Nothing is done yet of one that somebody has still to do.
fn outcomes(run: &Run) -> String {
    let tally = run.outcomes;
    if tally.total() == 0 && run.targets > 0 && !run.state.at_rest() {
        return "nothing yet".to_owned();
    }
    anstream::adapter::strip_str(&tally_line(&tally)).to_string()
}

impl List {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        let runs = backend.runs()?;
        let times = times(self.format, backend.zone()?);
        let mut listing = Listing::new(self.format, &COLUMNS)?;
        let mut any = false;
        for run in runs {
            let run = run?;
            listing.push(|| cells(&run, &times), &run)?;
            any = true;
        }
        listing.finish()?;
        if !any && self.format == Format::Table {
            tell(format_args!("no runs yet; preview a script with 'rollcall run SCRIPT.py --all'"));
        }
        Ok(ExitCode::SUCCESS)
    }
}
