use std::process::ExitCode;

use clap::Args;

use super::{Context, RunName};
use crate::output::print_json;
use crate::show::tally_line;
use crate::style::tell;

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// The ID of the run, or latest
    run: RunName,
    /// Print one JSON object about the run and nothing else
    #[arg(long)]
    json: bool,
}

impl Cancel {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        let number = self.run.find_to_act(&backend)?;
        let run = backend.cancel(number)?;
        if self.json {
            print_json(&run.bare())?;
        } else {
            tell(format_args!("run {} is {}: {}", run.run_id, run.state.name(), tally_line(&run.outcomes)));
        }
        Ok(ExitCode::SUCCESS)
    }
}
