use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use super::error::TableError;
use super::excel;
use super::excel::Excel;
use super::header::Header;
use super::options::TableOptions;
use super::row::Row;
use super::text::Text;
use rollcall_domain::restore;

/// How a workbook since Excel 2007 starts: as any ZIP archive.
const ZIP: &[u8] = b"PK\x03\x04";
/// How an older one starts, and an encrypted newer one: as a Compound File (MS-CFB, 2.2).
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0";

/// A file of rows whose header has been read. Iterating gives the rows that are not blank; after an error it ends.
pub struct Table {
    rows: Rows,
    header: Header,
    notes: Vec<String>,
    /// The place of the column whose cells are taken as they stand.
    literal: Option<usize>,
    ended: bool,
}

enum Rows {
    Text(Box<Text>),
    Excel(Box<Excel>),
}

impl Table {
    /// Opens the file at `path` and reads its header.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is empty or of another kind, or if the header or `options` are wrong.
    pub fn open(path: &Path, options: &TableOptions) -> Result<Self, TableError> {
        Self::from_file(File::open(path).map_err(TableError::Open)?, options)
    }

    /// Reads the header of a file that is open.
    ///
    /// # Errors
    ///
    /// As [`Table::open`].
    pub fn from_file(mut file: File, options: &TableOptions) -> Result<Self, TableError> {
        let mut start = Vec::with_capacity(ZIP.len());
        file.by_ref().take(ZIP.len() as u64).read_to_end(&mut start).map_err(TableError::Read)?;
        if start != ZIP && start != COMPOUND {
            return Self::text(io::Cursor::new(start).chain(file), options);
        }
        if options.encoding.is_some() || options.delimiter.is_some() || options.quote.is_some() {
            return Err(TableError::NotForExcel);
        }
        file.rewind().map_err(TableError::Read)?;
        let mut notes = Vec::new();
        if start == COMPOUND {
            return Err(excel::compound(file));
        }
        let (excel, header) = Excel::open(file, options, &mut notes)?;
        Ok(Self { rows: Rows::Excel(Box::new(excel)), header, notes, literal: None, ended: false })
    }

    /// Reads the header of CSV text from `source`, such as standard input.
    ///
    /// # Errors
    ///
    /// As [`Table::open`], and if the source is an Excel workbook, which can only be read from a file.
    pub fn read(mut source: impl Read + 'static, options: &TableOptions) -> Result<Self, TableError> {
        let mut start = Vec::with_capacity(ZIP.len());
        source.by_ref().take(ZIP.len() as u64).read_to_end(&mut start).map_err(TableError::Read)?;
        if start == ZIP || start == COMPOUND {
            return Err(TableError::ExcelFromPipe);
        }
        Self::text(io::Cursor::new(start).chain(source), options)
    }

    fn text(source: impl Read + 'static, options: &TableOptions) -> Result<Self, TableError> {
        if options.sheet.is_some() {
            return Err(TableError::NoSheets);
        }
        let mut notes = Vec::new();
        let (text, header) = Text::open(source, options, &mut notes)?;
        Ok(Self { rows: Rows::Text(Box::new(text)), header, notes, literal: None, ended: false })
    }

    /// The names of the columns that have one, in order.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        self.header.columns()
    }

    /// The line of the file, or row of the sheet, that names the columns, from 1.
    #[must_use]
    pub fn header_line(&self) -> u64 {
        self.header.line()
    }

    /// Takes the cells of the column at this place as they stand, such as passwords: an apostrophe in front of them is
    /// part of them, not what an export has put there.
    pub fn keep_apostrophes(&mut self, place: Option<usize>) {
        self.literal = place;
    }

    /// Takes faults of single cells in the columns at these places as no faults of their rows: these columns are not read.
    /// Their cells then hold what the file shows there, such as `#N/A`. Rows that were returned before stay as they are.
    pub fn ignore_faults_in(&mut self, places: impl IntoIterator<Item = usize>) {
        self.header.ignore_faults_in(places);
    }

    /// The columns in which faults were ignored so far, in order, each with the number of cells. Those of rows that have
    /// a fault all the same do not count.
    pub fn ignored_faults(&self) -> impl Iterator<Item = (&str, u64)> {
        self.header.ignored_faults()
    }

    /// What was detected and what is left out, for people. Reading rows may add to it.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// How far into the file the reading is, in bytes; somewhat ahead of the row that was last returned.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        match &self.rows {
            Rows::Text(text) => text.bytes_read(),
            Rows::Excel(excel) => excel.bytes_read(),
        }
    }
}

impl Iterator for Table {
    type Item = Result<Row, TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let mut row = match &mut self.rows {
            Rows::Text(text) => text.next_row(&mut self.header, &mut self.notes),
            Rows::Excel(excel) => excel.next_row(&mut self.header, &mut self.notes),
        };
        if let Ok(Some(row)) = &mut row {
            let cells = row.cells.iter_mut().enumerate().filter(|(at, _)| Some(*at) != self.literal);
            for (_, cell) in cells.filter(|(_, cell)| restore(cell).len() < cell.len()) {
                cell.remove(0);
            }
        }
        self.ended = !matches!(row, Ok(Some(_)));
        row.transpose()
    }
}
