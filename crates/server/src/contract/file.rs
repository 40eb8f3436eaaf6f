//! How a file of rows is read.

use std::num::NonZeroU64;

use rollcall_app as app;
use rollcall_domain::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Options for reading a file of rows. The encoding, delimiter, quote and header row are detected if missing.
/// Each request lists these fields as its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FileFormat {
    pub(crate) encoding: Option<String>,
    pub(crate) delimiter: Option<char>,
    pub(crate) quote: Option<Quote>,
    pub(crate) sheet: Option<String>,
    pub(crate) header_row: Option<NonZeroU64>,
    pub(crate) hidden: Option<HiddenCells>,
}

/// The quotation mark around cells that hold a delimiter or a line break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Quote {
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
pub(crate) enum HiddenCells {
    /// Read them like all others.
    Include,
    /// Leave them out.
    Skip,
}

impl FileFormat {
    /// The options of the reader of files.
    pub(crate) fn table_options(&self) -> Result<app::TableOptions, Refusal> {
        let delimiter = self.delimiter.map(u8::try_from).transpose();
        let delimiter = delimiter.ok().filter(|delimiter| delimiter.is_none_or(|byte| byte.is_ascii()));
        Ok(app::TableOptions {
            encoding: self.encoding.clone(),
            delimiter: delimiter.ok_or_else(|| Refusal::new("delimiter: it is one ASCII character"))?,
            quote: self.quote.map(|quote| match quote {
                Quote::Double => app::Quote::Double,
                Quote::Single => app::Quote::Single,
                Quote::None => app::Quote::None,
            }),
            sheet: self.sheet.clone(),
            header_row: self.header_row.map(NonZeroU64::get),
            hidden: self.hidden.map(|hidden| match hidden {
                HiddenCells::Include => app::HiddenCells::Include,
                HiddenCells::Skip => app::HiddenCells::Skip,
            }),
        })
    }

    /// The fields with their names, as a query takes them.
    pub(crate) fn query(&self) -> [(&'static str, Option<String>); 6] {
        let quote = self.quote.map(|quote| match quote {
            Quote::Double => "double",
            Quote::Single => "single",
            Quote::None => "none",
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
