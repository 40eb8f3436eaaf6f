//! The options that say how a file of rows is read, shared by every command that reads one.

use std::num::NonZeroU64;

use clap::{Args, ValueEnum};
use rollcall_app::{TableOptions, wire};

use rollcall_api::{FileFormat, HiddenCells, QuoteCharacter};

/// Options for reading a file of rows. The encoding, delimiter, quote and header row are detected if missing.
#[derive(Debug, Default, Args)]
pub(crate) struct FileOptions {
    /// The file's encoding, such as utf-16le, windows-1252 or cp850 [default: detected]
    #[arg(long, value_name = "LABEL")]
    encoding: Option<String>,
    /// The character between cells, or tab [default: detected]
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// The quotation mark around cells [default: detected]
    #[arg(long, value_enum)]
    quote: Option<QuoteArg>,
    /// The sheet of an Excel workbook [default: the first]
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
    /// The line of the file, or row of the sheet, that names the columns [default: detected]
    #[arg(long, value_name = "N")]
    header_row: Option<NonZeroU64>,
    /// Include or skip hidden rows and columns of an Excel workbook [default: refuse a sheet that has some]
    #[arg(long, value_enum)]
    hidden: Option<HiddenArg>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum QuoteArg {
    /// "
    Double,
    /// '
    Single,
    /// Quotation marks are text
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum HiddenArg {
    /// Include hidden rows and columns
    Include,
    /// Skip hidden rows and columns
    Skip,
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [one] if one.is_ascii() => Ok(*one),
        _ => Err("write one ASCII character, or tab".to_owned()),
    }
}

impl FileOptions {
    /// The first option that was given, by its name.
    pub(crate) fn first_given(&self) -> Option<&'static str> {
        let Self { encoding, delimiter, quote, sheet, header_row, hidden } = self;
        [
            ("--encoding", encoding.is_some()),
            ("--delimiter", delimiter.is_some()),
            ("--quote", quote.is_some()),
            ("--sheet", sheet.is_some()),
            ("--header-row", header_row.is_some()),
            ("--hidden", hidden.is_some()),
        ]
        .into_iter()
        .find_map(|(option, is_given)| is_given.then_some(option))
    }

    /// The options as the reader of files takes them.
    pub(crate) fn table_options(&self) -> TableOptions {
        // The parser of arguments takes no other delimiters.
        wire::table_options(&self.format()).unwrap_or_default()
    }

    /// The options as a server takes them.
    pub(crate) fn format(&self) -> FileFormat {
        FileFormat {
            encoding: self.encoding.clone(),
            delimiter: self.delimiter.map(char::from),
            quote: self.quote.map(|quote| match quote {
                QuoteArg::Double => QuoteCharacter::Double,
                QuoteArg::Single => QuoteCharacter::Single,
                QuoteArg::None => QuoteCharacter::None,
            }),
            sheet: self.sheet.clone(),
            header_row: self.header_row,
            hidden: self.hidden.map(|hidden| match hidden {
                HiddenArg::Include => HiddenCells::Include,
                HiddenArg::Skip => HiddenCells::Skip,
            }),
        }
    }
}
