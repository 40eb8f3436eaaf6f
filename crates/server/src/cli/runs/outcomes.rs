use std::io::{BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use clap::Args;
use rollcall_app::App;
use rollcall_domain::{Outcome, Run};

use super::{Context, RunName};
use crate::contract;
use crate::failure::Usage;
use crate::outcomes::{Cell, Columns, USERNAME, write_csv, write_workbook};
use crate::output::{Format, Listing, raw_stdout, write_json};
use crate::remote::{Address, Site};
use crate::show::{short_time, tally_line};
use crate::style::tell;

#[derive(Debug, Args)]
pub(crate) struct Outcomes {
    /// The run's number, or latest
    run: RunName,
    /// Only those with this outcome
    #[arg(long)]
    outcome: Option<Outcome>,
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: OutcomesFormat,
    /// In CSV, leave text that a spreadsheet would take for a formula as it is
    #[arg(long)]
    raw: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum OutcomesFormat {
    /// Columns, for people
    #[default]
    Table,
    /// Comma-separated values; results are columns; what a spreadsheet would take for a formula is defused
    Csv,
    /// One compact JSON object a line
    Json,
    /// An Excel workbook; results are columns
    Xlsx,
}

impl Outcomes {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let site = context.site()?;
        let Self { run, outcome, format, raw } = self;
        if raw && format != OutcomesFormat::Csv {
            return Err(Usage("--raw is for --format csv: nothing else is defused".to_owned()).into());
        }
        let run = site.find_run(run.find(&site)?)?;
        if let Some(pruned_at) = run.pruned_at {
            tell(format_args!("the outcomes of run {} were pruned on {}", run.id, short_time(pruned_at)));
        }
        if format == OutcomesFormat::Xlsx && std::io::stdout().is_terminal() {
            let why = "an Excel workbook is not for a terminal: write it to a file, with > outcomes.xlsx";
            return Err(Usage(why.to_owned()).into());
        }
        match (format, &site) {
            (OutcomesFormat::Table, _) => table(&site, &run, outcome)?,
            (_, Site::Here(app)) => take_away(app, &run, outcome, format, raw)?,
            // As it is made there, and recorded as taken away.
            (_, Site::There(client)) => {
                let address = Address::of(&["runs", &run.id.to_string(), format.file()]);
                let address = address.with("outcome", outcome).with("raw", raw.then_some(true));
                client.copy(&address, &mut raw_stdout())?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl OutcomesFormat {
    /// What a server calls it, where it makes it as a whole.
    fn file(self) -> &'static str {
        match self {
            Self::Table | Self::Json => "outcomes.jsonl",
            Self::Csv => "outcomes.csv",
            Self::Xlsx => "outcomes.xlsx",
        }
    }
}

fn take_away(
    app: &App,
    run: &Run,
    outcome: Option<Outcome>,
    format: OutcomesFormat,
    raw: bool,
) -> anyhow::Result<()> {
    let columns = || anyhow::Ok(Columns::new(run, app.result_columns(run, outcome)?, run.columns.is_some()));
    match format {
        OutcomesFormat::Csv => write_csv(&columns()?, &mut app.download(run, outcome)?, raw, raw_stdout()),
        // Not through a lock: the workbook is put together by threads.
        OutcomesFormat::Xlsx => {
            let out = BufWriter::new(std::io::stdout());
            write_workbook(&columns()?, &mut app.download(run, outcome)?, out)
        }
        OutcomesFormat::Table | OutcomesFormat::Json => {
            let mut out = raw_stdout();
            for each in app.outcomes(run, outcome)? {
                write_json(&mut out, &contract::TargetOutcome::new(each?, run))?;
            }
            Ok(out.flush()?)
        }
    }
}

fn table(site: &Site, run: &Run, outcome: Option<Outcome>) -> anyhow::Result<()> {
    // People know the rows that they gave.
    let columns = Columns::new(run, site.result_columns(run, outcome)?, false);
    let mut listing = Listing::new(Format::Table, columns.names())?;
    let mut any = false;
    for each in site.outcomes(run, outcome)? {
        let each = each?;
        let cells = || {
            let mut cells: Vec<_> = columns.cells(&each).into_iter().map(Cell::into_plain).collect();
            // In a file it stays empty: programs look names up.
            cells[USERNAME] = each.display_name();
            cells
        };
        listing.push(cells, &())?;
        any = true;
    }
    listing.finish()?;
    if !any {
        let which = outcome.map_or_else(String::new, |outcome| format!(" that is {outcome}"));
        tell(format_args!("run {} has no outcome{which}: {}", run.id, tally_line(&run.final_tally())));
    }
    Ok(())
}
