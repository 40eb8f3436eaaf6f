use std::io::{BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use clap::Args;
use rollcall_domain::{Outcome, RunId};

use super::Context;
use crate::contract;
use crate::failure::Usage;
use crate::outcomes::{Cell, Columns, write_csv, write_workbook};
use crate::output::{Format, Listing, raw_stdout, write_json};
use crate::show::{short_time, tally_line};
use crate::style::tell;

#[derive(Debug, Args)]
pub(crate) struct Outcomes {
    /// The run's number
    run: RunId,
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
        let app = context.app()?;
        let Self { run, outcome, format, raw } = self;
        if raw && format != OutcomesFormat::Csv {
            return Err(Usage("--raw is for --format csv: nothing else is defused".to_owned()).into());
        }
        let run = app.find_run(run)?;
        if let Some(pruned_at) = run.pruned_at {
            tell(format_args!("the outcomes of run {} were pruned on {}", run.id, short_time(pruned_at)));
        }
        if format == OutcomesFormat::Json {
            let mut out = raw_stdout();
            for each in app.outcomes(&run, outcome)? {
                write_json(&mut out, &contract::TargetOutcome::new(each?, &run))?;
            }
            out.flush()?;
            return Ok(ExitCode::SUCCESS);
        }
        // People know the rows that they gave.
        let with_rows = format != OutcomesFormat::Table;
        let columns = Columns::new(&run, app.result_columns(&run, outcome)?, with_rows);
        match format {
            OutcomesFormat::Json => {}
            OutcomesFormat::Csv => {
                write_csv(&columns, &mut app.download(&run, outcome)?, raw, raw_stdout())?;
            }
            OutcomesFormat::Xlsx if std::io::stdout().is_terminal() => {
                let why = "an Excel workbook is not for a terminal: write it to a file, with > outcomes.xlsx";
                return Err(Usage(why.to_owned()).into());
            }
            // Not through a lock: the workbook is put together by threads.
            OutcomesFormat::Xlsx => {
                let mut outcomes = app.download(&run, outcome)?;
                write_workbook(&columns, &mut outcomes, BufWriter::new(std::io::stdout()))?;
            }
            OutcomesFormat::Table => {
                let mut listing = Listing::new(Format::Table, columns.names())?;
                let mut any = false;
                for each in app.outcomes(&run, outcome)? {
                    let each = each?;
                    let cells = || columns.cells(&each).into_iter().map(Cell::into_plain).collect();
                    listing.push(cells, &())?;
                    any = true;
                }
                listing.finish()?;
                if !any {
                    let which = outcome.map_or_else(String::new, |outcome| format!(" that is {outcome}"));
                    tell(format_args!(
                        "run {} has no outcome{which}: {}",
                        run.id,
                        tally_line(&run.final_tally())
                    ));
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
