//! Users from a file of rows: all of them, or none and every fault of the file.

use std::collections::{BTreeMap, HashMap, HashSet};

use rollcall_domain::{
    Assignment, Catalogue, Dictionary, Field, Item, ItemKind, ItemRow, Organization, OrganizationId,
    Rejection, Right, Scope, Timestamp, User, UserId, UserPassword, Zone, check_username, did_you_mean,
    normalize_key,
};
use rollcall_store::{Added, Decision, Import, Newcomer, StoreError};

use crate::csv_text::formula_text;
use crate::error::AppError;
use crate::import_faults::{Fault, FaultKind};
use crate::operations::ImportOperations;
use crate::runs::bad_rows::{LINE_COLUMN, REASON_COLUMN};
use crate::runs::rows::{bare_name, field_called};
use crate::table::error::TableError;
use crate::table::reader::Table;
use crate::table::row::Row;
use crate::users::add::DEFAULT_ORGANIZATION;
use rollcall_api::table::USER_COLUMNS;

/// The column of users' passwords.
const PASSWORD_COLUMN: &str = "password";

/// Options for importing the users of a file.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImportRequest<'a> {
    /// The file's name.
    pub file: &'a str,
    /// Whether organizations that do not exist are created. Otherwise a row that names one is a fault.
    pub create_organizations: bool,
    /// The treatment of several rows with one username.
    pub duplicates: ImportDuplicates,
}

/// The treatment of several rows with one username in an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImportDuplicates {
    /// Each row but the first is a fault.
    #[default]
    Refuse,
    /// The first row is imported; the others are left out.
    First,
}

/// A row of a file that cannot be imported.
#[derive(Debug, Clone, Copy)]
pub struct FaultyRow<'a> {
    /// The line on which the row starts, counted from 1.
    pub line: u64,
    /// The cells, as far as they could be read.
    pub cells: &'a [String],
    /// The reason why the row cannot be imported.
    pub reason: &'a str,
    /// Whether the row could not be read, so that its cells may lie under other columns than they belong to.
    pub unreadable: bool,
}

/// Follows an import.
pub trait ImportObserver {
    /// The file is open and has these columns; the cells of the one at `literal` are taken as they stand.
    ///
    /// # Errors
    ///
    /// If what the observer writes cannot be written; that ends the import.
    fn columns(&mut self, columns: &[String], literal: Option<usize>) -> std::io::Result<()> {
        let _ = (columns, literal);
        Ok(())
    }

    /// Something is wrong. Every fault is reported, in the order of the file.
    fn fault(&mut self, fault: &Fault) {
        let _ = fault;
    }

    /// A row cannot be imported. Every such row is reported once, after its faults.
    ///
    /// # Errors
    ///
    /// If what the observer writes cannot be written; that ends the import.
    fn faulty_row(&mut self, row: FaultyRow<'_>) -> std::io::Result<()> {
        let _ = row;
        Ok(())
    }

    /// The number of bytes of the file that have been read.
    fn progress(&mut self, bytes: u64) {
        let _ = bytes;
    }
}

/// Follows nothing.
impl ImportObserver for () {}

/// What an import did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// How many users are new.
    pub users: u64,
    /// Rows that were left out since an earlier row has their username.
    pub left_out: u64,
    /// The organizations that were made for them.
    pub organizations: Vec<String>,
    /// What FreeRADIUS would reject some of the users for, in a few sentences.
    pub warnings: Vec<String>,
    /// Notes on how the file was read, for people.
    pub notes: Vec<String>,
}

/// What a column of the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Field(Field),
    Organization,
    Password,
    Profiles,
    Items(ItemKind),
    /// Added by a file of bad rows: says nothing of the user.
    Mark,
}

impl Column {
    /// The column of this name, however its words are written, such as `First Name`; else the name of one that is
    /// close.
    fn parse(name: &str) -> Result<Self, Option<&'static str>> {
        if [LINE_COLUMN, REASON_COLUMN].contains(&name) {
            return Ok(Self::Mark);
        }
        let known = || USER_COLUMNS.into_iter().chain([PASSWORD_COLUMN]);
        let bare = bare_name(name);
        let Some(found) = known().find(|known| *known == name || bare_name(known) == bare) else {
            return match field_called(name) {
                Some(field) => Ok(Self::Field(field)),
                None => Err(did_you_mean(&name.to_lowercase(), known())),
            };
        };
        match found {
            "organization" => Ok(Self::Organization),
            PASSWORD_COLUMN => Ok(Self::Password),
            "profiles" => Ok(Self::Profiles),
            "attributes" => Ok(Self::Items(ItemKind::Reply)),
            "check_attributes" => Ok(Self::Items(ItemKind::Check)),
            field => field.parse().map(Self::Field).map_err(|_| None),
        }
    }
}

impl<'a> ImportOperations<'a> {
    /// Reports every fault of a file of users, and the users that an import would add. Imports nothing.
    ///
    /// # Errors
    ///
    /// As [`ImportOperations::apply`].
    pub fn check(
        self,
        table: Table,
        request: &ImportRequest<'_>,
        observer: &mut dyn ImportObserver,
    ) -> Result<Imported, AppError> {
        self.read(table, request, true, observer)
    }

    /// Imports the users of a file whose header names fields, `organization`, `password`, `profiles`, `attributes` or
    /// `check_attributes`.
    ///
    /// # Errors
    ///
    /// [`AppError::BadRows`] if the file has any fault: then each was reported, and nothing is imported.
    pub fn apply(
        self,
        table: Table,
        request: &ImportRequest<'_>,
        observer: &mut dyn ImportObserver,
    ) -> Result<Imported, AppError> {
        self.read(table, request, false, observer)
    }

    fn read(
        self,
        mut table: Table,
        request: &ImportRequest<'_>,
        rehearse: bool,
        observer: &mut dyn ImportObserver,
    ) -> Result<Imported, AppError> {
        let permit = self.app.require_permission(Right::EditUsers)?;
        let own: BTreeMap<_, _> = (permit.organizations().all()?.into_iter())
            .filter(|each| permit.scope.has(each.id))
            .map(|each| (each.name, each.id))
            .collect();
        let own_ids: HashSet<_> = own.values().copied().collect();
        let now = self.app.now();
        let (dictionary, strict) =
            (self.app.radius().known_attributes()?, self.app.radius().refuses_unknown_attributes()?);
        let literal = table.columns().iter().position(|name| Column::parse(name) == Ok(Column::Password));
        table.keep_apostrophes(literal);
        let done = permit.users().import(|import| {
            let mut rows = Rows {
                catalogue: import.catalogue().clone().within(&permit.scope),
                waiting: Vec::new(),
                weight: 0,
                untold: Vec::new(),
                import,
                zone: self.app.zone(),
                now,
                organizations: &own,
                organization_ids: &own_ids,
                near_names: NearNames::default(),
                bound: permit.scope != Scope::Everywhere,
                request,
                dictionary: &dictionary,
                strict,
                warnings: BTreeMap::new(),
                trimmed: None,
                observer: &mut *observer,
                faults: 0,
                rows: 0,
                left_out: 0,
            };
            rows.read(&mut table, literal)?;
            if rows.faults > 0 {
                return Err(NotImported::Faulty { faults: rows.faults, rows: rows.rows });
            }
            let users = rows.rows - rows.left_out;
            if !rehearse {
                rows.import.record(&self.app.act(), users)?;
            }
            let imported = Imported {
                users,
                left_out: rows.left_out,
                organizations: rows.import.made_organizations().to_vec(),
                warnings: rows.warnings.iter().map(warning).collect(),
                notes: table.notes().iter().cloned().chain(rows.trimmed.map(trimmed)).collect(),
            };
            Ok(if rehearse { Decision::RollBack(imported) } else { Decision::Commit(imported) })
        });
        done.map_err(|error| match error {
            NotImported::Store(error) => error.into(),
            NotImported::Unread(error) => AppError::Table { file: request.file.to_owned(), error },
            NotImported::Unwritable(error) => {
                AppError::File { what: "the bad rows cannot be written".to_owned(), error }
            }
            NotImported::Faulty { faults, rows } => {
                let counted = |n: u64, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
                AppError::BadRows { faults: counted(faults, "fault"), rows: counted(rows, "row") }
            }
        })
    }
}

/// Why nothing of a file is imported.
enum NotImported {
    /// The database failed.
    Store(StoreError),
    /// Some of it is wrong.
    Faulty { faults: u64, rows: u64 },
    /// The file could not be read to its end.
    Unread(TableError),
    /// The observer could not write what it was told.
    Unwritable(std::io::Error),
}

impl From<StoreError> for NotImported {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The organization of a user who is to be imported.
enum OrganizationFound {
    /// It is this one.
    Id(OrganizationId),
    /// There is none: why.
    Fault(FaultKind, String),
}

struct Rows<'a, 'b> {
    import: &'a mut Import<'b>,
    /// The profiles that the users may be given, each those of its organization.
    catalogue: Catalogue,
    zone: &'a Zone,
    now: Timestamp,
    /// The organizations that users may be imported into, by name.
    organizations: &'a BTreeMap<String, OrganizationId>,
    /// Their numbers.
    organization_ids: &'a HashSet<OrganizationId>,
    near_names: NearNames,
    /// Whether only users of these organizations may be imported, and no other one be made.
    bound: bool,
    request: &'a ImportRequest<'a>,
    /// What FreeRADIUS knows.
    dictionary: &'a Dictionary,
    /// Whether what it would reject a user for is a fault.
    strict: bool,
    /// On which line there is the first of each, and how many there are.
    warnings: BTreeMap<String, (u64, u64)>,
    /// On which line the first username was trimmed, and how many were.
    trimmed: Option<(u64, u64)>,
    observer: &'a mut dyn ImportObserver,
    /// Rows that are still to be added, together.
    waiting: Vec<Waiting>,
    /// How long they are, in bytes.
    weight: usize,
    /// Faults that are still to be reported, in the order of the lines.
    untold: Vec<Fault>,
    faults: u64,
    rows: u64,
    left_out: u64,
}

/// That usernames were trimmed, for people.
fn trimmed((line, count): (u64, u64)) -> String {
    match count {
        1 => format!("the username on line {line} was read without the white space around it"),
        _ => format!(
            "{count} usernames were read without the white space around them, the first on line {line}"
        ),
    }
}

/// Known names that are close to unknown ones.
#[derive(Default)]
struct NearNames(HashMap<(FaultKind, String), Option<String>>);

impl NearNames {
    /// The number of different names that are compared with all known ones.
    const MOST: usize = 1_000;

    /// `; did you mean "…"?` with the name among `known` that is close to `name`, or nothing.
    fn hint<'a>(&mut self, kind: FaultKind, name: &str, known: impl Iterator<Item = &'a str>) -> String {
        let key = (kind, name.to_owned());
        let close = match self.0.get(&key) {
            Some(close) => close.clone(),
            None if self.0.len() >= Self::MOST => None,
            None => {
                let close = did_you_mean(name, known).map(str::to_owned);
                self.0.insert(key, close.clone());
                close
            }
        };
        close.map_or_else(String::new, |close| format!("; did you mean {close:?}?"))
    }
}

/// A warning, with where there is reason for it.
fn warning((why, (line, count)): (&String, &(u64, u64))) -> String {
    match count - 1 {
        0 => format!("line {line}: {why}"),
        1 => format!("line {line} and another one: {why}"),
        more => format!("line {line} and {more} others: {why}"),
    }
}

/// So many different warnings are enough.
const MOST_WARNINGS: usize = 10;
/// So many rows are added together...
const TOGETHER: usize = 1_000;
/// ...or rows of so many bytes.
const WEIGHT: usize = 8 << 20;

/// A row that is still to be reported or added.
struct Waiting {
    line: u64,
    /// The cells of the row, for a file of bad rows.
    cells: Vec<String>,
    unreadable: bool,
    content: Content,
}

/// The content of a waiting row: a user, or the part of a faulty row that still matters.
enum Content {
    /// The user is to be added.
    User { id: Option<UserId>, user: Box<User>, password: Option<UserPassword> },
    /// The row has a fault, and claims its username.
    Claim(String),
    /// The row has a fault that leaves nothing of it.
    Nothing,
}

/// A row on its way to becoming a user.
struct Draft {
    user: User,
    id: Option<UserId>,
    password: Option<UserPassword>,
    /// Nobody says so: then it follows from the name.
    length_given: bool,
    organization: Option<String>,
    organization_id: Option<i64>,
    warnings: Vec<String>,
    /// Whether the username had white space around it.
    trimmed: bool,
}

impl Rows<'_, '_> {
    fn fault(&mut self, line: u64, kind: FaultKind, column: Option<&str>, message: impl Into<String>) {
        self.faults += 1;
        self.untold.push(Fault { line, kind, column: column.map(str::to_owned), message: message.into() });
    }

    fn read(&mut self, table: &mut Table, literal: Option<usize>) -> Result<(), NotImported> {
        let names = table.columns().to_vec();
        self.observer.columns(&names, literal).map_err(NotImported::Unwritable)?;
        let read = match self.header(table.header_line(), &names) {
            Some(columns) => self.read_rows(table, &columns),
            None => Ok(()),
        };
        // The faults of the rows before are told, even if the file cannot be read to its end.
        if let Ok(()) | Err(NotImported::Unread(_)) = read {
            let added = self.add_waiting();
            return read.and(added);
        }
        read
    }

    fn read_rows(
        &mut self,
        table: &mut Table,
        columns: &[(String, Option<Column>)],
    ) -> Result<(), NotImported> {
        while let Some(row) = table.next() {
            let row = row.map_err(NotImported::Unread)?;
            self.rows += 1;
            self.weight += row.cells.iter().map(String::len).sum::<usize>();
            let content = self.row(columns, &row)?;
            let Row { line, cells, fault } = row;
            self.waiting.push(Waiting { line, cells, unreadable: fault.is_some(), content });
            if self.waiting.len() >= TOGETHER || self.weight >= WEIGHT {
                self.add_waiting()?;
                self.observer.progress(table.bytes_read());
            }
        }
        Ok(())
    }

    /// The columns; those that are wrong are reported and left out. None if rows make no sense without them.
    fn header(&mut self, line: u64, names: &[String]) -> Option<Vec<(String, Option<Column>)>> {
        let mut columns: Vec<(String, Option<Column>)> = Vec::new();
        let mut unknown = Vec::new();
        for name in names {
            let column = match Column::parse(name) {
                Ok(column) => match columns.iter().find(|(_, other)| *other == Some(column)) {
                    Some((other, _)) if column != Column::Mark => {
                        let why = format!("the column is there twice, also as {other:?}");
                        self.fault(line, FaultKind::Header, Some(name), why);
                        None
                    }
                    _ => Some(column),
                },
                Err(Some(close)) => {
                    let why = format!("users have no column {name:?}; did you mean {close}?");
                    self.fault(line, FaultKind::Header, None, why);
                    None
                }
                Err(None) => {
                    unknown.push(format!("{name:?}"));
                    None
                }
            };
            columns.push((name.clone(), column));
        }
        match unknown.as_slice() {
            [] => {}
            [one] => self.fault(line, FaultKind::Header, None, format!("users have no column {one}")),
            many => {
                let why = format!("users have no columns {}", many.join(", "));
                self.fault(line, FaultKind::Header, None, why);
            }
        }
        if columns.iter().any(|(_, column)| *column == Some(Column::Field(Field::Username))) {
            return Some(columns);
        }
        self.fault(line, FaultKind::Header, None, "the file has no column username");
        None
    }

    fn row(&mut self, columns: &[(String, Option<Column>)], row: &Row) -> Result<Content, StoreError> {
        let line = row.line;
        // Its cells may lie under other columns than they belong to.
        if let Some(fault) = &row.fault {
            self.fault(line, FaultKind::Unreadable, None, fault);
            return Ok(Content::Nothing);
        }
        let before = self.faults;
        let mut draft = Draft {
            user: User::new(0, "", 0, self.now),
            id: None,
            password: None,
            length_given: false,
            organization: None,
            organization_id: None,
            warnings: Vec::new(),
            trimmed: false,
        };
        for ((name, column), cell) in columns.iter().zip(&row.cells) {
            let Some(column) = column else { continue };
            if let Err((kind, why)) = self.cell(&mut draft, *column, cell) {
                // The column is named already.
                let message = why.strip_prefix(&format!("{name}: ")).unwrap_or(&why).to_owned();
                self.fault(line, kind, Some(name), message);
            }
        }
        if draft.user.username.is_empty() && self.faults == before {
            self.fault(line, FaultKind::Value, Some("username"), "username cannot be empty");
        }
        if draft.trimmed {
            self.trimmed.get_or_insert((line, 0)).1 += 1;
        }
        let username = draft.user.username.clone();
        if self.faults == before
            && let Some(content) = self.finish(line, draft)?
        {
            return Ok(content);
        }
        Ok(if username.is_empty() { Content::Nothing } else { Content::Claim(username) })
    }

    /// Puts one cell into the draft; an empty cell means what a missing column means.
    fn cell(&mut self, draft: &mut Draft, column: Column, cell: &str) -> Result<(), (FaultKind, String)> {
        if cell.is_empty() && column != Column::Field(Field::Username) {
            return Ok(());
        }
        let value = |why: Rejection| (FaultKind::Value, why.to_string());
        match column {
            Column::Field(Field::Username) => {
                let bare = normalize_key(cell);
                let name = formula_text(bare).map_or(bare, normalize_key);
                draft.trimmed = name != cell;
                check_username(name).map_err(value)?;
                let name = Field::Username.parse(name, self.zone).map_err(value)?;
                draft.user.put(Field::Username, name).map_err(value)
            }
            Column::Field(field) => {
                let parsed = field.parse(cell, self.zone).map_err(value)?;
                draft.user.put(field, parsed).map_err(value)?;
                match field {
                    Field::ObjId => draft.id = Some(draft.user.id),
                    Field::UsernameLength => draft.length_given = true,
                    Field::OrganizationId => draft.organization_id = Some(draft.user.organization_id),
                    _ => {}
                }
                Ok(())
            }
            Column::Organization => {
                let name = cell.trim();
                if name.is_empty() {
                    return Ok(());
                }
                Organization::check_name(name).map_err(value)?;
                draft.organization = Some(name.to_owned());
                Ok(())
            }
            Column::Password => {
                draft.password = Some(UserPassword::parse(cell).map_err(value)?);
                Ok(())
            }
            Column::Profiles => self.profiles(&mut draft.user, cell),
            Column::Items(kind) => self.items(draft, kind, cell).map_err(value),
            Column::Mark => Ok(()),
        }
    }

    fn profiles(&mut self, user: &mut User, cell: &str) -> Result<(), (FaultKind, String)> {
        let mut unknown = Vec::new();
        for name in cell.split(';').map(str::trim).filter(|name| !name.is_empty()) {
            let Some(id) = self.catalogue.id(name) else {
                let known = self.catalogue.iter().map(|(_, name, _)| name);
                let hint = self.near_names.hint(FaultKind::UnknownProfile, name, known);
                unknown.push((format!("{name:?}"), hint));
                continue;
            };
            if user.profiles.iter().any(|assigned| assigned.id == id) {
                return Err((FaultKind::Value, format!("profile {name:?} is there twice")));
            }
            let priority = user.profiles.last().map_or(0, |assigned| assigned.priority) + 1;
            user.profiles.push(Assignment { id, short_name: name.to_owned(), priority });
        }
        let why = match unknown.as_slice() {
            [] => return Ok(()),
            [(one, hint)] if hint.is_empty() => format!("there is no profile {one}; add it first"),
            [(one, hint)] => format!("there is no profile {one}{hint}"),
            many => {
                let names: Vec<_> = many.iter().map(|(name, hint)| format!("{name}{hint}")).collect();
                format!("there are no profiles {}; add them first", names.join(", "))
            }
        };
        Err((FaultKind::UnknownProfile, why))
    }

    fn items(&self, draft: &mut Draft, kind: ItemKind, cell: &str) -> Result<(), Rejection> {
        let mut rows = Vec::new();
        for (position, line) in (1_i64..).zip(cell.lines().filter(|line| !line.trim().is_empty())) {
            let item = Item::parse(kind, line)?;
            if self.strict {
                self.dictionary.check_item(&item)?;
            } else if let Err(why) = self.dictionary.warn_of(&item) {
                draft.warnings.push(why.to_string());
            }
            rows.push(ItemRow::new(item, position));
        }
        match kind {
            ItemKind::Reply => draft.user.attributes = rows,
            ItemKind::Check => draft.user.check_attributes = rows,
        }
        Ok(())
    }

    /// The user that a row without faults so far is; none if there is a fault after all.
    fn finish(&mut self, line: u64, draft: Draft) -> Result<Option<Content>, StoreError> {
        let Draft { mut user, id, password, length_given, organization, organization_id, warnings, .. } =
            draft;
        for why in warnings {
            if self.warnings.len() < MOST_WARNINGS || self.warnings.contains_key(&why) {
                self.warnings.entry(why).or_insert((line, 0)).1 += 1;
            }
        }
        // A name decides: the number may come from another installation's export.
        user.organization_id = match (organization, organization_id) {
            (None, Some(id)) if self.organization_ids.contains(&id) => id,
            (None, Some(id)) => {
                let why = format!("there is no organization {id}");
                self.fault(line, FaultKind::UnknownOrganization, Some("organization_id"), why);
                return Ok(None);
            }
            (name, _) => match self.organization(name.as_deref())? {
                OrganizationFound::Id(id) => id,
                OrganizationFound::Fault(kind, why) => {
                    self.fault(line, kind, Some("organization"), why);
                    return Ok(None);
                }
            },
        };
        let refused = |given: &Assignment| self.catalogue.offer(given.id, user.organization_id).err();
        let refused: Vec<_> = user.profiles.iter().filter_map(refused).collect();
        if !refused.is_empty() {
            for why in refused {
                self.fault(line, FaultKind::Value, Some("profiles"), why.to_string());
            }
            return Ok(None);
        }
        if !length_given {
            user.username_length = User::new(0, &user.username, 0, self.now).username_length;
        }
        Ok(Some(Content::User { id, user: Box::new(user), password }))
    }

    /// The organization of this name. Without a name it is `default`, or the only one that users may be imported into.
    fn organization(&mut self, name: Option<&str>) -> Result<OrganizationFound, StoreError> {
        let default = |name: &&str| self.bound || *name != DEFAULT_ORGANIZATION;
        let Some(name) = name.filter(default) else {
            let mut own = self.organizations.values();
            return match (self.bound, own.next(), own.next()) {
                (false, ..) => self.import.organization(DEFAULT_ORGANIZATION).map(OrganizationFound::Id),
                (true, Some(id), None) => Ok(OrganizationFound::Id(*id)),
                (true, ..) => {
                    let why = "say to which organization the user belongs: there are several of yours";
                    Ok(OrganizationFound::Fault(FaultKind::Value, why.to_owned()))
                }
            };
        };
        if let Some(id) = self.organizations.get(name) {
            return Ok(OrganizationFound::Id(*id));
        }
        if self.request.create_organizations && !self.bound {
            return self.import.organization(name).map(OrganizationFound::Id);
        }
        let known = self.organizations.keys().map(String::as_str);
        let hint = self.near_names.hint(FaultKind::UnknownOrganization, name, known);
        let yours = if self.bound { " of yours" } else { "" };
        let why = format!("there is no organization {name:?}{yours}{hint}");
        Ok(OrganizationFound::Fault(FaultKind::UnknownOrganization, why))
    }

    /// Adds the rows that wait, and reports their faults.
    fn add_waiting(&mut self) -> Result<(), NotImported> {
        let waiting = std::mem::take(&mut self.waiting);
        self.weight = 0;
        let comers: Vec<&Waiting> = waiting.iter().filter(|row| row.newcomer().is_some()).collect();
        let newcomers: Vec<_> = comers.iter().filter_map(|row| row.newcomer()).collect();
        for (row, added) in comers.iter().zip(self.import.add_all(&newcomers)?) {
            if let Some(added) = added {
                self.tell_taken(row, added);
            }
        }
        let mut untold = std::mem::take(&mut self.untold);
        untold.sort_by_key(|fault| fault.line);
        untold.iter().for_each(|fault| self.observer.fault(fault));
        let mut faults = untold.iter().peekable();
        for row in &waiting {
            // Those of the header come before.
            while faults.next_if(|fault| fault.line < row.line).is_some() {}
            let mut reasons = Vec::new();
            while let Some(fault) = faults.next_if(|fault| fault.line == row.line) {
                reasons.push(fault.reason());
            }
            if reasons.is_empty() {
                continue;
            }
            let reason = reasons.join("; ");
            let Waiting { line, cells, unreadable, .. } = row;
            let faulty = FaultyRow { line: *line, cells, reason: &reason, unreadable: *unreadable };
            self.observer.faulty_row(faulty).map_err(NotImported::Unwritable)?;
        }
        Ok(())
    }

    fn tell_taken(&mut self, row: &Waiting, added: Added) {
        let username = row.username().unwrap_or_default();
        let (column, what, earlier) = match added {
            Added::As(_) => return,
            Added::NameTaken(Some(_)) if self.request.duplicates == ImportDuplicates::First => {
                self.left_out += 1;
                return;
            }
            Added::NameTaken(earlier) => ("username", format!("user {username:?}"), earlier),
            Added::IdTaken(earlier) => {
                ("obj_id", format!("obj_id {}", row.id().unwrap_or_default()), earlier)
            }
        };
        let (kind, there) = match earlier {
            Some(line) => (FaultKind::Duplicate, format!("is already on line {line} of this file")),
            None => (FaultKind::Exists, "is already there".to_owned()),
        };
        self.fault(row.line, kind, Some(column), format!("{what} {there}"));
    }
}

impl Waiting {
    fn newcomer(&self) -> Option<Newcomer<'_>> {
        let line = self.line;
        match &self.content {
            Content::User { id, user, password } => {
                Some(Newcomer::User { line, id: *id, user, password: password.as_ref() })
            }
            Content::Claim(username) => Some(Newcomer::Claim { line, username }),
            Content::Nothing => None,
        }
    }

    fn username(&self) -> Option<&str> {
        match &self.content {
            Content::User { user, .. } => Some(&user.username),
            Content::Claim(username) => Some(username),
            Content::Nothing => None,
        }
    }

    fn id(&self) -> Option<UserId> {
        match &self.content {
            Content::User { id, .. } => *id,
            _ => None,
        }
    }
}
