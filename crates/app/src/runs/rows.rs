//! The rows of a file as the list of a run: each names its user in one column.

use std::collections::BTreeSet;

use rollcall_domain::{Field, Mode, Rejection, Selection, Suggestion, UserId, did_you_mean, normalize_key};
use rollcall_store::{MOST_NAMED, Staged, StagedRow, Staging};

use super::bad_rows::BadRowsFile;
use super::key_hints::KeyHints;
use crate::csv_text::formula_text;
use crate::error::AppError;
use crate::operations::RunOperations;
use crate::table::error::TableError;
use crate::table::reader::Table;
use crate::table::row::Row;

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
#[derive(Debug, Clone, Copy, Default)]
pub struct RowsRequest<'a> {
    /// The file's name; an upload has a name of its own.
    pub file: &'a str,
    /// The column that names the users: `COLUMN`, or `COLUMN=FIELD` where the header does not say which field it is.
    /// None: it is looked for.
    pub key: Option<&'a str>,
    /// Whether rows that name no user, or several, are left out. Otherwise a single one is in the way of a run.
    pub skip_unmatched: bool,
    /// Which rows run where several name one user.
    pub duplicates: Duplicates,
    /// The columns that the script can read: see [`Source::row_columns`](crate::scripts::Source::row_columns). Errors in
    /// cells of other columns are no reason to refuse a row. None: any column may be read.
    pub read_columns: Option<&'a BTreeSet<String>>,
}

/// Which rows run where several of a file name one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Duplicates {
    /// All of them, in the order of the file.
    #[default]
    All,
    /// The first one.
    First,
    /// The last one.
    Last,
    /// None: no run is made.
    Refuse,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadKind {
    /// It names no user.
    Unmatched,
    /// It names several: by one column, or by two that contradict each other.
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

impl BadRow<'_> {
    /// Adds the row to a file of bad rows.
    ///
    /// # Errors
    ///
    /// If the file cannot be written to.
    pub fn write_to<W: std::io::Write>(&self, file: &mut BadRowsFile<W>) -> std::io::Result<()> {
        file.write(self.row.line, &self.row.cells, &self.reason, self.kind == BadKind::Faulty)
    }
}

/// Whoever watches while rows are read.
pub trait RowsObserver {
    /// The file is open: it has these columns and begins with these rows. Nobody knows yet which column names the
    /// users.
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
    /// Those of them that name a user whom an earlier row names, too.
    pub duplicate: u64,
    /// Matched rows that do not run since another row names the same user: see [`Duplicates`].
    pub left_out: u64,
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

impl<'a> RunOperations<'a> {
    /// Reads the rows of a file and finds their users, for a run. Memory holds a few rows, and nothing is written yet.
    ///
    /// # Errors
    /// [`AppError::Key`] if no column names the users; [`AppError::Table`] if the file cannot be read;
    /// [`AppError::Denied`]
    pub fn read_rows(
        self,
        mut table: Table,
        request: &RowsRequest<'_>,
        observer: &mut dyn RowsObserver,
    ) -> Result<ReadRows, AppError> {
        let permit = self.app.require_permission_to_run(Mode::Preview)?;
        let columns = table.columns().to_vec();
        let key = find_key(&columns, request.key);
        // Where the key was named, other columns may hold new values.
        let number_of = |at| if request.key.is_none() { number_column(&columns, at) } else { None };
        if let (Ok((at, _)), Some(read)) = (&key, request.read_columns) {
            let is_read = |column: usize| {
                column == *at || number_of(*at) == Some(column) || read.contains(&columns[column])
            };
            table.ignore_faults_in((0..columns.len()).filter(|column| !is_read(*column)));
        }
        let first: Vec<_> = table.by_ref().take(SHOWN).collect();
        let shown: Vec<_> = first.iter().flatten().cloned().collect();
        observer.begins(&columns, &shown);
        let (at, field) = key.map_err(AppError::Key)?;
        let number = number_of(at);
        observer.columns(&columns, &columns[at]).map_err(unwritable)?;
        let mut matching = Matching {
            staging: permit.stage(&permit.scope)?,
            report: RowsReport {
                key: columns[at].clone(),
                field,
                rows: 0,
                matched: 0,
                duplicate: 0,
                left_out: 0,
                unmatched: 0,
                ambiguous: 0,
                faulty: 0,
                notes: Vec::new(),
            },
            at,
            number,
            hints: KeyHints::new(),
            trimmed: 0,
            formulas: 0,
        };
        matching.read(first, &mut table, request.file, observer)?;
        let mut notes = table.notes().to_vec();
        notes.extend(ignored_note(&table));
        notes.extend(matching.notes());
        let Matching { mut staging, mut report, .. } = matching;
        report.notes = notes;
        report.duplicate = report.matched - staging.users()?;
        observer.matched(&Matched(&staging))?;
        let refused = request.duplicates == Duplicates::Refuse && report.duplicate > 0;
        report.left_out = match request.duplicates {
            Duplicates::First if report.duplicate > 0 => staging.keep_first()?,
            Duplicates::Last if report.duplicate > 0 => staging.keep_last()?,
            _ => 0,
        };
        let in_the_way = if request.skip_unmatched { report.faulty } else { report.bad() };
        let selection = Selection::Rows {
            file: request.file.to_owned(),
            column: columns[at].clone(),
            field,
            left_out: report.bad() + report.left_out,
            faulty_columns: table.ignored_faults().map(|(column, _)| column.to_owned()).collect(),
        };
        let chosen = (in_the_way == 0 && !refused).then_some(ChosenRows { staging, columns, selection });
        Ok(ReadRows { report, chosen })
    }
}

/// The number of columns that a note lists.
const TOLD: usize = 3;
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
    /// The place of the column of users' numbers that the key is checked against.
    number: Option<usize>,
    hints: KeyHints,
    /// Keys that name a user without what is around them.
    trimmed: u64,
    /// Keys that name a user as the text in a formula.
    formulas: u64,
}

/// The users that a key names, by number and name.
type Found = Vec<(UserId, String)>;

impl Matching {
    /// Notes on how keys were read, for people.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        match self.trimmed {
            0 => {}
            1 => notes.push("1 key was read without the white space around it".to_owned()),
            count => notes.push(format!("{count} keys were read without the white space around them")),
        }
        match self.formulas {
            0 => {}
            1 => notes.push("1 key was written as =\"…\" and read as the text in it".to_owned()),
            count => notes.push(format!("{count} keys were written as =\"…\" and read as the text in them")),
        }
        notes
    }

    fn read(
        &mut self,
        first: Vec<Result<Row, TableError>>,
        table: &mut Table,
        file: &str,
        observer: &mut dyn RowsObserver,
    ) -> Result<(), AppError> {
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
        self.take_all(&together, observer)
    }

    /// Puts the users of rows on the list, and tells of those that are bad.
    fn take_all(&mut self, rows: &[Row], observer: &mut dyn RowsObserver) -> Result<(), AppError> {
        let usable: Vec<&Row> = rows.iter().filter(|row| row.fault.is_none()).collect();
        let keys: Vec<&str> = usable.iter().map(|row| row.cells[self.at].as_str()).collect();
        let mut found = self.find_users(&keys)?.into_iter();
        let mut doubts = self.find_doubts(&usable, found.as_slice())?.into_iter();
        let mut matched = Vec::new();
        for row in rows {
            let (kind, reason) = match &row.fault {
                Some(fault) => (BadKind::Faulty, fault.clone()),
                None => {
                    let users = found.next().unwrap_or_default();
                    let doubt = doubts.next().flatten();
                    match (users.as_slice(), doubt) {
                        ([(user, _)], None) => {
                            matched.push(Staged { user: *user, line: row.line, cells: &row.cells });
                            self.report.matched += 1;
                            continue;
                        }
                        (users, doubt) => self.why_not(normalize_key(&row.cells[self.at]), users, doubt),
                    }
                }
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

    /// The users that each key names: as it stands, else without what is around it, else as the text in a formula.
    fn find_users(&mut self, keys: &[&str]) -> Result<Vec<Found>, AppError> {
        let field = self.report.field;
        let mut users = vec![Found::new(); keys.len()];
        let mut look_up = |other: &dyn Fn(&str) -> Option<String>| -> Result<u64, AppError> {
            let (places, other): (Vec<usize>, Vec<String>) = (0..keys.len())
                .filter(|at| users[*at].is_empty())
                .filter_map(|at| Some((at, other(keys[at])?)))
                .unzip();
            let wanted: Vec<&str> = other.iter().map(String::as_str).collect();
            let mut count = 0;
            for (at, found) in places.into_iter().zip(self.staging.find_all(field, &wanted)?) {
                count += u64::from(!found.is_empty());
                users[at] = found;
            }
            Ok(count)
        };
        let differing = |text: &str, key: &str| (!text.is_empty() && text != key).then(|| text.to_owned());
        look_up(&|key| (!normalize_key(key).is_empty()).then(|| key.to_owned()))?;
        self.trimmed += look_up(&|key| differing(normalize_key(key), key))?;
        self.formulas += look_up(&|key| differing(normalize_key(formula_text(normalize_key(key))?), key))?;
        Ok(users)
    }

    /// For each row what speaks against its users, or what may be wrong with its key, if anything.
    fn find_doubts(&mut self, rows: &[&Row], found: &[Found]) -> Result<Vec<Option<String>>, AppError> {
        let mut doubts: Vec<Option<String>> = vec![None; rows.len()];
        let key = |at: usize| normalize_key(&rows[at].cells[self.at]);
        if let Some(number) = self.number {
            let number = |at: usize| normalize_key(&rows[at].cells[number]);
            let in_doubt = |at: &usize| match found[*at].as_slice() {
                _ if number(*at).is_empty() || key(*at).is_empty() => false,
                [] => true,
                [(user, _)] => number(*at).parse() != Ok(*user),
                _ => false,
            };
            let places: Vec<usize> = (0..rows.len()).filter(in_doubt).collect();
            let numbers: Vec<&str> = places.iter().map(|at| number(*at)).collect();
            let owners = self.staging.find_all(Field::ObjId, &numbers)?;
            for (at, owner) in places.into_iter().zip(owners) {
                let number = number(at);
                doubts[at] = match (found[at].as_slice(), owner.as_slice()) {
                    ([(user, name)], [(_, other)]) => Some(format!(
                        "is user {name:?}, whose obj_id is {user}, but obj_id {number} is user {other:?}"
                    )),
                    ([(user, name)], _) => Some(format!(
                        "is user {name:?}, whose obj_id is {user}, but no user has the obj_id {number:?}"
                    )),
                    (_, [(_, other)]) => Some(format!("obj_id {number} is user {other:?}")),
                    _ => None,
                };
            }
        }
        let open: Vec<usize> = (0..rows.len())
            .filter(|at| found[*at].is_empty() && doubts[*at].is_none() && !key(*at).is_empty())
            .collect();
        let keys: Vec<&str> = open.iter().map(|at| key(*at)).collect();
        for (at, hint) in open.into_iter().zip(self.hints.find(&self.staging, self.report.field, &keys)?) {
            doubts[at] = hint;
        }
        Ok(doubts)
    }

    /// Why a row names nobody, or several.
    fn why_not(&self, key: &str, users: &[(UserId, String)], doubt: Option<String>) -> (BadKind, String) {
        let field = self.report.field;
        match (users, doubt) {
            ([], _) if key.is_empty() => (BadKind::Unmatched, format!("{} is empty", self.report.key)),
            ([], Some(hint)) => (BadKind::Unmatched, format!("no user has the {field} {key:?} ({hint})")),
            ([], None) => (BadKind::Unmatched, format!("no user has the {field} {key:?}")),
            ([_], doubt) => {
                let why = doubt.unwrap_or_default();
                (BadKind::Ambiguous, format!("{field} {key:?} {why}; name the key to use one column alone"))
            }
            (several, _) => {
                let names: Vec<_> =
                    several.iter().map(|(_, name)| name.as_str()).take(MOST_NAMED as usize).collect();
                let more = if several.len() > names.len() { " and more" } else { "" };
                let names = names.join(", ");
                (BadKind::Ambiguous, format!("several users have the {field} {key:?}: {names}{more}"))
            }
        }
    }
}

/// The note on cells with errors in columns that the script does not read.
fn ignored_note(table: &Table) -> Option<String> {
    let (columns, counts): (Vec<_>, Vec<u64>) =
        table.ignored_faults().map(|(column, count)| (format!("{column:?}"), count)).unzip();
    let more = if columns.len() > TOLD { ", …" } else { "" };
    let names = columns.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join(", ");
    match counts.iter().sum() {
        0 => None,
        1 => Some(format!("1 cell has an error in a column that the script does not read ({names})")),
        count => Some(format!(
            "{count} cells have errors in columns that the script does not read ({names}{more})"
        )),
    }
}

fn unwritable(error: std::io::Error) -> AppError {
    AppError::File { what: "the bad rows cannot be written".to_owned(), error }
}

/// The name of a column without case, white space and punctuation.
pub(crate) fn bare_name(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The field by which users are found that a column of this name holds.
pub(crate) fn field_called(name: &str) -> Option<Field> {
    let name = bare_name(name);
    KEYS.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(field, _)| *field)
}

/// The column of users' numbers, other than the key, if there is one: no script can assign them, so such a column names
/// users and holds no new values.
fn number_column(columns: &[String], key: usize) -> Option<usize> {
    let mut places = (0..columns.len()).filter(|at| field_called(&columns[*at]) == Some(Field::ObjId));
    match (places.next(), places.next()) {
        (Some(at), None) if at != key => Some(at),
        _ => None,
    }
}

fn key_fields() -> String {
    KEYS.map(|(field, _)| field.name()).join(", ")
}

fn find_key(columns: &[String], wanted: Option<&str>) -> Result<(usize, Field), Rejection> {
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
                    let why = format!("both {one:?} and {other:?} could name the users: choose one of them");
                    return Err(Rejection::new(why).suggest(Suggestion::ChooseKeyColumn));
                }
            }
        }
        return Err(Rejection::new(format!(
            "no column is known to name the users; the file has {}. Choose the one that does, and which of {} \
             it holds; if this is not the header, choose its row",
            shown(),
            key_fields()
        ))
        .suggest(Suggestion::ChooseKeyField { column: None })
        .suggest(Suggestion::ChooseHeaderRow));
    };
    let find = |name: &str| {
        let exactly = columns.iter().position(|column| column == name);
        exactly.or_else(|| {
            columns
                .iter()
                .position(|column| bare_name(column) == bare_name(name) && !bare_name(name).is_empty())
        })
    };
    if let Some(at) = find(wanted) {
        return match field_called(&columns[at]) {
            Some(field) => Ok((at, field)),
            None => {
                let column = &columns[at];
                let why = format!("which field does the column {column:?} hold: {}?", key_fields());
                let suggestion = Suggestion::ChooseKeyField { column: Some(column.clone()) };
                Err(Rejection::new(why).suggest(suggestion))
            }
        };
    }
    if let Some((column, field)) = wanted.rsplit_once('=')
        && let Some(at) = find(column.trim())
    {
        return match field_called(field) {
            Some(field) => Ok((at, field)),
            None => Err(Rejection::new(format!(
                "users cannot be found by {:?}: use one of {}",
                field.trim(),
                key_fields()
            ))),
        };
    }
    let wanted = wanted.rsplit_once('=').map_or(wanted, |(column, _)| column.trim());
    let hint = did_you_mean(wanted, columns.iter().map(String::as_str))
        .map_or_else(|| ".".to_owned(), |close| format!("; did you mean {close:?}?"));
    Err(Rejection::new(format!("the file has no column {wanted:?}{hint} It has {}", shown())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(columns: &[&str], wanted: Option<&str>) -> Result<(usize, Field), String> {
        let columns: Vec<_> = columns.iter().map(|column| (*column).to_owned()).collect();
        find_key(&columns, wanted).map_err(|why| why.to_string())
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
            (
                &["Kundennummer"],
                Some("Kundennummer"),
                "which field does the column \"Kundennummer\" hold: username, ",
            ),
            (&["username"], Some("usrname"), "did you mean \"username\"? It has"),
            (&["username"], Some("zzz"), "no column \"zzz\". It has \"username\""),
            (&["nr"], Some("nr=klass"), "cannot be found by \"klass\""),
        ] {
            let why = key(columns, wanted).unwrap_err();
            assert!(why.contains(what), "{why}");
        }
    }
}
