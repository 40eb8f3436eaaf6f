use std::io;

use rollcall_domain::Suggestion;

use super::options::MAX_ROW;

/// Why a file of rows cannot be read (on). Every message is a sentence for the administrator; none names the file.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The system does not open it.
    #[error("the file cannot be opened: {0}")]
    Open(io::Error),
    /// The system does not read it.
    #[error("the file could not be read to its end: {0}")]
    Read(io::Error),
    /// Nothing is in it, or nothing but blank lines.
    #[error("the file is empty: its first row must name the columns")]
    Empty,
    /// Rows make no sense under this header.
    #[error("the header cannot be used ({place}):\n  {}", .faults.join("\n  "))]
    Header {
        /// `line 1`, `row 3`.
        place: String,
        /// All that is wrong with it, each a sentence.
        faults: Vec<String>,
    },
    /// The header is not where it was said to be.
    #[error("no row starts at {row}, where the header was said to be; choose another header row")]
    HeaderRow {
        /// The line or row, from 1.
        row: u64,
    },
    /// Rows are hidden, and the options do not say whether to read them.
    #[error(
        "{} in the sheet, from row {first} on; choose whether to include or to skip hidden rows",
        if *.rows == 1 { "1 row is hidden".to_owned() } else { format!("{rows} rows are hidden") }
    )]
    Hidden {
        /// The number of hidden rows that are not blank.
        rows: u64,
        /// The number of the first of them.
        first: u64,
    },
    /// The encoding's label.
    #[error("no encoding is called {0:?}; try utf-8, utf-16le, windows-1252, iso-8859-2 or cp850")]
    Encoding(String),
    /// The delimiter that was asked for.
    #[error(
        "{0:?} cannot stand between cells: take one ASCII character that is neither a quote nor a line break"
    )]
    Delimiter(char),
    /// A sheet was asked for in a text.
    #[error("the file is text and has no sheets; leave the sheet's name out")]
    NoSheets,
    /// A form of CSV was asked for in a workbook.
    #[error(
        "the file is an Excel workbook, which has no encoding, delimiter or quotes to choose; leave them out"
    )]
    NotForExcel,
    /// A workbook comes from standard input.
    #[error(
        "this is an Excel workbook, which can only be read from a file: give the file's name, or save it as CSV"
    )]
    ExcelFromPipe,
    /// A workbook of Excel 97 to 2003, or another Compound File.
    #[error("this is in the format of Excel before 2007 (.xls); save it as .xlsx or as CSV")]
    OldExcel,
    /// An encrypted workbook.
    #[error("the workbook is protected by a password; save it without one, or as CSV")]
    Protected,
    /// A ZIP archive that is no workbook, or a workbook that does not hold together.
    #[error("this is not an Excel workbook (.xlsx), or a damaged one ({0}); save it anew as .xlsx or as CSV")]
    Workbook(String),
    /// No sheet has that name.
    #[error("the workbook has no sheet {wanted:?}{hint} Its sheets are {sheets}")]
    Sheet {
        /// What was asked for.
        wanted: String,
        /// What may have been meant, `; did you mean …?`, or a full stop.
        hint: String,
        /// Those that there are.
        sheets: String,
    },
    /// The sheet does not hold together.
    #[error(
        "the sheet cannot be read after row {row} ({why}); open it in a spreadsheet program and save it anew"
    )]
    Damaged {
        /// The number of the last row that could be read.
        row: u64,
        /// What the reader stumbled over.
        why: String,
    },
    /// A row is longer than any row of people's data: it is not one row.
    #[error(
        "the row that starts on line {line} is longer than {} KiB; is a quote opened in it and never closed?",
        MAX_ROW / 1024
    )]
    RowTooLong {
        /// Where it starts.
        line: u64,
    },
    /// A row of a sheet is longer than any row of people's data.
    #[error("row {row} holds more than {} KiB of text; no row may", MAX_ROW / 1024)]
    SheetRowTooLong {
        /// Its number.
        row: u64,
    },
}

impl TableError {
    /// The choice that makes the file readable, if there is one.
    #[must_use]
    pub fn suggestion(&self) -> Option<Suggestion> {
        match self {
            Self::HeaderRow { .. } => Some(Suggestion::ChooseHeaderRow),
            Self::Hidden { .. } => Some(Suggestion::ChooseHiddenRows),
            _ => None,
        }
    }
}
