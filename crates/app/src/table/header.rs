//! The names of the columns, and which cells of a row they mean.

use std::collections::BTreeMap;

use super::{MAX_COLUMNS, TableError};

/// A header that can be used.
#[derive(Debug)]
pub(super) struct Header {
    columns: Vec<String>,
    /// Where each column is among the cells of a row.
    places: Vec<usize>,
    /// How many cells the header has.
    width: usize,
}

impl Header {
    /// Checks the header's cells: all faults at once, those in `faults` first. `place` says where the header is,
    /// `name_place` what a column without a name is called.
    pub(super) fn new(
        place: String,
        cells: &[String],
        mut faults: Vec<String>,
        name_place: fn(usize) -> String,
        notes: &mut Vec<String>,
    ) -> Result<Self, TableError> {
        if cells.len() > MAX_COLUMNS {
            faults.push(too_many(cells.len()));
            return Err(TableError::Header { place, faults });
        }
        let mut header = Self { columns: Vec::new(), places: Vec::new(), width: cells.len() };
        let mut unnamed = Vec::new();
        let mut uses: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, cell) in cells.iter().enumerate() {
            let name = trim(cell);
            if name.is_empty() {
                unnamed.push(name_place(at));
                continue;
            }
            if let Some(control) = name.chars().find(|c| c.is_control()) {
                faults.push(format!(
                    "column {} has the control character U+{:04X} in its name {name:?}; take it out",
                    name_place(at),
                    u32::from(control)
                ));
            }
            uses.entry(name).or_default().push(at);
            header.columns.push(name.to_owned());
            header.places.push(at);
        }
        for (name, places) in uses.iter().filter(|(_, places)| places.len() > 1) {
            let places: Vec<_> = places.iter().map(|at| name_place(*at)).collect();
            faults.push(format!("columns {} are all called {name:?}; rename all but one", and(&places)));
        }
        if header.columns.is_empty() && faults.is_empty() {
            faults.push("none of the columns has a name; the first row must name them".to_owned());
        }
        if !faults.is_empty() {
            return Err(TableError::Header { place, faults });
        }
        match unnamed.as_slice() {
            [] => {}
            [one] => notes.push(format!("column {one} has no name and is left out")),
            many => notes.push(format!("columns {} have no name and are left out", and(many))),
        }
        Ok(header)
    }

    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Where each column is among the cells of a row.
    pub(super) fn places(&self) -> &[usize] {
        &self.places
    }

    /// How many cells the header has, those without a name included.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// How many cells a row must have: nobody misses cells of columns without a name at the end.
    pub(super) fn needed(&self) -> usize {
        self.places.last().map_or(0, |last| last + 1)
    }

    /// What to call the column of a row's cell in a message.
    pub(super) fn call(&self, at: usize) -> String {
        match self.places.binary_search(&at) {
            Ok(column) => format!("column {:?}", self.columns[column]),
            Err(_) => format!("column {}", at + 1),
        }
    }
}

/// What is wrong with a header of so many cells.
pub(super) fn too_many(cells: usize) -> String {
    format!("it has {cells} columns; at most {MAX_COLUMNS} can be read")
}

/// `a, b and c`.
fn and(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// What a cell of the header says. Programs leave byte order marks in the middle of a file when they join
/// two; non-breaking spaces are white space.
pub(super) fn trim(name: &str) -> &str {
    name.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}
