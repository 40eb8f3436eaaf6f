//! Options of files of rows.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Options for reading a file of rows. The encoding, delimiter, quote and header row are detected if missing.
/// Each request lists these fields as its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileFormat {
    /// The encoding, such as `windows-1252` or `cp850`.
    pub encoding: Option<String>,
    /// The ASCII character between cells.
    pub delimiter: Option<char>,
    /// The quotation mark around cells.
    pub quote: Option<QuoteCharacter>,
    /// The sheet of an Excel workbook.
    pub sheet: Option<String>,
    /// The line of the file, or row of the sheet, that names the columns, from 1.
    pub header_row: Option<NonZeroU64>,
    /// Whether hidden rows and columns of an Excel workbook are read.
    pub hidden: Option<HiddenCells>,
}

/// The quotation mark around cells that hold a delimiter or a line break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuoteCharacter {
    /// `"`
    Double,
    /// `'`
    Single,
    /// Quotation marks are text.
    None,
}

/// Whether the hidden rows and columns of an Excel workbook are read or left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HiddenCells {
    /// Read them like all others.
    Include,
    /// Leave them out.
    Skip,
}

impl FileFormat {
    /// The fields with their names, as a query takes them.
    pub fn query(&self) -> [(&'static str, Option<String>); 6] {
        let quote = self.quote.map(|quote| match quote {
            QuoteCharacter::Double => "double",
            QuoteCharacter::Single => "single",
            QuoteCharacter::None => "none",
        });
        let hidden = self.hidden.map(|hidden| match hidden {
            HiddenCells::Include => "include",
            HiddenCells::Skip => "skip",
        });
        [
            ("encoding", self.encoding.clone()),
            ("delimiter", self.delimiter.map(String::from)),
            ("quote", quote.map(str::to_owned)),
            ("sheet", self.sheet.clone()),
            ("header_row", self.header_row.map(|row| row.to_string())),
            ("hidden", hidden.map(str::to_owned)),
        ]
    }
}
