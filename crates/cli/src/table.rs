//! Tables for people: columns that fit the terminal, written page by page.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use comfy_table::{
    Cell, CellAlignment, ColumnConstraint, ContentArrangement, ContentLineStyle, LineStyle, Row, Table,
    TableStyle, Width,
};

use crate::output::stdout;
use crate::style;

/// Rows that are arranged together. The first ones decide the widths of the columns.
const PAGE_ROWS: usize = 200;
/// Characters of a cell in a file or pipe. Longer cells are cut, except the last of a row.
const MAX_CELL_WIDTH: u16 = 72;
/// Characters that a terminal leaves to a long cell at least, however many columns there are.
const MIN_CELL_WIDTH: u16 = 8;
/// Blanks after a cell, before the one that the style draws.
const PADDING: u16 = 1;

/// Nothing but blanks between cells.
const LOOK: TableStyle =
    TableStyle::new().header_lines(BLANK_BETWEEN_CELLS).content_lines(BLANK_BETWEEN_CELLS);
const BLANK_BETWEEN_CELLS: ContentLineStyle = ContentLineStyle::none().junction(' ');

/// A table on its way to standard output. Holds one page of rows.
pub(crate) struct TableWriter {
    columns: Vec<String>,
    page: Vec<Vec<String>>,
    layout: Option<Layout>,
    /// None for a file or a pipe.
    terminal_width: Option<u16>,
    out: BufWriter<anstream::AutoStream<StdoutLock<'static>>>,
}

impl TableWriter {
    /// Creates a table under `columns`.
    pub(crate) fn new(columns: Vec<String>) -> Self {
        Self {
            columns,
            page: Vec::new(),
            layout: None,
            terminal_width: terminal_width(),
            out: BufWriter::with_capacity(1 << 16, stdout()),
        }
    }

    /// Adds a row of cells without line breaks.
    pub(crate) fn push(&mut self, cells: Vec<String>) -> io::Result<()> {
        self.page.push(cells);
        if self.page.len() == PAGE_ROWS { self.write_page() } else { Ok(()) }
    }

    /// Writes the rows that are left. Leaves out empty columns if all rows are known.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if self.layout.is_none() {
            leave_out_empty(&mut self.columns, &mut self.page);
        }
        if !self.page.is_empty() {
            self.write_page()?;
        }
        self.out.flush()
    }

    fn write_page(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.page);
        let layout = match &self.layout {
            Some(layout) => layout,
            None => {
                let layout = match self.terminal_width {
                    Some(width) => Layout::for_terminal(&self.columns, &rows, width),
                    None => Layout::for_file(&self.columns, &rows),
                };
                write!(self.out, "{}", style::FAINT.render())?;
                layout.write_header(&mut self.out, &self.columns)?;
                write!(self.out, "{}", style::FAINT.render_reset())?;
                self.layout.insert(layout)
            }
        };
        layout.write_rows(&mut self.out, &rows)
    }
}

/// The columns of the terminal at standard output; none for a file or a pipe.
fn terminal_width() -> Option<u16> {
    let out = crate::output::unlocked_stdout();
    if !out.is_terminal() {
        return None;
    }
    // A terminal without a size, such as a serial line, counts as a file.
    terminal_size::terminal_size_of(out).map(|(width, _)| width.0)
}

/// Removes columns without a value: they only take room from the others.
fn leave_out_empty(columns: &mut Vec<String>, rows: &mut [Vec<String>]) {
    for at in (0..columns.len()).rev() {
        if rows.iter().all(|row| row[at].is_empty()) {
            columns.remove(at);
            rows.iter_mut().for_each(|row| drop(row.remove(at)));
        }
    }
}

/// The arrangement of columns.
enum Layout {
    /// Every row is one line. A column is as wide as its cells, up to [`MAX_CELL_WIDTH`]. The last one is never cut.
    File { widths: Vec<u16> },
    /// Lines fit the terminal: a long cell is wrapped within its column, and numbers are aligned on the right.
    Terminal { widths: Vec<u16>, numeric: Vec<bool> },
}

impl Layout {
    fn for_file(columns: &[String], rows: &[Vec<String>]) -> Self {
        let mut table = table_of(rows);
        table.add_row(columns);
        Self::File { widths: table.column_max_content_widths() }
    }

    fn for_terminal(columns: &[String], rows: &[Vec<String>], terminal_width: u16) -> Self {
        let mut table = table_of(rows);
        table.add_row(columns);
        let min_widths: Vec<_> =
            table.column_max_content_widths().into_iter().map(|width| width.min(MIN_CELL_WIDTH)).collect();
        constrain(&mut table, &min_widths, ColumnConstraint::LowerBoundary);
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(terminal_width);
        // The library shows the widths that it chooses only in a line that it draws.
        table.style_mut().top_border = LineStyle::none().fill('-').junction('+');
        let rule = table.lines().next().unwrap_or_default();
        let widths = rule.split('+').enumerate().map(|(at, drawn)| {
            let width = u16::try_from(drawn.len()).unwrap_or(u16::MAX);
            width.saturating_sub(if at + 1 == columns.len() { 0 } else { PADDING })
        });
        let numeric = (0..columns.len()).map(|at| is_numeric(rows.iter().map(|row| row[at].as_str())));
        Self::Terminal { widths: widths.collect(), numeric: numeric.collect() }
    }

    fn write_header(&self, out: &mut impl Write, columns: &[String]) -> io::Result<()> {
        match self {
            Self::File { widths } => write_to_file(out, std::slice::from_ref(&columns), widths),
            Self::Terminal { widths, numeric } => {
                let mut table = Table::new();
                table.add_row(one_line_row(columns));
                write_to_terminal(out, table, widths, numeric)
            }
        }
    }

    fn write_rows(&self, out: &mut impl Write, rows: &[Vec<String>]) -> io::Result<()> {
        match self {
            Self::File { widths } => write_to_file(out, rows, widths),
            Self::Terminal { widths, numeric } => write_to_terminal(out, table_of(rows), widths, numeric),
        }
    }
}

/// Writes a line for each row. Columns become wider if cells of these rows ask for it.
fn write_to_file(out: &mut impl Write, rows: &[impl AsRef<[String]>], widths: &[u16]) -> io::Result<()> {
    let mut table = Table::new();
    let mut last_cells = Vec::with_capacity(rows.len());
    for row in rows {
        let Some((last, cells)) = row.as_ref().split_last() else { continue };
        // The last cell stays whole, and adds no blanks to the lines of other rows.
        last_cells.push(last);
        table.add_row(one_line_row(cells));
    }
    let page_widths = table.column_max_content_widths().into_iter();
    let widths: Vec<_> =
        page_widths.zip(widths).map(|(page, width)| page.max(*width).min(MAX_CELL_WIDTH)).collect();
    arrange(&mut table, &widths);
    let gap = if widths.is_empty() { "" } else { "  " };
    let mut lines = table.lines();
    last_cells.into_iter().try_for_each(|last| {
        let line = lines.next().unwrap_or_default();
        writeln!(out, "{line}{gap}{last}")
    })
}

fn write_to_terminal(
    out: &mut impl Write,
    mut table: Table,
    widths: &[u16],
    numeric: &[bool],
) -> io::Result<()> {
    arrange(&mut table, widths);
    for (column, _) in table.column_iter_mut().zip(numeric).filter(|(_, is_numeric)| **is_numeric) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.lines().try_for_each(|line| writeln!(out, "{}", line.trim_end()))
}

/// A table of whole cells, with two blanks between columns.
fn table_of(rows: &[Vec<String>]) -> Table {
    let mut table = Table::new();
    table.add_rows(rows);
    table
}

/// A row that is cut to one line. Cells are cut at any character: between words, a cell would lose more than it must.
fn one_line_row(cells: &[String]) -> Row {
    let mut row = Row::from(cells.iter().map(|cell| Cell::new(cell).set_delimiter('\0')));
    row.max_height(1);
    row
}

/// Gives the columns of a table these widths.
fn arrange(table: &mut Table, widths: &[u16]) {
    constrain(table, widths, ColumnConstraint::Absolute);
}

/// Sets the look of a table and a constraint of each column, of which the library counts the padding as a part.
fn constrain(table: &mut Table, widths: &[u16], constraint: fn(Width) -> ColumnConstraint) {
    table.load_style(LOOK);
    let last = widths.len().saturating_sub(1);
    for (at, (column, width)) in table.column_iter_mut().zip(widths).enumerate() {
        let padding = if at == last { 0 } else { PADDING };
        column.set_padding((0, padding));
        column.set_constraint(constraint(Width::Fixed(width.saturating_add(padding))));
    }
}

/// Whether all cells that have a value are numbers.
fn is_numeric<'a>(cells: impl Iterator<Item = &'a str>) -> bool {
    let mut values = cells.filter(|cell| !cell.is_empty()).peekable();
    values.peek().is_some() && values.all(is_number)
}

/// Whether a cell is a number, such as `12,345`, `-3` or `0.5`.
fn is_number(cell: &str) -> bool {
    let digits = cell.strip_prefix('-').unwrap_or(cell).replace(',', "");
    digits.starts_with(|c: char| c.is_ascii_digit()) && digits.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    fn written(layout: &Layout, columns: &[String], pages: &[&[Vec<String>]]) -> String {
        let mut out = Vec::new();
        layout.write_header(&mut out, columns).unwrap();
        for page in pages {
            layout.write_rows(&mut out, page).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_terminal_gets_aligned_columns_that_fit() {
        let columns = rows(&[&["run", "script", "outcomes", "detail"]]).remove(0);
        let first = rows(&[
            &["7", "extend.py", "changed 12 · failed 1", "the reason is longer than this terminal is wide"],
            &["1,012", "日本語.py", "changed 3", ""],
        ]);
        let later = rows(&[&["3", "a-script-whose-name-is-long.py", "changed 1", "short"]]);
        let layout = Layout::for_terminal(&columns, &first, 50);
        let text = written(&layout, &columns, &[&first, &later]);
        insta::assert_snapshot!(text, @r"
          run  script     outcomes      detail
            7  extend.py  changed 12 ·  the reason is
                          failed 1      longer than this
                                        terminal is wide
        1,012  日本語.py  changed 3
            3  a-script-  changed 1     short
               whose-nam
               e-is-long
               .py
        ");
    }

    #[test]
    fn a_file_gets_a_line_for_each_row_and_the_last_cell_whole() {
        let columns = rows(&[&["name", "number", "detail"]]).remove(0);
        let (long, longer) = ("word ".repeat(20), "x".repeat(200));
        let first = rows(&[&["a", "1", &longer], &[&long, "12", "b"]]);
        let text = written(&Layout::for_file(&columns, &first), &columns, &[&first]);
        let pad = |cell: &str| format!("{cell:72}  ");
        let cut = format!("{:71}…", &long[..71]);
        let expected = [
            format!("{}number  detail", pad("name")),
            format!("{}1       {longer}", pad("a")),
            format!("{}12      b", pad(&cut)),
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn later_rows_of_a_file_widen_their_columns() {
        let columns = rows(&[&["name", "number"]]).remove(0);
        let (first, later) = (rows(&[&["a", "1"]]), rows(&[&["a-longer-name", "1"], &["b", "2"]]));
        let text = written(&Layout::for_file(&columns, &first), &columns, &[&first, &later]);
        insta::assert_snapshot!(text, @r"
        name  number
        a     1
        a-longer-name  1
        b              2
        ");
    }

    #[test]
    fn addresses_and_dates_are_no_numbers() {
        for cell in ["0", "-3", "12,345", "0.5"] {
            assert!(is_number(cell), "{cell}");
        }
        for cell in ["", "-", "10.0.0.1", "2026-12-01", "inf", "NaN", "12 s"] {
            assert!(!is_number(cell), "{cell}");
        }
    }
}
