//! The bad rows of a file as a file that can be corrected and read again.

use std::io::{self, Write};

use crate::csv_text::csv_error;
use crate::table::options::MAX_COLUMNS;
use rollcall_domain::defuse;

/// The column of the line on which a bad row starts.
pub const LINE_COLUMN: &str = "rollcall_line";
/// The column of the reason why a bad row cannot be used.
pub const REASON_COLUMN: &str = "rollcall_reason";

/// The text of an extra cell behind a row that could not be read: the row stays unreadable until it is
/// corrected.
const CORRECT: &str = "(correct this row, then delete this cell)";

/// The maximum length of a reason in characters: it may repeat a long cell, and the length of a row is
/// limited.
const LONGEST_REASON: usize = 500;

/// Writes bad rows as CSV: their cells, the line and the reason.
#[derive(Debug)]
pub struct BadRowsFile<W: Write> {
    writer: csv::Writer<W>,
    /// The places of the columns that are the file's own.
    own: Vec<usize>,
    /// Whether there is room for the columns of the line and the reason.
    marked: bool,
    /// The place of the column whose cells are written as they are.
    literal: Option<usize>,
    /// How many cells a row ought to have: the file may be one of bad rows itself.
    expected: usize,
}

impl<W: Write> BadRowsFile<W> {
    /// Writes the header, below which come rows of a file that has these columns.
    ///
    /// # Errors
    ///
    /// If `to` cannot be written to.
    pub fn new(columns: &[String], to: W) -> io::Result<Self> {
        let is_own = |at: &usize| ![LINE_COLUMN, REASON_COLUMN].contains(&columns[*at].as_str());
        let own: Vec<usize> = (0..columns.len()).filter(is_own).collect();
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(to);
        let mut header: Vec<String> = own.iter().map(|at| defuse(&columns[*at]).into_owned()).collect();
        let marked = own.len() + 2 <= MAX_COLUMNS;
        if marked {
            header.extend([LINE_COLUMN, REASON_COLUMN].map(str::to_owned));
        }
        writer.write_record(header).map_err(csv_error)?;
        Ok(Self { writer, own, marked, literal: None, expected: columns.len() })
    }

    /// Writes the cells of the column at `place` as they are: the reader does not take an apostrophe off them.
    #[must_use]
    pub fn with_literal(self, place: Option<usize>) -> Self {
        Self { literal: place, ..self }
    }

    /// Writes a row that starts on `line`: `cells` is what could be read of it. A row that was `unreadable`, such as
    /// one that has too many cells, gets one more.
    ///
    /// # Errors
    ///
    /// If the file cannot be written to.
    pub fn write(&mut self, line: u64, cells: &[String], reason: &str, unreadable: bool) -> io::Result<()> {
        let text = |at: usize| {
            let cell = cells.get(at).map_or("", String::as_str);
            if self.literal == Some(at) { cell.to_owned() } else { defuse(cell).into_owned() }
        };
        let mut record: Vec<String> = self.own.iter().map(|at| text(*at)).collect();
        if self.marked {
            let reason: String = reason.chars().take(LONGEST_REASON).collect();
            record.extend([line.to_string(), defuse(&reason).into_owned()]);
        }
        if unreadable {
            record.extend((self.expected..cells.len()).map(text).filter(|cell| cell != CORRECT));
            record.push(CORRECT.to_owned());
        }
        self.writer.write_record(record).map_err(csv_error)
    }

    /// Writes what waits to be written.
    ///
    /// # Errors
    ///
    /// If the file cannot be written to.
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
