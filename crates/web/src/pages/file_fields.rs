//! Options of a file of rows as fields of a form.

use askama::Template;
use askama::filters::HtmlSafe;
use serde::Deserialize;

use super::address::Address;
use super::messages;
use crate::problem::Problem;
use rollcall_api::{FileFormat, HiddenCells};

/// The delimiters that can be chosen: the name in the form, the character, and the name on the page.
const DELIMITERS: [(&str, char, &str); 4] = [
    ("comma", ',', messages::COMMA),
    ("semicolon", ';', messages::SEMICOLON),
    ("tab", '\t', messages::TABULATOR),
    ("pipe", '|', messages::BAR),
];

/// The controls of a form that say how a file is read, as they were sent. What is empty is detected.
#[derive(Clone, Default, Deserialize, Template)]
#[serde(default)]
#[template(path = "part_file_fields.html")]
pub(super) struct FileFields {
    encoding: String,
    delimiter: String,
    sheet: String,
    header_row: String,
    hidden: String,
    /// Whether the controls are shown before anything is said.
    #[serde(skip)]
    is_open: bool,
}

impl HtmlSafe for FileFields {}

impl FileFields {
    /// The fields with their names, for the hidden fields of another form.
    pub(super) fn named(&self) -> [(&'static str, &str); 5] {
        let Self { encoding, delimiter, sheet, header_row, hidden, .. } = self;
        [
            ("encoding", encoding),
            ("delimiter", delimiter),
            ("sheet", sheet),
            ("header_row", header_row),
            ("hidden", hidden),
        ]
    }

    /// The address with these fields in its query.
    pub(super) fn on(&self, address: Address) -> Address {
        self.named().into_iter().fold(address, |address, (name, value)| address.with(name, value))
    }

    /// The controls, shown before anything is said: something is wrong with how the file was read.
    pub(super) fn opened(&self) -> Self {
        Self { is_open: true, ..self.clone() }
    }

    fn is_shown(&self) -> bool {
        self.is_open || self.named().iter().any(|(_, value)| !value.is_empty())
    }

    /// The format that the fields mean.
    ///
    /// # Errors
    ///
    /// If the header row is not a number from 1.
    pub(super) fn format(&self) -> Result<FileFormat, Problem> {
        let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let delimiter = DELIMITERS.iter().find(|(name, ..)| *name == self.delimiter);
        let header_row = some(&self.header_row).map(|row| row.parse()).transpose();
        Ok(FileFormat {
            encoding: some(&self.encoding),
            delimiter: delimiter.map(|(_, delimiter, _)| *delimiter),
            quote: None,
            sheet: Some(self.sheet.clone()).filter(|sheet| !sheet.is_empty()),
            header_row: header_row.map_err(|_| Problem::invalid(messages::HEADER_ROW))?,
            hidden: match self.hidden.as_str() {
                "include" => Some(HiddenCells::Include),
                "skip" => Some(HiddenCells::Skip),
                _ => None,
            },
        })
    }
}
