use std::process::ExitCode;

use clap::Args;

use super::selection;
use crate::backend::Backend;
use crate::output::raw_stdout;

#[derive(Debug, Args)]
#[command(
    after_help = "Passwords are never exported. Text that a spreadsheet would take for a formula gets an apostrophe in \
                  front, which 'users import' takes off again.\n\nExample:\n  rollcall users export > users.csv"
)]
pub(crate) struct Export {
    /// Only the users that this filter selects: a condition, or the name of a saved one
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Only the users that this finds, as 'users list --search' shows them
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// CSV, or one JSON object a line
    #[arg(long, value_enum, default_value_t)]
    format: ExportFormat,
    /// Leave text that a spreadsheet would take for a formula as it is
    #[arg(long)]
    raw: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum ExportFormat {
    /// What 'users import' reads
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
