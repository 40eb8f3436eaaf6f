/// One row below the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// In CSV the line on which the row starts, as an editor counts them, from 1; in Excel the row's number.
    pub line: u64,
    /// One for each of [`Table::columns`](crate::Table::columns); of a row that has too many or too few, all that it
    /// has.
    pub cells: Vec<String>,
    /// Why the row cannot be used; `cells` then holds what could be read.
    pub fault: Option<String>,
}

/// What stands for a NUL character in a cell that is not read: neither PostgreSQL nor a workbook can hold one.
pub(super) const REPLACEMENT: &str = "\u{fffd}";
