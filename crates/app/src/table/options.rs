//! How a table is read.

/// How long a row may be, in bytes of UTF-8, line breaks inside quotes included.
pub const MAX_ROW: u64 = 64 * 1024;
/// How many cells a header may have.
pub const MAX_COLUMNS: usize = 1_000;

/// The quotation mark around cells that hold a delimiter or a line break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quote {
    /// `"`
    Double,
    /// `'`
    Single,
    /// Nothing: quotation marks are text.
    None,
}

/// The treatment of the rows and columns that a workbook hides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HiddenCells {
    /// They are read like all others.
    Include,
    /// They are left out.
    Skip,
}

/// How a fault ends where a file is in another encoding; each door has its own way to name one.
pub const NAME_ENCODING: &str = "name the file's encoding";

/// How a file is read; what is none is detected.
#[derive(Debug, Clone, Default)]
pub struct TableOptions {
    /// A label such as `windows-1252` (WHATWG Encoding), or a code page of DOS such as `cp850`. A byte order mark in
    /// the file counts more.
    pub encoding: Option<String>,
    /// What stands between the cells of a row: an ASCII character.
    pub delimiter: Option<u8>,
    /// The quotation mark around cells.
    pub quote: Option<Quote>,
    /// The sheet's name in an Excel workbook; the first visible sheet if none.
    pub sheet: Option<String>,
    /// The line or row that names the columns, counted from 1.
    pub header_row: Option<u64>,
    /// The treatment of the rows and columns that a workbook hides.
    pub hidden: Option<HiddenCells>,
}
