use std::process::ExitCode;

use clap::Args;

use super::list::{COLUMNS, cells};
use super::{Context, RunName, report};
use crate::output::{Format, Listing, print_json};
use crate::show::times;
use rollcall_api::Run;

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The ID of the run, or latest
    run: RunName,
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Show {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        let run = backend.run(self.run.find(&backend)?)?;
        match self.format {
            Format::Json => print_json(&Run { details: None, ..run })?,
            Format::Csv => {
                let times = times(self.format, backend.zone()?);
                let mut listing = Listing::new(self.format, &COLUMNS)?;
                listing.push(|| cells(&run, &times), &run.bare())?;
                listing.finish()?;
            }
            Format::Table => report(&backend, &run, &context.hints())?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
