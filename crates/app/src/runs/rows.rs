//! The rows of a file as the list of a run: each names its user in one column.

use rollcall_domain::{Field, Mode, Refusal, Selection, UserId, did_you_mean};
use rollcall_store::{MOST_NAMED, Staged, StagedRow, Staging};

use crate::{App, AppError, Row, Table, TableError};

/// The fields by which a row can name its user, in the order in which a column is looked for, and how headers call them
/// once case, blanks and punctuation are taken away.
const KEYS: [(Field, &[&str]); 4] = [
    (Field::Username, &["username", "user", "login"]),
    (Field::ExternalId, &["externalid"]),
    (Field::Email, &["email", "emailaddress", "mail"]),
    (Field::ObjId, &["objid"]),
];

/// The fields by which a row can name its user.
pub const KEY_FIELDS: [Field; 4] = [KEYS[0].0, KEYS[1].0, KEYS[2].0, KEYS[3].0];

/// How the rows of a file are to be taken.
#[derive(Debug, Clone, Copy)]
pub struct RowsRequest<'a> {
    /// What the file is called.
    pub file: &'a str,
    /// The column that names the users: `COLUMN`, or `COLUMN=FIELD` where the header does not say which field it is.
    /// None: it is looked for.
    pub key: Option<&'a str>,
    /// Whether rows that name no user, or several, are left out. Otherwise a single one is in the way of a run.
    pub skip_unmatched: bool,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadKind {
    /// It names no user.
    Unmatched,
    /// It names several.
    Ambiguous,
    /// It cannot be read.
    Faulty,
}

/// A row that names no user to run a script for.
#[derive(Debug)]
pub struct BadRow<'a> {
    /// The row.
    pub row: &'a Row,
    /// What is wrong with it.
    pub kind: BadKind,
    /// The same in words.
    pub reason: String,
}

/// Whoever watches while rows are read.
pub trait RowsObserver {
    /// The file is open: it has these columns and begins with these rows. Nobody knows yet which column names the users.
    fn begins(&mut self, columns: &[String], first: &[Row]) {
        let _ = (columns, first);
    }

    /// The columns are known; this one names the users.
    fn columns(&mut self, columns: &[String], key: &str) -> std::io::Result<()>;

    /// A row is bad. Every one is told.
    fn bad_row(&mut self, bad: &BadRow<'_>) -> std::io::Result<()>;

    /// All rows were read: these name one user each.
    fn matched(&mut self, matched: &Matched<'_>) -> Result<(), AppError> {
        let _ = matched;
        Ok(())
    }

    /// So many bytes of the file have been read.
    fn progress(&mut self, bytes: u64);
}

/// The rows that name one user each.
#[derive(Debug)]
pub struct Matched<'a>(&'a Staging);

impl Matched<'_> {
    /// The first of them.
    pub fn first(&self, limit: u32) -> Result<Vec<StagedRow>, AppError> {
        Ok(self.0.first(limit)?)
    }

    /// The first of those whose user an earlier row names, too.
    pub fn again(&self, limit: u32) -> Result<Vec<StagedRow>, AppError> {
        Ok(self.0.again(limit)?)
    }
}

/// How the rows of a file match the users.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RowsReport {
    /// The column that names the users.
    pub key: String,
    /// The field that it holds.
    pub field: Field,
    /// All rows that are not blank.
    pub rows: u64,
    /// Rows that name one user.
    pub matched: u64,
    /// Those of them that name a user whom an earlier row names, too: both are run, in the order of the file.
    pub duplicate: u64,
    /// Rows that name no user.
    pub unmatched: u64,
    /// Rows that name several users.
    pub ambiguous: u64,
    /// Rows that cannot be read.
    pub faulty: u64,
    /// What was found out about the file's form, and columns that were left out.
    pub notes: Vec<String>,
}

impl RowsReport {
    /// Rows that name no user to run a script for.
    #[must_use]
    pub fn bad(&self) -> u64 {
        self.unmatched + self.ambiguous + self.faulty
    }
}

/// Rows that were read, and what they were matched with.
#[derive(Debug)]
pub struct ReadRows {
    /// How they match.
    pub report: RowsReport,
    /// The list, unless bad rows are in the way.
    pub chosen: Option<ChosenRows>,
}

/// Rows that name a user each: the list of a run that is to be.
#[derive(Debug)]
pub struct ChosenRows {
    pub(super) staging: Staging,
    pub(super) columns: Vec<String>,
    pub(super) selection: Selection,
}

impl App {
    /// Reads the rows of a file and finds their users. Nothing is written yet; however long the file is, memory holds a
    /// few rows.
    pub fn read_rows(
        &self,
        mut table: Table,
        request: &RowsRequest<'_>,
        observer: &mut dyn RowsObserver,
    ) -> Result<ReadRows, AppError> {
        let permit = self.may_run(Mode::Preview)?;
        let columns = table.columns().to_vec();
        let first: Vec<_> = table.by_ref().take(SHOWN).collect();
        let shown: Vec<_> = first.iter().flatten().cloned().collect();
        observer.begins(&columns, &shown);
        let (at, field) = find_key(&columns, request.key).map_err(AppError::Key)?;
        observer.columns(&columns, &columns[at]).map_err(unwritable)?;
        let mut matching = Matching {
            staging: permit.stage(&permit.scope)?,
            report: RowsReport {
                key: columns[at].clone(),
                field,
                rows: 0,
                matched: 0,
                duplicate: 0,
                unmatched: 0,
                ambiguous: 0,
                faulty: 0,
                notes: Vec::new(),
            },
            at,
        };
        let notes = matching.read(first, table, request.file, observer)?;
        let Matching { staging, mut report, .. } = matching;
        report.notes = notes;
        report.duplicate = report.matched - staging.users()?;
        observer.matched(&Matched(&staging))?;
        let in_the_way = if request.skip_unmatched { report.faulty } else { report.bad() };
        let selection = Selection::Rows {
            file: request.file.to_owned(),
            column: columns[at].clone(),
            field,
            left_out: report.bad(),
        };
        let chosen = (in_the_way == 0).then_some(ChosenRows { staging, columns, selection });
        Ok(ReadRows { report, chosen })
    }
}

/// So many rows show what a file is like.
const SHOWN: usize = 5;
/// So many rows are looked up together...
const TOGETHER: usize = 1_000;
/// ...or rows of so many bytes.
const WEIGHT: usize = 8 << 20;

struct Matching {
    staging: Staging,
    report: RowsReport,
    /// The place of the key among the columns.
    at: usize,
}

impl Matching {
    fn read(
        &mut self,
        first: Vec<Result<Row, TableError>>,
        mut table: Table,
        file: &str,
        observer: &mut dyn RowsObserver,
    ) -> Result<Vec<String>, AppError> {
        let (mut together, mut weight) = (Vec::new(), 0);
        let mut first = first.into_iter();
        while let Some(row) = first.next().or_else(|| table.next()) {
            let row = match row {
                Ok(row) => row,
                Err(error) => {
                    self.take_all(&together, observer)?;
                    return Err(AppError::Table { file: file.to_owned(), error });
                }
            };
            self.report.rows += 1;
            if self.report.rows.is_multiple_of(TOGETHER as u64) {
                observer.progress(table.bytes_read());
            }
            weight += row.cells.iter().map(String::len).sum::<usize>();
            together.push(row);
            if together.len() >= TOGETHER || weight >= WEIGHT {
                self.take_all(&together, observer)?;
                together.clear();
                weight = 0;
            }
        }
        self.take_all(&together, observer)?;
        Ok(table.notes().to_vec())
    }

    /// Puts the users of rows on the list, and tells of those that are bad.
    fn take_all(&mut self, rows: &[Row], observer: &mut dyn RowsObserver) -> Result<(), AppError> {
        let key_of = |row: &Row| match row.fault {
            None => row.cells[self.at].trim().to_owned(),
            Some(_) => String::new(),
        };
        let keys: Vec<String> = rows.iter().map(key_of).collect();
        let wanted: Vec<&str> = keys.iter().map(String::as_str).filter(|key| !key.is_empty()).collect();
        let mut found = self.staging.find_all(self.report.field, &wanted)?.into_iter();
        let mut matched = Vec::new();
        for (row, key) in rows.iter().zip(&keys) {
            let users = if key.is_empty() { Vec::new() } else { found.next().unwrap_or_default() };
            let (kind, reason) = match (&row.fault, users.as_slice()) {
                (None, [(user, _)]) => {
                    matched.push(Staged { user: *user, line: row.line, cells: &row.cells });
                    self.report.matched += 1;
                    continue;
                }
                (fault, users) => self.why_not(fault.as_ref(), key, users),
            };
            *match kind {
                BadKind::Unmatched => &mut self.report.unmatched,
                BadKind::Ambiguous => &mut self.report.ambiguous,
                BadKind::Faulty => &mut self.report.faulty,
            } += 1;
            observer.bad_row(&BadRow { row, kind, reason }).map_err(unwritable)?;
        }
        Ok(self.staging.push_all(&matched)?)
    }

    /// Why a row names nobody, or several.
    fn why_not(&self, fault: Option<&String>, key: &str, users: &[(UserId, String)]) -> (BadKind, String) {
        let field = self.report.field;
        match (fault, users) {
            (Some(fault), _) => (BadKind::Faulty, fault.clone()),
            (None, []) if key.is_empty() => (BadKind::Unmatched, format!("{} is empty", self.report.key)),
            (None, []) => (BadKind::Unmatched, format!("no user has the {field} {key:?}")),
            (None, several) => {
                let names: Vec<_> =
                    several.iter().map(|(_, name)| name.as_str()).take(MOST_NAMED as usize).collect();
                let more = if several.len() > names.len() { " and more" } else { "" };
                let names = names.join(", ");
                (BadKind::Ambiguous, format!("several users have the {field} {key:?}: {names}{more}"))
            }
        }
    }
}

fn unwritable(error: std::io::Error) -> AppError {
    AppError::File { what: "the bad rows cannot be written".to_owned(), error }
}

fn bare(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn field_called(name: &str) -> Option<Field> {
    let name = bare(name);
    KEYS.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(field, _)| *field)
}

fn key_fields() -> String {
    KEYS.map(|(field, _)| field.name()).join(", ")
}

fn find_key(columns: &[String], wanted: Option<&str>) -> Result<(usize, Field), Refusal> {
    let shown = || columns.iter().map(|column| format!("{column:?}")).collect::<Vec<_>>().join(", ");
    let Some(wanted) = wanted else {
        for (field, _) in KEYS {
            let of_it: Vec<_> = columns
                .iter()
                .enumerate()
                .filter(|(_, column)| field_called(column) == Some(field))
                .collect();
            match of_it.as_slice() {
                [] => {}
                [(at, _)] => return Ok((*at, field)),
                [(_, one), (_, other), ..] => {
                    let why = format!("both {one:?} and {other:?} could name the users: say which");
                    return Err(Refusal::new(why).by(" with --key COLUMN"));
                }
            }
        }
        return Err(Refusal::new(format!(
            "no column is known to name the users; the file has {}. Say which one does, and which of {} it holds",
            shown(),
            key_fields()
        ))
        .by(": --key 'COLUMN=FIELD'. If this is not the header, name its row: --header-row N"));
    };
    let find = |name: &str| {
        let exactly = columns.iter().position(|column| column == name);
        exactly.or_else(|| {
            columns.iter().position(|column| bare(column) == bare(name) && !bare(name).is_empty())
        })
    };
    if let Some(at) = find(wanted) {
        return match field_called(&columns[at]) {
            Some(field) => Ok((at, field)),
            None => Err(Refusal::new(format!("which field does the column {:?} hold?", columns[at]))
                .by(format!(" Write --key '{}=FIELD' with one of {}", columns[at], key_fields()))),
        };
    }
    if let Some((column, field)) = wanted.rsplit_once('=')
        && let Some(at) = find(column.trim())
    {
        return match field_called(field) {
            Some(field) => Ok((at, field)),
            None => Err(Refusal::new(format!(
                "users cannot be found by {:?}: use one of {}",
                field.trim(),
                key_fields()
            ))),
        };
    }
    let wanted = wanted.rsplit_once('=').map_or(wanted, |(column, _)| column.trim());
    let hint = did_you_mean(wanted, columns.iter().map(String::as_str))
        .map_or_else(|| ".".to_owned(), |close| format!("; did you mean {close:?}?"));
    Err(Refusal::new(format!("the file has no column {wanted:?}{hint} It has {}", shown())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(columns: &[&str], wanted: Option<&str>) -> Result<(usize, Field), String> {
        let columns: Vec<_> = columns.iter().map(|column| (*column).to_owned()).collect();
        find_key(&columns, wanted).map_err(|why| why.on_the_command_line())
    }

    #[test]
    fn the_key_is_guessed_or_given() {
        assert_eq!(key(&["email", "User Name"], None), Ok((1, Field::Username)));
        assert_eq!(key(&["E-Mail", "klass"], None), Ok((0, Field::Email)));
        assert_eq!(key(&["x", "External ID", "obj_id"], None), Ok((1, Field::ExternalId)));
        assert_eq!(key(&["email", "username"], Some("email")), Ok((0, Field::Email)));
        assert_eq!(key(&["Email"], Some("email")), Ok((0, Field::Email)));
        assert_eq!(key(&["Kundennummer"], Some("Kundennummer=external_id")), Ok((0, Field::ExternalId)));
        assert_eq!(key(&["a=b"], Some("a=b=username")), Ok((0, Field::Username)));
        assert_eq!(key(&["username"], Some("username=external_id")), Ok((0, Field::ExternalId)));
    }

    #[test]
    fn a_key_that_cannot_be_meant_says_what_there_is() {
        for (columns, wanted, what) in [
            (&["a", "b"][..], None, "the file has \"a\", \"b\""),
            (&["email", "E-Mail"], None, "both \"email\" and \"E-Mail\""),
            (&["Kundennummer"], Some("Kundennummer"), "--key 'Kundennummer=FIELD'"),
            (&["username"], Some("usrname"), "did you mean \"username\"? It has"),
            (&["username"], Some("zzz"), "no column \"zzz\". It has \"username\""),
            (&["nr"], Some("nr=klass"), "cannot be found by \"klass\""),
        ] {
            let why = key(columns, wanted).unwrap_err();
            assert!(why.contains(what), "{why}");
        }
    }
}
