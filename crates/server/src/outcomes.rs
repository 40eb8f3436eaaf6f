//! The outcomes of a run as a table to take away: CSV and Excel. Results and the cells of rows are columns of their own.

use std::collections::HashMap;
use std::io::Write;

use rollcall_app::runs::{Entries, ResultColumns};
use rollcall_app::{AppError, defuse};
use rollcall_domain::{Run, TargetOutcome};
use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};
use serde_json::value::RawValue;

use crate::output::csv_error;
use crate::show::{Times, changes_cell, why_cell};

/// The place of the username among the columns.
pub(crate) const USERNAME: usize = 2;

/// What every run's table starts with.
const FIXED: [&str; 8] = ["target", "obj_id", "username", "outcome", "why", "changes", "warnings", "output"];

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Empty,
    Text(String),
    /// As JSON writes it: every digit is kept.
    Number(String),
    Bool(bool),
}

impl Cell {
    fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }

    /// A JSON value; what is neither text nor number nor true nor false stays JSON.
    fn json(value: &RawValue) -> Self {
        let text = value.get();
        match text.as_bytes().first() {
            Some(b'"') => serde_json::from_str(text).map_or(Self::Empty, Self::Text),
            Some(b'-' | b'0'..=b'9') => Self::Number(text.to_owned()),
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'n') | None => Self::Empty,
            Some(_) => Self::Text(text.to_owned()),
        }
    }

    /// For people and programs.
    pub(crate) fn into_plain(self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) | Self::Number(text) => text,
            Self::Bool(value) => value.to_string(),
        }
    }

    /// For a spreadsheet that reads CSV: a text that it would take for a formula is defused. Numbers never are one.
    fn into_defused(self) -> String {
        match self {
            Self::Text(text) => defuse(&text).into_owned(),
            other => other.into_plain(),
        }
    }
}

/// The columns of a run's outcomes.
#[derive(Debug)]
pub(crate) struct Columns {
    names: Vec<String>,
    /// The place of each result among the columns.
    results: HashMap<String, usize>,
    /// The place of the column for results that have none of their own.
    others: Option<usize>,
    /// Columns of the targets' rows come last.
    row_columns: usize,
    /// The format of moments among the changes.
    times: Times,
}

impl Columns {
    /// Those of `run`, whose scripts have left `results`, and if wanted those of its targets' rows. A result's name that
    /// is taken gets `result.` in front.
    pub(crate) fn new(run: &Run, results: ResultColumns, with_rows: bool, times: Times) -> Self {
        let mut names: Vec<String> = FIXED.map(str::to_owned).into();
        let mut places = HashMap::new();
        for name in results.names {
            places.insert(name.clone(), names.len());
            names.push(if FIXED.contains(&name.as_str()) { format!("result.{name}") } else { name });
        }
        let others = results.more.then_some(names.len());
        if others.is_some() {
            names.push("other results".to_owned());
        }
        let row_columns = run.columns.as_deref().filter(|_| with_rows).unwrap_or_default();
        names.extend(row_columns.iter().map(|name| format!("row.{name}")));
        Self { names, results: places, others, row_columns: row_columns.len(), times }
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The cells of one outcome.
    pub(crate) fn cells(&self, outcome: &TargetOutcome) -> Vec<Cell> {
        let mut cells = Vec::with_capacity(self.names.len());
        cells.extend([
            Cell::Number(outcome.target.to_string()),
            Cell::Number(outcome.user_id.to_string()),
            Cell::text(outcome.username.clone().unwrap_or_default()),
            Cell::text(outcome.outcome.name()),
            Cell::text(why_cell(outcome)),
            Cell::text(changes_cell(outcome, &self.times)),
            Cell::text(outcome.warnings.join("; ")),
            Cell::text(outcome.output.clone()),
        ]);
        cells.resize(self.names.len() - self.row_columns, Cell::Empty);
        let mut others = Vec::new();
        for (name, value) in Entries::read(outcome.result.as_deref()).0 {
            match self.results.get(&name) {
                Some(place) => cells[*place] = Cell::json(value),
                None => others.push((name, value)),
            }
        }
        if let Some(place) = self.others
            && !others.is_empty()
        {
            let others: serde_json::Map<_, _> = others
                .into_iter()
                .map(|(name, value)| (name, value.get().parse().unwrap_or_default()))
                .collect();
            cells[place] = Cell::Text(serde_json::Value::Object(others).to_string());
        }
        let row = outcome.cells.as_deref().unwrap_or_default();
        cells.extend(row.iter().take(self.row_columns).map(Cell::text));
        cells.resize(self.names.len(), Cell::Empty);
        cells
    }
}

type Outcomes<'a> = dyn Iterator<Item = Result<TargetOutcome, AppError>> + 'a;

/// Writes outcomes as CSV; unless `raw`, texts that a spreadsheet would take for formulas are defused.
pub(crate) fn write_csv(
    columns: &Columns,
    outcomes: &mut Outcomes<'_>,
    raw: bool,
    out: impl Write,
) -> anyhow::Result<()> {
    let shown = |cell: Cell| if raw { cell.into_plain() } else { cell.into_defused() };
    let mut writer = csv::Writer::from_writer(out);
    let header = columns.names.iter().map(|name| shown(Cell::text(name.as_str())));
    writer.write_record(header).map_err(csv_error)?;
    for outcome in outcomes {
        writer.write_record(columns.cells(&outcome?).into_iter().map(shown)).map_err(csv_error)?;
    }
    Ok(writer.flush()?)
}

/// Rows of a sheet in Excel, the header among them.
const SHEET_ROWS: u32 = 1_048_576;
/// Characters of a cell in Excel.
const CELL_CHARS: usize = 32_767;

/// Writes outcomes as an Excel workbook; what does not fit on one sheet goes on to the next. Rows wait in temporary
/// files, not in memory.
pub(crate) fn write_workbook(
    columns: &Columns,
    outcomes: &mut Outcomes<'_>,
    out: impl Write + Send,
) -> anyhow::Result<()> {
    let mut workbook = Workbook::new();
    let mut outcomes = outcomes.peekable();
    let mut sheets = 0;
    loop {
        let sheet = workbook.add_worksheet_with_constant_memory()?;
        sheets += 1;
        sheet.set_name(if sheets == 1 { "Outcomes".to_owned() } else { format!("Outcomes {sheets}") })?;
        start_sheet(sheet, columns)?;
        for row in 1..SHEET_ROWS {
            let Some(outcome) = outcomes.next() else { break };
            for (column, cell) in (0..).zip(columns.cells(&outcome?)) {
                write_cell(sheet, row, column, cell)?;
            }
        }
        if outcomes.peek().is_none() {
            break;
        }
    }
    Ok(workbook.save_to_writer(out)?)
}

fn start_sheet(sheet: &mut Worksheet, columns: &Columns) -> Result<(), XlsxError> {
    sheet.set_freeze_panes(1, 0)?;
    for (column, width) in [(2, 24.0), (3, 12.0), (4, 40.0), (5, 60.0)] {
        sheet.set_column_width(column, width)?;
    }
    let bold = Format::new().set_bold();
    for (column, name) in (0..).zip(&columns.names) {
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
    fn json_values_become_cells() {
        let cell = |text: &str| Cell::json(&RawValue::from_string(text.to_owned()).unwrap());
        assert_eq!(cell("\"=1\\n\"").into_defused(), "'=1\n");
        assert_eq!(cell("-5").into_defused(), "-5");
        assert_eq!(cell("1.50"), Cell::Number("1.50".into()));
        assert_eq!(cell("12345678901234567890"), Cell::Number("12345678901234567890".into()));
        assert_eq!((cell("true"), cell("null")), (Cell::Bool(true), Cell::Empty));
        assert_eq!(cell("[1,{}]"), Cell::Text("[1,{}]".into()));
    }

    #[test]
    fn texts_are_cut_to_what_excel_holds() {
        assert_eq!(cut(&"é".repeat(32_767)).chars().count(), 32_767);
        let long = cut(&"𝄞".repeat(20_000));
        assert!(long.ends_with('…') && long.encode_utf16().count() <= CELL_CHARS);
    }
}
