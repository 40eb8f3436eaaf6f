use std::process::ExitCode;

use clap::Args;

use super::selection;
use crate::backend::Backend;
use crate::output::raw_stdout;

#[derive(Debug, Args)]
#[command(
    after_help = "Passwords are never exported. Text that a spreadsheet would run as a formula gets an apostrophe as prefix, which \
                  'users import' removes.\n\nExample:\n  rollcall users export > users.csv"
)]
pub(crate) struct Export {
    /// Only users that a filter selects: a filter, or the name of a saved one
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Only users that a search finds, as 'users list --search' does
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// CSV, or one JSON object a line
    #[arg(long, value_enum, default_value_t)]
    format: ExportFormat,
    /// Do not escape text that a spreadsheet would run as a formula
    #[arg(long)]
    raw: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum ExportFormat {
    /// CSV, which 'users import' reads
    #[default]
    Csv,
    /// One compact JSON object a line
    Json,
}

impl Export {
    pub(super) fn run(self, backend: &Backend) -> anyhow::Result<ExitCode> {
        let selection = selection(self.filter, self.search)?;
        let is_json = self.format == ExportFormat::Json;
        backend.export_users(&selection, is_json, self.raw, raw_stdout())?;
        Ok(ExitCode::SUCCESS)
    }
}
