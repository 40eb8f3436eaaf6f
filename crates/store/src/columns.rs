//! The columns of a statement by their names, which are looked up when this crate is compiled: a reader that names a
//! column that its statement does not give does not compile, and a name costs nothing at run time.
//!
//! A column is called as the SELECT list (or the list after RETURNING) has it: by its alias, or by its name with or
//! without its table.

use rollcall_domain::{ItemKind, Mode, Operator, Outcome, Role, RunState, Scope, Scopes};

use crate::db::{Column, Row};
use crate::sql::Sql;
use crate::{StoreError, json};

/// A list of columns that several statements give, first among their columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns(pub(crate) &'static str);

impl Columns {
    /// The place of a column.
    pub(crate) const fn at(self, name: &str) -> usize {
        place(self.0, name)
    }
}

impl Sql {
    /// The place of a column, which is the same in the texts for both databases.
    pub(crate) const fn at(self, name: &str) -> usize {
        let at = place(self.sqlite, name);
        assert!(at == place(self.postgres, name), "a column has two places");
        at
    }
}

/// The place of a column among those of a statement or a list of columns: `at!(ALL, "id")`; of one that is a plain text:
/// `at!(text NAMES, "id")`.
macro_rules! at {
    (text $from:expr, $name:expr) => {
        const { $crate::columns::place($from, $name) }
    };
    ($from:expr, $name:expr) => {
        const { $from.at($name) }
    };
}
pub(crate) use at;

/// Reads a struct whose fields are called as the columns are, or as said: `read!(row, ALL => Worker { id, run = "run_id" })`.
/// What follows a semicolon is no column.
macro_rules! read {
    ($row:expr, $from:expr => $type:ident { $($field:ident $(= $name:literal)?),* $(,)? $(; $($other:ident: $value:expr),* $(,)?)? }) => {
        $type {
            $($field: $row.get($crate::columns::at!($from, $crate::columns::name!($field $($name)?)))?,)*
            $($($other: $value,)*)?
        }
    };
}
pub(crate) use read;

macro_rules! name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $name:literal) => {
        $name
    };
}
pub(crate) use name;

/// Whether `word` stands at `at`, and no letter before or after it.
const fn is_word(text: &[u8], at: usize, word: &[u8]) -> bool {
    if at + word.len() > text.len() || (at > 0 && is_letter(text[at - 1])) {
        return false;
    }
    let mut i = 0;
    while i < word.len() {
        if text[at + i] != word[i] {
            return false;
        }
        i += 1;
    }
    at + word.len() == text.len() || !is_letter(text[at + word.len()])
}

const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The place after what begins at `at`: a quoted text, a group in brackets or one character.
const fn skip(text: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    match text[at] {
        b'\'' => {
            while text[end] != b'\'' {
                end += 1;
            }
            end + 1
        }
        b'(' => {
            while text[end] != b')' {
                end = skip(text, end);
            }
            end + 1
        }
        _ => end,
    }
}

/// Where the list of columns begins: at the start, unless the text is a statement.
const fn start_of_list(text: &[u8]) -> usize {
    let (mut at, mut start) = (0, 0);
    while at < text.len() {
        if is_word(text, at, b"RETURNING") {
            return at + b"RETURNING".len();
        }
        if start == 0 && is_word(text, at, b"SELECT") {
            start = at + b"SELECT ".len();
            if is_word(text, start, b"DISTINCT") {
                start += b"DISTINCT".len();
            }
        }
        at = skip(text, at);
    }
    start
}

/// Whether a column that stands from `from` to `to` is called `name`.
const fn is_called(text: &[u8], from: usize, to: usize, name: &[u8]) -> bool {
    let (mut from, mut to) = (from, to);
    while from < to && text[from] == b' ' {
        from += 1;
    }
    while from < to && text[to - 1] == b' ' {
        to -= 1;
    }
    if to - from < name.len() {
        return false;
    }
    let mut i = 0;
    while i < name.len() {
        if text[to - name.len() + i] != name[i] {
            return false;
        }
        i += 1;
    }
    let start = to - name.len();
    // The whole of it, or what follows `table.` or `AS `.
    start == from
        || (text[start - 1] == b'.' && start >= 2)
        || (start >= 4 && is_word(text, start - 3, b"AS"))
}

/// The place of the column that is called `name`.
pub(crate) const fn place(text: &str, name: &str) -> usize {
    let (text, name) = (text.as_bytes(), name.as_bytes());
    let (mut place, mut found) = (0, usize::MAX);
    let mut from = start_of_list(text);
    let mut at = from;
    loop {
        let ends = at >= text.len() || is_word(text, at, b"FROM") || is_word(text, at, b"WHERE");
        if ends || text[at] == b',' {
            if is_called(text, from, if at < text.len() { at } else { text.len() }, name) {
                assert!(found == usize::MAX, "two columns are called so: name the table, too");
                found = place;
            }
            if ends {
                break;
            }
            place += 1;
            from = at + 1;
        }
        at = skip(text, at);
    }
    assert!(found < usize::MAX, "no column is called so");
    found
}

impl Column for u64 {
    fn read(row: &Row<'_>, at: usize) -> Result<Self, StoreError> {
        Ok(row.get::<i64>(at)?.unsigned_abs())
    }
}

/// Columns that hold the name of something.
macro_rules! named {
    ($($type:ty),*) => {
        $(impl Column for $type {
            fn read(row: &Row<'_>, at: usize) -> Result<Self, StoreError> {
                row.text(at)?.parse().map_err(|error| StoreError::Corrupt(format!("{error}")))
            }
        })*
    };
}

named!(Outcome, Role, Scopes);

impl Column for RunState {
    fn read(row: &Row<'_>, at: usize) -> Result<Self, StoreError> {
        Self::parse(row.text(at)?).map_err(|error| StoreError::Corrupt(error.to_string()))
    }
}

impl Column for Mode {
    fn read(row: &Row<'_>, at: usize) -> Result<Self, StoreError> {
        Ok(if row.text(at)? == Self::Apply.name() { Self::Apply } else { Self::Preview })
    }
}

impl Column for Operator {
    fn read(row: &Row<'_>, at: usize) -> Result<Self, StoreError> {
        let text = row.text(at)?;
        Self::parse(text).ok_or_else(|| StoreError::Corrupt(format!("the operator {text:?}")))
    }
}

impl Column for ItemKind {
    fn read(row: &Row<'_>, at: usize) -> Result<Self, StoreError> {
        Ok(if row.get::<i64>(at)? == 0 { Self::Reply } else { Self::Check })
    }
}

/// A JSON list of organizations; null is everywhere.
impl Column for Scope {
    fn read(row: &Row<'_>, at: usize) -> Result<Self, StoreError> {
        row.maybe_text(at)?.map_or(Ok(Self::Everywhere), |list| Ok(Self::Within(json::read(list)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn columns_are_found_by_their_names() {
        let statement = "WITH a AS (SELECT x, y FROM t) SELECT u.id, count(*) AS users, coalesce(a.n, 'a, FROM') AS name, \
                         (SELECT max(b) FROM c) AS most FROM users u, a WHERE u.state = 'x'";
        assert_eq!(
            ["id", "u.id", "users", "name", "most"].map(|name| place(statement, name)),
            [0, 0, 1, 2, 3]
        );
        assert_eq!(place("DELETE FROM chunks WHERE id = ?1 RETURNING run_id, done", "done"), 1);
        assert_eq!(place("SELECT DISTINCT holder FROM chunks", "holder"), 0);
        assert_eq!(["o.id", "p.id", "p.name"].map(|name| place("o.id, p.id, p.name", name)), [0, 1, 2]);
    }

    #[test]
    #[should_panic(expected = "no column is called so")]
    fn a_column_is_not_called_as_a_longer_one_ends() {
        place("SELECT run_id, at FROM t", "id");
    }

    #[test]
    #[should_panic(expected = "two columns are called so")]
    fn a_name_that_two_columns_have_needs_its_table() {
        place("SELECT o.id, p.id FROM t", "id");
    }
}
