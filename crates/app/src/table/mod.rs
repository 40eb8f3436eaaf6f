//! A file of rows, such as a list of users: CSV in whatever form a program wrote it, or a sheet of an Excel workbook.
//! Rows are read one after the other; however long the file is, memory holds a few of them.
//!
//! What a file is follows from its first bytes, not from its name. A row that cannot be used says so itself
//! ([`Row::fault`]), so that the others can be; an error ([`TableError`]) ends the reading.

mod counted;
mod dos;
pub(crate) mod error;
mod excel;
mod header;
mod number_format;
pub(crate) mod options;
pub(crate) mod reader;
mod records;
pub(crate) mod row;
mod sheet;
mod sniff;
mod text;
mod workbook;
mod xml;

pub use error::TableError;
pub use options::{HiddenCells, MAX_COLUMNS, MAX_ROW, NAME_ENCODING, Quote, TableOptions};
pub use reader::Table;
pub use row::Row;
