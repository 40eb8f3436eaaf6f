use std::collections::HashMap;
use std::process::ExitCode;

use clap::Args;
use rollcall_app::{EXPORT_COLUMNS, export_row};

use super::selection;
use crate::output::{csv_error, raw_stdout, write_json};
use crate::remote::{Address, Site, asking_for};

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
    pub(super) fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        let selection = selection(self.filter, self.search)?;
        let app = match site {
            Site::Here(app) => app,
            Site::There(client) => {
                let (file, raw) = match self.format {
                    ExportFormat::Json => ("users.jsonl", None),
                    ExportFormat::Csv => ("users.csv", self.raw.then_some(true)),
                };
                let address = asking_for(Address::of(&[file]), &selection).with("raw", raw);
                client.copy(&address, &mut raw_stdout())?;
                return Ok(ExitCode::SUCCESS);
            }
        };
        let selected = app.select_users(&selection)?;
        let organizations: HashMap<_, _> =
            app.organizations()?.into_iter().map(|each| (each.id, each.name)).collect();
        let users = selected.export()?;
        let mut out = raw_stdout();
        if self.format == ExportFormat::Json {
            for user in users {
                write_json(&mut out, &user?)?;
            }
        } else {
            let mut writer = csv::Writer::from_writer(&mut out);
            writer.write_record(EXPORT_COLUMNS).map_err(csv_error)?;
            for user in users {
                writer
                    .write_record(export_row(&user?, &organizations, app.zone(), self.raw))
                    .map_err(csv_error)?;
            }
            writer.flush()?;
        }
        std::io::Write::flush(&mut out)?;
        Ok(ExitCode::SUCCESS)
    }
}
