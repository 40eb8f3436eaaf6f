//! The bad rows of a file as a file that can be mended and read again.

use std::io::{self, Write};

use super::BadRow;
use crate::csv_text::{csv_error, defuse};

/// Stands behind a bad row that has too few cells.
const MEND: &str = "(mend this row, then remove this cell)";

/// The columns that are added to bad rows.
const MARKS: [&str; 2] = ["line", "reason"];

/// Writes bad rows as CSV: their cells, the line and the reason.
#[derive(Debug)]
pub struct BadRowsFile<W: Write> {
    writer: csv::Writer<W>,
    /// How many columns are the file's own.
    own: usize,
    /// How many cells a row ought to have: the file may be one of bad rows itself.
    expected: usize,
}

impl<W: Write> BadRowsFile<W> {
    /// Writes the header, below which come rows of a file that has these columns.
    pub fn new(columns: &[String], to: W) -> io::Result<Self> {
        let expected = columns.len();
        let marked = columns.ends_with(&MARKS.map(str::to_owned));
        let own = expected - if marked { MARKS.len() } else { 0 };
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(to);
        let header = columns[..own].iter().map(|column| defuse(column).into_owned());
        writer.write_record(header.chain(MARKS.map(str::to_owned))).map_err(csv_error)?;
        Ok(Self { writer, own, expected })
    }

    /// Writes a row.
    pub fn write(&mut self, bad: &BadRow<'_>) -> io::Result<()> {
        let cells = &bad.row.cells;
        let text = |at: usize| defuse(cells.get(at).map_or("", String::as_str)).into_owned();
        let mut record: Vec<String> = (0..self.own).map(text).collect();
        record.extend([bad.row.line.to_string(), defuse(&bad.reason).into_owned()]);
        // A row that has too many or too few cells stays one, so that it cannot pass for a good one unmended.
        record.extend((self.expected..cells.len()).map(text));
        if cells.len() < self.expected {
            record.push(MEND.to_owned());
        }
        self.writer.write_record(record).map_err(csv_error)
    }

    /// Writes what waits to be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
