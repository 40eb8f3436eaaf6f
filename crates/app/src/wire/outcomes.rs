//! The outcomes of a run as CSV and as an Excel workbook. Results and the cells of rows are columns of their own.

use std::io::{self, Write};

use rollcall_api::table::{Cell, Columns};
use rollcall_api::{self as api, write_json};
use rollcall_domain::{Outcome, Run, Times};
use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use crate::csv_text::csv_error;
use crate::{App, AppError};
use rollcall_domain::defuse;

/// The format of exported outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeFormat {
    /// CSV; unless `raw`, texts that a spreadsheet would take for formulas are defused.
    Csv {
        /// Whether texts are written as they are.
        raw: bool,
    },
    /// One JSON object a line.
    Json,
    /// An Excel workbook.
    Xlsx,
}

/// Writes the outcomes of a run, of one kind only where `outcome` names it, as they come from the database. The export is
/// recorded in the audit log.
///
/// # Errors
/// If the permission is missing, or the database or `out` fails.
pub fn export_outcomes<E>(
    app: &App,
    run: &Run,
    outcome: Option<Outcome>,
    format: OutcomeFormat,
    mut out: impl Write + Send,
) -> Result<(), E>
where
    E: From<AppError> + From<io::Error>,
{
    let columns = || -> Result<Columns, AppError> {
        let row_columns = run.columns.as_deref().unwrap_or_default();
        let results = app.runs().list_result_columns(run, outcome)?.into();
        Ok(Columns::new(results, row_columns, Times::for_programs(app.zone())))
    };
    match format {
        OutcomeFormat::Json => {
            for each in app.runs().export_outcomes(run, outcome)? {
                write_json(&mut out, &api::Outcome::new(each?, run))?;
            }
            Ok(out.flush()?)
        }
        OutcomeFormat::Csv { raw } => {
            let columns = columns()?;
            let mut outcomes =
                app.runs().export_outcomes(run, outcome)?.map(|each| Ok(api::Outcome::new(each?, run)));
            write_csv(&columns, &mut outcomes, raw, out)
        }
        OutcomeFormat::Xlsx => {
            let columns = columns()?;
            let mut outcomes =
                app.runs().export_outcomes(run, outcome)?.map(|each| Ok(api::Outcome::new(each?, run)));
            write_workbook(&columns, &mut outcomes, out)
        }
    }
}

type Outcomes<'a> = dyn Iterator<Item = Result<api::Outcome, AppError>> + 'a;

fn write_csv<E>(columns: &Columns, outcomes: &mut Outcomes<'_>, raw: bool, out: impl Write) -> Result<(), E>
where
    E: From<AppError> + From<io::Error>,
{
    let shown = |cell: Cell| if raw { cell.into_plain() } else { defused(cell) };
    let mut writer = csv::Writer::from_writer(out);
    let header = columns.names().iter().map(|name| shown(Cell::text(name.as_str())));
    writer.write_record(header).map_err(csv_error)?;
    for outcome in outcomes {
        writer.write_record(columns.cells(&outcome?).into_iter().map(shown)).map_err(csv_error)?;
    }
    Ok(writer.flush()?)
}

/// The cell for a spreadsheet that reads CSV: a text that it would take for a formula is defused. Numbers never are one.
fn defused(cell: Cell) -> String {
    match cell {
        Cell::Text(text) => defuse(&text).into_owned(),
        other => other.into_plain(),
    }
}

/// The failure of whoever reads the workbook, if it is that; it has no other failures.
fn workbook_error(error: XlsxError) -> io::Error {
    match error {
        XlsxError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

/// Rows of a sheet in Excel, the header among them.
const SHEET_ROWS: u32 = 1_048_576;
/// Characters of a cell in Excel.
const CELL_CHARS: usize = 32_767;

/// Writes outcomes as an Excel workbook; what does not fit on one sheet goes on to the next. Rows wait in temporary
/// files, not in memory.
fn write_workbook<E>(columns: &Columns, outcomes: &mut Outcomes<'_>, out: impl Write + Send) -> Result<(), E>
where
    E: From<AppError> + From<io::Error>,
{
    let mut workbook = Workbook::new();
    let mut outcomes = outcomes.peekable();
    let mut sheets = 0;
    loop {
        let sheet = workbook.add_worksheet_with_constant_memory().map_err(workbook_error)?;
        sheets += 1;
        sheet
            .set_name(if sheets == 1 { "Outcomes".to_owned() } else { format!("Outcomes {sheets}") })
            .map_err(workbook_error)?;
        start_sheet(sheet, columns).map_err(workbook_error)?;
        for row in 1..SHEET_ROWS {
            let Some(outcome) = outcomes.next() else { break };
            for (column, cell) in (0..).zip(columns.cells(&outcome?)) {
                write_cell(sheet, row, column, cell).map_err(workbook_error)?;
            }
        }
        if outcomes.peek().is_none() {
            break;
        }
    }
    Ok(workbook.save_to_writer(out).map_err(workbook_error)?)
}

fn start_sheet(sheet: &mut Worksheet, columns: &Columns) -> Result<(), XlsxError> {
    sheet.set_freeze_panes(1, 0)?;
    for (column, width) in [(2, 24.0), (3, 12.0), (4, 40.0), (5, 60.0)] {
        sheet.set_column_width(column, width)?;
    }
    let bold = Format::new().set_bold();
    for (column, name) in (0..).zip(columns.names()) {
        sheet.write_string_with_format(0, column, cut(name), &bold)?;
    }
    Ok(())
}

fn write_cell(sheet: &mut Worksheet, row: u32, column: u16, cell: Cell) -> Result<(), XlsxError> {
    match cell {
        Cell::Empty => {}
        Cell::Text(text) => {
            sheet.write_string(row, column, cut(&text))?;
        }
        Cell::Bool(value) => {
            sheet.write_boolean(row, column, value)?;
        }
        // Excel keeps 15 digits of a number: an identifier of more would become another one.
        Cell::Number(digits) => match digits.parse::<f64>() {
            Ok(number) if digits.contains(['.', 'e', 'E']) || digits.len() <= 15 => {
                sheet.write_number(row, column, number)?;
            }
            _ => {
                sheet.write_string(row, column, digits)?;
            }
        },
    }
    Ok(())
}

fn cut(text: &str) -> String {
    // Excel counts in UTF-16.
    if text.len() <= CELL_CHARS {
        return text.to_owned();
    }
    let mut room = CELL_CHARS - 1;
    let fits = |c: &char| {
        let fits = c.len_utf16() <= room;
        room = room.saturating_sub(c.len_utf16());
        fits
    };
    let cut: String = text.chars().take_while(fits).collect();
    if cut.len() == text.len() { cut } else { cut + "…" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_are_defused() {
        assert_eq!(defused(Cell::Text("=1\n".into())), "'=1\n");
        assert_eq!(defused(Cell::Number("-5".into())), "-5");
    }

    #[test]
    fn texts_are_cut_to_what_excel_holds() {
        assert_eq!(cut(&"é".repeat(32_767)).chars().count(), 32_767);
        let long = cut(&"𝄞".repeat(20_000));
        assert!(long.ends_with('…') && long.encode_utf16().count() <= CELL_CHARS);
    }
}
