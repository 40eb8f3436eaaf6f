//! The names of the columns, and which cells of a row they mean.

use std::collections::{BTreeMap, BTreeSet};

use super::error::TableError;
use super::options::MAX_COLUMNS;

/// The number of first rows among which the header is looked for.
pub(super) const LOOKED_AT: usize = 20;

/// The names of columns that name users, written in lower case and without anything between the words.
const KEY_NAMES: [&str; 4] = ["username", "externalid", "email", "objid"];

/// The look of a row that may be the header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// The number of its cells that hold something.
    filled: usize,
    /// Whether one of them is the name of a column that names users.
    names_key: bool,
    /// Whether all of them could be names: none is a number.
    has_names: bool,
    /// Whether it is like no header: a single cell where others have several, or a sentence.
    is_title: bool,
}

impl Look {
    /// Describes a record in an encoding that holds ASCII.
    pub(super) fn of(cells: &csv::ByteRecord) -> Self {
        let look = Self::new(cells.iter().map(String::from_utf8_lossy));
        Self { is_title: look.is_title || cells.len() == 1, ..look }
    }

    /// Describes a row with these cells.
    pub(super) fn new<T: AsRef<str>>(cells: impl Iterator<Item = T>) -> Self {
        let mut look = Self { filled: 0, names_key: false, has_names: true, is_title: false };
        for cell in cells {
            let cell = trim(cell.as_ref());
            if cell.is_empty() {
                continue;
            }
            let letters = cell.chars().filter(|c| c.is_alphanumeric());
            let name: String = letters.flat_map(char::to_lowercase).collect();
            look.filled += 1;
            look.is_title =
                look.filled == 1 && (cell.starts_with('#') || cell.split_whitespace().count() > 2);
            look.names_key |= KEY_NAMES.contains(&name.as_str());
            look.has_names &= name.chars().any(char::is_alphabetic);
        }
        look
    }
}

/// Which of the first rows names the columns: the first row, unless it is plainly a title. A title has fewer cells than
/// the header below it, and the header has the name of a key, or the title is like no header.
pub(super) fn find_header(rows: impl Iterator<Item = Look>) -> usize {
    let rows: Vec<_> = rows.take(LOOKED_AT).collect();
    let Some(first) = rows.first().filter(|first| !first.names_key) else { return 0 };
    let mut widest = 0;
    for (at, row) in rows.iter().enumerate() {
        if row.names_key && row.filled > widest {
            return at;
        }
        widest = widest.max(row.filled);
    }
    if !first.is_title || first.filled != 1 {
        return 0;
    }
    let below = rows.iter().position(|row| row.filled > 1);
    below.filter(|at| rows[*at].has_names && rows[*at].filled == widest).unwrap_or(0)
}

/// Notes that the header is not the first row; `place` is its line or row, and `title` the first cell above.
pub(super) fn note_title(place: &str, title: &str, notes: &mut Vec<String>) {
    let title = trim(title);
    let more = if title.chars().count() > MOST_OF_TITLE { "…" } else { "" };
    let title: String = title.chars().take(MOST_OF_TITLE).collect();
    notes.push(format!("the header is {place}; what stands above it is left out (\"{title}{more}\")"));
}

/// The number of characters of a title that a note shows.
const MOST_OF_TITLE: usize = 40;

/// A header that can be used.
#[derive(Debug)]
pub(super) struct Header {
    columns: Vec<String>,
    /// Where each column is among the cells of a row.
    places: Vec<usize>,
    /// How many cells the header has.
    width: usize,
    /// Its line in the file, or its row in the sheet.
    line: u64,
    /// The columns whose cells may have faults, by their place among the columns.
    unread: BTreeSet<usize>,
    /// The number of faults that were ignored, by the column's place among the columns.
    ignored: BTreeMap<usize, u64>,
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
        // Programs fill rows up with empty cells.
        let named = cells.iter().rposition(|cell| !trim(cell).is_empty()).map_or(0, |last| last + 1);
        if named > MAX_COLUMNS {
            faults.push(too_many(named));
            return Err(TableError::Header { place, faults });
        }
        let mut header = Self {
            columns: Vec::new(),
            places: Vec::new(),
            width: cells.len(),
            line: 1,
            unread: BTreeSet::new(),
            ignored: BTreeMap::new(),
        };
        let mut unnamed: Vec<(usize, usize)> = Vec::new();
        let mut uses: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, cell) in cells.iter().enumerate() {
            let name = one_line(trim(cell));
            if name.is_empty() {
                match unnamed.last_mut() {
                    Some((_, last)) if *last + 1 == at => *last = at,
                    _ => unnamed.push((at, at)),
                }
                continue;
            }
            if let Some(control) = name.chars().find(|c| c.is_control()) {
                faults.push(format!(
                    "column {} has the control character U+{:04X} in its name {name:?}; take it out",
                    name_place(at),
                    u32::from(control)
                ));
            }
            uses.entry(name.clone()).or_default().push(at);
            header.columns.push(name);
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
        // A run of several is told as one: `4 to 5002`.
        let left_out: Vec<_> = unnamed
            .iter()
            .flat_map(|&(first, last)| match last - first {
                0 => vec![name_place(first)],
                1 => vec![name_place(first), name_place(last)],
                _ => vec![format!("{} to {}", name_place(first), name_place(last))],
            })
            .collect();
        match (left_out.as_slice(), unnamed.as_slice()) {
            ([], _) => {}
            ([one], [(first, last)]) if first == last => {
                notes.push(format!("column {one} has no name and is left out"));
            }
            (many, _) => notes.push(format!("columns {} have no name and are left out", and(many))),
        }
        Ok(header)
    }

    /// The header, on this line.
    pub(super) fn on_line(self, line: u64) -> Self {
        Self { line, ..self }
    }

    /// Lets the cells of the columns at these places have faults.
    pub(super) fn ignore_faults_in(&mut self, columns: impl IntoIterator<Item = usize>) {
        self.unread.extend(columns);
    }

    /// Whether a cell of the column at this place may have a fault.
    pub(super) fn may_have_fault(&self, column: usize) -> bool {
        self.unread.contains(&column)
    }

    /// Notes that cells of a row had faults, in the columns at these places, which were ignored.
    pub(super) fn note_ignored(&mut self, columns: &[usize]) {
        for column in columns {
            *self.ignored.entry(*column).or_default() += 1;
        }
    }

    /// The columns in which faults were ignored, each with the number of cells.
    pub(super) fn ignored_faults(&self) -> impl Iterator<Item = (&str, u64)> {
        let name = |column: usize| self.columns.get(column).map_or("", String::as_str);
        self.ignored.iter().map(move |(column, count)| (name(*column), *count))
    }

    /// Its line in the file, or its row in the sheet.
    pub(super) fn line(&self) -> u64 {
        self.line
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
/// two, and spaces of no width; non-breaking spaces are white space.
pub(super) fn trim(name: &str) -> &str {
    name.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}' | '\u{2060}'))
}

/// The name as a script writes it: with spaces for line breaks and other white space, which look like them.
fn one_line(name: &str) -> String {
    name.replace("\r\n", " ").chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_they_look_like() {
        for (cell, name) in [
            ("New\nklass", "New klass"),
            ("New\r\nklass", "New klass"),
            ("New\u{a0}klass ", "New klass"),
            ("\u{200b}username\u{feff}", "username"),
            ("a  b", "a  b"),
        ] {
            let cells = [cell.to_owned()];
            let header = Header::new(String::new(), &cells, Vec::new(), |at| at.to_string(), &mut Vec::new());
            assert_eq!(header.unwrap().columns(), [name], "{cell:?}");
        }
    }

    #[test]
    fn titles_are_no_headers() {
        for (rows, expected) in [
            (&["username,klass", "u1,gold"][..], 0),
            (&["Customers", "username,klass", "u1,gold"], 1),
            (&["Customers,", "Date,2026-03-01", "User name,klass,note", "u1,gold,x"], 2),
            (&["Customers", "Number,Plan", "1,gold"], 1),
            (&["Customers who move in March,", "Number,Plan", "1,gold"], 1),
            // The header may have any name, and a value may be called as a key is.
            (&["Number", "1", "2"], 0),
            (&["name,contact", "ana,email", "bo,phone"], 0),
            (&["price", "1,5", "2,5"], 0),
            (&["name,", "ana,note", "bo,"], 0),
            (&["name", "username"], 0),
            (&[], 0),
        ] {
            let looks = rows.iter().map(|row| Look::of(&row.split(',').collect::<Vec<_>>().into()));
            assert_eq!(find_header(looks), expected, "{rows:?}");
        }
    }
}
