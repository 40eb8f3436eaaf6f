//! Users and the outcomes of runs as tables. Of outcomes, results and the cells of rows are columns of their own.

use std::collections::HashMap;

use rollcall_domain::{Entries, Field, Times, ValueRef, Zone, defuse};
use serde_json::value::RawValue;

use super::{Outcome, RadiusItem, ResultColumns, User};

/// The columns of exported users: every field, and what an import reads besides them.
pub const USER_COLUMNS: [&str; Field::ALL.len() + 4] = {
    let mut columns = [""; Field::ALL.len() + 4];
    let mut at = 0;
    while at < Field::ALL.len() {
        columns[at] = Field::ALL[at].name();
        at += 1;
    }
    columns[at] = "organization";
    columns[at + 1] = "profiles";
    columns[at + 2] = "attributes";
    columns[at + 3] = "check_attributes";
    columns
};

/// The cells of a user under [`USER_COLUMNS`]: profiles separated by `;`, attributes one a line. Unless `raw`, texts that a
/// spreadsheet would take for formulas are defused; an import undoes that. Moments are in `zone`, with its offset.
/// `organizations` has the names by ID.
#[must_use]
pub fn user_cells(user: &User, organizations: &HashMap<i64, String>, zone: &Zone, raw: bool) -> Vec<String> {
    let text = |text: &str| if raw { text.to_owned() } else { defuse(text).into_owned() };
    let items = |items: &[RadiusItem]| items.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let cell = |field| match user.get(field) {
        ValueRef::Time(Some(time)) => zone.rfc3339(time),
        other => text(&other.to_string()),
    };
    let mut cells: Vec<_> = Field::ALL.map(cell).into();
    cells.push(organizations.get(&user.organization_id).map_or_else(String::new, |name| text(name)));
    cells.push(text(&user.profiles.join(";")));
    cells.push(text(&items(&user.attributes)));
    cells.push(text(&items(&user.check_attributes)));
    cells
}

/// The first columns of every run's table.
const FIXED: [&str; 8] = ["target", "obj_id", "username", "outcome", "why", "changes", "warnings", "output"];

/// The position of the username among the columns.
pub const USERNAME: usize = 2;

/// The content of a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// A text.
    Text(String),
    /// A number as JSON writes it: every digit is kept.
    Number(String),
    /// True or false.
    Bool(bool),
}

impl Cell {
    /// A text; an empty one is no content.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }

    /// A JSON value; arrays and objects stay JSON.
    fn json(value: &RawValue) -> Self {
        let text = value.get();
        match text.as_bytes().first() {
            Some(b'"') => serde_json::from_str(text).map_or(Self::Empty, Self::Text),
            Some(b'-' | b'0'..=b'9') => Self::Number(text.to_owned()),
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'n') | None => Self::Empty,
            Some(_) => Self::Text(text.to_owned()),
        }
    }

    /// The content as text, for people and programs.
    #[must_use]
    pub fn into_plain(self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) | Self::Number(text) => text,
            Self::Bool(value) => value.to_string(),
        }
    }
}

/// The columns of a run's outcomes.
#[derive(Debug)]
pub struct Columns {
    names: Vec<String>,
    /// The position of each result among the columns.
    results: HashMap<String, usize>,
    /// The position of the column for results that have none of their own.
    others: Option<usize>,
    /// Columns of the targets' rows come last.
    row_columns: usize,
    /// The format of moments among the changes.
    times: Times,
}

impl Columns {
    /// The columns of a run whose scripts have left `results`; `row_columns` are those of its targets' rows. A result with
    /// the name of another column gets `result.` in front.
    #[must_use]
    pub fn new(results: ResultColumns, row_columns: &[String], times: Times) -> Self {
        let mut names: Vec<String> = FIXED.map(str::to_owned).into();
        let mut positions = HashMap::new();
        for name in results.names {
            positions.insert(name.clone(), names.len());
            names.push(if FIXED.contains(&name.as_str()) { format!("result.{name}") } else { name });
        }
        let others = results.more.then_some(names.len());
        if others.is_some() {
            names.push("other results".to_owned());
        }
        names.extend(row_columns.iter().map(|name| format!("row.{name}")));
        Self { names, results: positions, others, row_columns: row_columns.len(), times }
    }

    /// The names of the columns.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The cells of one outcome.
    #[must_use]
    pub fn cells(&self, outcome: &Outcome) -> Vec<Cell> {
        let mut cells = Vec::with_capacity(self.names.len());
        cells.extend([
            Cell::Number(outcome.target.to_string()),
            Cell::Number(outcome.obj_id.to_string()),
            Cell::text(outcome.username.clone().unwrap_or_default()),
            Cell::text(outcome.outcome.name()),
            Cell::text(outcome.why()),
            Cell::text(self.changes(outcome)),
            Cell::text(outcome.warnings.join("; ")),
            Cell::text(outcome.output.clone()),
        ]);
        cells.resize(self.names.len() - self.row_columns, Cell::Empty);
        let mut others = Vec::new();
        for (name, value) in Entries::read(outcome.result.as_deref().map(RawValue::get)).0 {
            match self.results.get(&name) {
                Some(position) => cells[*position] = Cell::json(value),
                None => others.push((name, value)),
            }
        }
        if let Some(position) = self.others
            && !others.is_empty()
        {
            let others: serde_json::Map<_, _> = others
                .into_iter()
                .map(|(name, value)| (name, value.get().parse().unwrap_or_default()))
                .collect();
            cells[position] = Cell::Text(serde_json::Value::Object(others).to_string());
        }
        let row = outcome.row.as_ref().map_or(&[][..], |row| &row.cells);
        cells.extend(row.iter().take(self.row_columns).map(Cell::text));
        cells.resize(self.names.len(), Cell::Empty);
        cells
    }

    /// All changes in one cell.
    fn changes(&self, outcome: &Outcome) -> String {
        let lines =
            outcome.changes.iter().map(|change| change.describe(&self.times, |_, text| text.to_owned()));
        lines.collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_values_become_cells() {
        let cell = |text: &str| Cell::json(&RawValue::from_string(text.to_owned()).unwrap());
        assert_eq!(cell("\"=1\\n\""), Cell::Text("=1\n".into()));
        assert_eq!(cell("1.50"), Cell::Number("1.50".into()));
        assert_eq!(cell("12345678901234567890"), Cell::Number("12345678901234567890".into()));
        assert_eq!((cell("true"), cell("null")), (Cell::Bool(true), Cell::Empty));
        assert_eq!(cell("[1,{}]"), Cell::Text("[1,{}]".into()));
    }
}
