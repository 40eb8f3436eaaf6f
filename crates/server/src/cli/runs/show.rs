use std::process::ExitCode;

use clap::Args;

use super::list::{COLUMNS, cells};
use super::{Context, RunName, report};
use crate::contract;
use crate::output::{Format, Listing, print_json};

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The run's number, or latest
    run: RunName,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Show {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let site = context.site()?;
        let run = site.find_run(self.run.find(&site)?)?;
        match self.format {
            Format::Json => print_json(&contract::Run::from(&run).approved(&site.approvals(&run)?))?,
            Format::Csv => {
                let mut listing = Listing::new(self.format, &COLUMNS)?;
                listing.push(|| cells(&run), &contract::Run::from(&run))?;
                listing.finish()?;
            }
            Format::Table => report(&site, &run, &context.hints())?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
