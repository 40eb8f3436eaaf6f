use std::io::{BufWriter, IsTerminal};
use std::process::ExitCode;

use clap::Args;
use rollcall_api::Run;
use rollcall_api::table::{Cell, Columns, USERNAME};
use rollcall_app::wire::OutcomeFormat;
use rollcall_domain::Outcome;

use super::{Context, RunName};
use crate::backend::Backend;
use crate::failure::Usage;
use crate::output::{Format, Listing, unlocked_stdout};
use crate::show::tally_line;
use crate::style::tell;
use rollcall_domain::Times;

#[derive(Debug, Args)]
pub(crate) struct Outcomes {
    /// The ID of the run, or latest
    run: RunName,
    /// Only targets with this outcome
    #[arg(long)]
    outcome: Option<Outcome>,
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    format: OutcomesFormat,
    /// In CSV, do not escape text that a spreadsheet would run as a formula
    #[arg(long)]
    raw: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum OutcomesFormat {
    /// Aligned columns for people
    #[default]
    Table,
    /// Comma-separated values with results as columns; text that a spreadsheet would run as a formula is
    /// escaped
    Csv,
    /// One compact JSON object a line
    Json,
    /// An Excel workbook with results as columns
    Xlsx,
}

impl Outcomes {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        let Self { run, outcome, format, raw } = self;
        if raw && format != OutcomesFormat::Csv {
            return Err(Usage("--raw is for --format csv: nothing else is defused".to_owned()).into());
        }
        let run = backend.run(run.find(&backend)?)?;
        if let Some(pruned_at) = run.pruned_at {
            let pruned_at = Times::for_people(backend.zone()?).short(pruned_at);
            tell(format_args!("the outcomes of run {} were pruned on {pruned_at}", run.run_id));
        }
        if format == OutcomesFormat::Xlsx && unlocked_stdout().is_terminal() {
            let why = "an Excel workbook is not for a terminal: write it to a file, with > outcomes.xlsx";
            return Err(Usage(why.to_owned()).into());
        }
        let format = match format {
            OutcomesFormat::Table => {
                table(&backend, &run, outcome)?;
                return Ok(ExitCode::SUCCESS);
            }
            OutcomesFormat::Csv => OutcomeFormat::Csv { raw },
            OutcomesFormat::Json => OutcomeFormat::Json,
            OutcomesFormat::Xlsx => OutcomeFormat::Xlsx,
        };
        // Not through a lock: a workbook is put together by threads.
        let out = BufWriter::with_capacity(1 << 16, unlocked_stdout());
        backend.export_outcomes(&run, outcome, format, out)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn table(backend: &Backend, run: &Run, outcome: Option<Outcome>) -> anyhow::Result<()> {
    // People know the rows that they gave.
    let results = backend.result_columns(run, outcome)?;
    let columns = Columns::new(results, &[], Times::for_people(backend.zone()?));
    let mut listing = Listing::new(Format::Table, columns.names())?;
    let mut any = false;
    for each in backend.outcomes(run, outcome)? {
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
        tell(format_args!("run {} has no outcome{which}: {}", run.run_id, tally_line(&run.outcomes)));
    }
    Ok(())
}
