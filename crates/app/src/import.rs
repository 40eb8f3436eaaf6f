//! Users from a CSV file: all of them, or none and every fault of the file.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Read;

use encoding_rs::{Encoding, UTF_8};
use encoding_rs_io::DecodeReaderBytesBuilder;
use rollcall_domain::{
    Assignment, Catalogue, Dictionary, Field, Item, ItemKind, ItemRow, Organization, OrganizationId, Refusal,
    Right, Scope, Timestamp, User, UserId, UserPassword, Zone, did_you_mean,
};
use rollcall_store::{Added, Import, Newcomer, StoreError};

use crate::csv_text::{csv_error, restore};
use crate::export::EXPORT_COLUMNS;
use crate::lines::{Lines, NEVER_CLOSED, note_lines};
use crate::table::NAME_ENCODING;
use crate::users::DEFAULT_ORGANIZATION;
use crate::{App, AppError};

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line on which the row starts, counted from 1.
    pub line: u64,
    /// The column's name, where one is to blame.
    pub column: Option<String>,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = &self.column {
            write!(f, ", {column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// What an import did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// How many users are new.
    pub users: u64,
    /// The organizations that were made for them.
    pub organizations: Vec<String>,
    /// What FreeRADIUS would reject some of the users for, in a few sentences.
    pub warnings: Vec<String>,
}

/// What a column of the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Field(Field),
    Organization,
    Password,
    Profiles,
    Items(ItemKind),
}

impl Column {
    fn parse(name: &str) -> Result<Self, Refusal> {
        match name {
            "organization" => Ok(Self::Organization),
            "password" => Ok(Self::Password),
            "profiles" => Ok(Self::Profiles),
            "attributes" => Ok(Self::Items(ItemKind::Reply)),
            "check_attributes" => Ok(Self::Items(ItemKind::Check)),
            _ => name.parse().map(Self::Field).map_err(|_| {
                let known = EXPORT_COLUMNS.into_iter().chain(["password"]);
                let hint = did_you_mean(name, known)
                    .map_or_else(String::new, |close| format!("; did you mean {close}?"));
                Refusal::new(format!("users have no column {name:?}{hint}"))
            }),
        }
    }
}

impl App {
    /// What importing a file would do, and every fault of it; nothing is imported. See [`App::import_users`].
    pub fn check_import(
        &self,
        file: impl Read,
        encoding: Option<&str>,
        report: &mut dyn FnMut(&Fault),
    ) -> Result<Imported, AppError> {
        self.read_import(file, encoding, true, report)
    }

    /// Imports users from CSV text whose header names fields, `organization`, `password`, `profiles`, `attributes` or
    /// `check_attributes`. Every fault is reported; if there is any, nothing is imported. `encoding` is a label such
    /// as `windows-1252` (WHATWG Encoding); UTF-8 if none.
    pub fn import_users(
        &self,
        file: impl Read,
        encoding: Option<&str>,
        report: &mut dyn FnMut(&Fault),
    ) -> Result<Imported, AppError> {
        self.read_import(file, encoding, false, report)
    }

    fn read_import(
        &self,
        file: impl Read,
        encoding: Option<&str>,
        rehearse: bool,
        report: &mut dyn FnMut(&Fault),
    ) -> Result<Imported, AppError> {
        let encoding = match encoding {
            None => UTF_8,
            Some(label) => Encoding::for_label(label.as_bytes())
                .ok_or_else(|| Refusal::new(format!("no encoding is called {label:?}; try windows-1252")))?,
        };
        // UTF-8 is checked cell by cell, to say which is wrong; other encodings are turned into it on the way.
        let file = DecodeReaderBytesBuilder::new()
            .encoding((encoding != UTF_8).then_some(encoding))
            .utf8_passthru(true)
            .strip_bom(true)
            .bom_sniffing(encoding != UTF_8)
            .build(file);
        let (file, lines) = note_lines(file);
        let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
        let permit = self.may(Right::EditUsers)?;
        let known: HashMap<_, _> = (permit.organizations()?.into_iter())
            .filter(|each| permit.scope.has(each.id))
            .map(|each| (each.id, each.name))
            .collect();
        let now = self.clock.now();
        let (dictionary, strict) = (self.known_attributes()?, self.strict_here()?);
        let done = permit.import(|import| {
            let mut rows = Rows {
                catalogue: import.catalogue().clone().within(&permit.scope),
                waiting: Vec::new(),
                weight: 0,
                untold: Vec::new(),
                import,
                zone: &self.zone,
                now,
                organizations: &known,
                bound: permit.scope != Scope::Everywhere,
                lossy: encoding != UTF_8,
                dictionary: &dictionary,
                strict,
                warnings: BTreeMap::new(),
                report: &mut *report,
                faults: 0,
                rows: 0,
            };
            match rows.read(reader, &lines)? {
                Ok(()) if rows.faults == 0 => {
                    if !rehearse {
                        rows.import.record(&self.act(), rows.rows)?;
                    }
                    let organizations = rows.import.made_organizations().to_vec();
                    let warnings = rows.warnings.iter().map(warning).collect();
                    let imported = Imported { users: rows.rows, organizations, warnings };
                    Ok(if rehearse { Err(TakenBack::Rehearsed(imported)) } else { Ok(imported) })
                }
                Ok(()) => Ok(Err(TakenBack::Faulty { faults: rows.faults, rows: rows.rows })),
                Err(error) => Ok(Err(TakenBack::Unread(error))),
            }
        })?;
        match done {
            Ok(done) | Err(TakenBack::Rehearsed(done)) => Ok(done),
            Err(TakenBack::Unread(error)) => {
                Err(AppError::File { what: "the file could not be read to its end".to_owned(), error })
            }
            Err(TakenBack::Faulty { faults, rows }) => {
                let counted = |n: u64, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
                Err(AppError::BadRows { faults: counted(faults, "fault"), rows: counted(rows, "row") })
            }
        }
    }
}

/// Why nothing of a file stays.
enum TakenBack {
    /// Nothing was to stay.
    Rehearsed(Imported),
    /// Some of it is wrong.
    Faulty { faults: u64, rows: u64 },
    /// It could not be read to its end.
    Unread(std::io::Error),
}

struct Rows<'a, 'b> {
    import: &'a mut Import<'b>,
    /// The profiles that the users may be given, each those of its organization.
    catalogue: Catalogue,
    zone: &'a Zone,
    now: Timestamp,
    organizations: &'a HashMap<i64, String>,
    /// Whether only users of these organizations may be imported, and no other one be made.
    bound: bool,
    /// Whether undecodable bytes have become U+FFFD on the way.
    lossy: bool,
    /// What FreeRADIUS knows.
    dictionary: &'a Dictionary,
    /// Whether what it would reject a user for is a fault.
    strict: bool,
    /// On which line there is the first of each, and how many there are.
    warnings: BTreeMap<String, (u64, u64)>,
    report: &'a mut dyn FnMut(&Fault),
    /// Rows that are still to be added, together.
    waiting: Vec<Waiting>,
    /// How long they are, in bytes.
    weight: usize,
    /// Faults of theirs, which are told in the order of the lines.
    untold: Vec<Fault>,
    faults: u64,
    rows: u64,
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

/// A row that is still to be added, or that only claims its name.
struct Waiting {
    line: u64,
    id: Option<UserId>,
    user: User,
    password: Option<UserPassword>,
    claims: bool,
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
}

impl Rows<'_, '_> {
    fn fault(&mut self, line: u64, column: Option<&str>, message: impl Into<String>) {
        self.faults += 1;
        self.untold.push(Fault { line, column: column.map(str::to_owned), message: message.into() });
    }

    /// The outer error is the database's, the inner one the file's.
    fn read(
        &mut self,
        reader: csv::Reader<impl Read>,
        lines: &Lines,
    ) -> Result<std::io::Result<()>, StoreError> {
        let read = self.read_rows(reader, lines)?;
        self.add_waiting()?;
        Ok(read)
    }

    fn read_rows(
        &mut self,
        mut reader: csv::Reader<impl Read>,
        lines: &Lines,
    ) -> Result<std::io::Result<()>, StoreError> {
        let mut record = csv::ByteRecord::new();
        let mut header: Option<Vec<(String, Option<Column>)>> = None;
        loop {
            match reader.read_byte_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Ok(Err(csv_error(error))),
            }
            let line = lines.after(record.position().map_or(0, csv::Position::byte));
            let is_open = lines.is_open_at(reader.position().byte());
            let Some(columns) = &header else {
                if is_open {
                    self.fault(line, None, NEVER_CLOSED);
                    return Ok(Ok(()));
                }
                match self.header(line, &record) {
                    Some(columns) => header = Some(columns),
                    None => return Ok(Ok(())),
                }
                continue;
            };
            self.rows += 1;
            let before = self.faults;
            if is_open {
                self.fault(line, None, NEVER_CLOSED);
            }
            let draft = self.row(line, columns, &record);
            if self.faults == before {
                self.add(line, draft)?;
            } else if !draft.user.username.is_empty() {
                let Draft { user, .. } = draft;
                self.waiting.push(Waiting { line, id: None, user, password: None, claims: true });
            }
            self.weight += record.as_slice().len();
            // Rows with faults wait with the others, and so do their faults.
            if self.waiting.len().max(self.untold.len()) >= TOGETHER || self.weight >= WEIGHT {
                self.add_waiting()?;
            }
        }
        if header.is_none() {
            self.fault(
                1,
                None,
                "the file is empty: its first line must name the columns, username among them",
            );
        }
        Ok(Ok(()))
    }

    /// The columns; those that are wrong are reported and left out. None if rows make no sense without them.
    fn header(&mut self, line: u64, record: &csv::ByteRecord) -> Option<Vec<(String, Option<Column>)>> {
        if let (1, Some(only)) = (record.len(), record.get(0))
            && only.iter().any(|byte| b";\t|{".contains(byte))
        {
            let why = "this is not comma-separated: save the file as CSV with commas between the cells";
            self.fault(line, None, why);
            return None;
        }
        let mut columns: Vec<(String, Option<Column>)> = Vec::new();
        for cell in record {
            let name = match std::str::from_utf8(cell) {
                Ok(name) => name.trim().to_owned(),
                Err(_) => {
                    self.fault(line, None, format!("the header is not UTF-8; {NAME_ENCODING}"));
                    return None;
                }
            };
            let column = match Column::parse(&name) {
                Ok(column) if columns.iter().any(|(_, other)| *other == Some(column)) => {
                    self.fault(line, Some(&name), "the column is there twice");
                    None
                }
                Ok(column) => Some(column),
                Err(why) => {
                    self.fault(line, None, why.to_string());
                    None
                }
            };
            columns.push((name, column));
        }
        if columns.iter().any(|(_, column)| *column == Some(Column::Field(Field::Username))) {
            return Some(columns);
        }
        self.fault(line, None, "the file has no column username");
        None
    }

    fn row(&mut self, line: u64, columns: &[(String, Option<Column>)], record: &csv::ByteRecord) -> Draft {
        let before = self.faults;
        if record.len() != columns.len() {
            let (cells, wanted) = (record.len(), columns.len());
            self.fault(line, None, format!("the row has {cells} cells, the header has {wanted}"));
        }
        let mut draft = Draft {
            user: User::new(0, "", 0, self.now),
            id: None,
            password: None,
            length_given: false,
            organization: None,
            organization_id: None,
            warnings: Vec::new(),
        };
        for ((name, column), cell) in columns.iter().zip(record) {
            let Some(column) = column else { continue };
            let Ok(cell) = std::str::from_utf8(cell) else {
                self.fault(line, Some(name), format!("the cell is not UTF-8; {NAME_ENCODING}"));
                continue;
            };
            if self.lossy && cell.contains('\u{fffd}') {
                self.fault(line, Some(name), "the cell is not in the encoding that was named");
                continue;
            }
            if let Err(why) = self.cell(&mut draft, *column, restore(cell)) {
                // The column is named already.
                let message = why.to_string();
                let message = message.strip_prefix(&format!("{name}: ")).unwrap_or(&message).to_owned();
                self.fault(line, Some(name), message);
            }
        }
        if draft.user.username.is_empty() && self.faults == before {
            self.fault(line, Some("username"), "username cannot be empty");
        }
        draft
    }

    /// Puts one cell into the draft; an empty cell means what a missing column means.
    fn cell(&self, draft: &mut Draft, column: Column, cell: &str) -> Result<(), Refusal> {
        if cell.is_empty() && column != Column::Field(Field::Username) {
            return Ok(());
        }
        match column {
            Column::Field(field) => {
                draft.user.put(field, field.parse(cell, self.zone)?)?;
                match field {
                    Field::ObjId => draft.id = Some(draft.user.id),
                    Field::UsernameLength => draft.length_given = true,
                    Field::OrganizationId => draft.organization_id = Some(draft.user.organization_id),
                    _ => {}
                }
                Ok(())
            }
            Column::Organization => {
                Organization::check_name(cell.trim())?;
                draft.organization = Some(cell.trim().to_owned());
                Ok(())
            }
            Column::Password => {
                draft.password = Some(UserPassword::parse(cell)?);
                Ok(())
            }
            Column::Profiles => profiles(&mut draft.user, cell, &self.catalogue),
            Column::Items(kind) => self.items(draft, kind, cell),
        }
    }

    fn items(&self, draft: &mut Draft, kind: ItemKind, cell: &str) -> Result<(), Refusal> {
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

    /// Takes a row without faults.
    fn add(&mut self, line: u64, draft: Draft) -> Result<(), StoreError> {
        let Draft { mut user, id, password, length_given, organization, organization_id, warnings } = draft;
        for why in warnings {
            if self.warnings.len() < MOST_WARNINGS || self.warnings.contains_key(&why) {
                self.warnings.entry(why).or_insert((line, 0)).1 += 1;
            }
        }
        // A name decides: the number may come from another installation's export.
        user.organization_id = match (organization, organization_id) {
            (None, Some(id)) if self.organizations.contains_key(&id) => id,
            (None, Some(id)) => {
                self.fault(line, Some("organization_id"), format!("there is no organization {id}"));
                return Ok(());
            }
            (name, _) if self.bound => match self.own_organization(name.as_deref()) {
                Ok(id) => id,
                Err(why) => {
                    self.fault(line, Some("organization"), why);
                    return Ok(());
                }
            },
            (name, _) => self.import.organization(name.as_deref().unwrap_or(DEFAULT_ORGANIZATION))?,
        };
        let refused = |given: &Assignment| self.catalogue.offer(given.id, user.organization_id).err();
        let refused: Vec<_> = user.profiles.iter().filter_map(refused).collect();
        if !refused.is_empty() {
            refused.iter().for_each(|why| self.fault(line, Some("profiles"), why.to_string()));
            return Ok(());
        }
        if !length_given {
            user.username_length = User::new(0, &user.username, 0, self.now).username_length;
        }
        self.waiting.push(Waiting { line, id, user, password, claims: false });
        Ok(())
    }

    /// The organization of this name, of those whose users may be imported; without a name, the only one.
    fn own_organization(&self, name: Option<&str>) -> Result<OrganizationId, String> {
        let mut own = self.organizations.iter();
        match (name, own.next(), own.next()) {
            (None, Some((id, _)), None) => Ok(*id),
            (None, ..) => {
                Err("say to which organization the user belongs: there are several of yours".to_owned())
            }
            (Some(name), ..) => (self.organizations.iter().find(|(_, known)| *known == name))
                .map(|(id, _)| *id)
                .ok_or_else(|| format!("there is no organization {name:?} of yours")),
        }
    }

    /// Adds the rows that wait, and tells of their faults.
    fn add_waiting(&mut self) -> Result<(), StoreError> {
        let waiting = std::mem::take(&mut self.waiting);
        self.weight = 0;
        let newcomers: Vec<_> = waiting.iter().map(Waiting::newcomer).collect();
        for (row, added) in waiting.iter().zip(self.import.add_all(&newcomers)?) {
            if let Some(added) = added {
                self.tell_taken(row.line, added, &row.user);
            }
        }
        let mut untold = std::mem::take(&mut self.untold);
        untold.sort_by_key(|fault| fault.line);
        untold.iter().for_each(|fault| (self.report)(fault));
        Ok(())
    }

    fn tell_taken(&mut self, line: u64, added: Added, user: &User) {
        let there = |line: Option<u64>| match line {
            Some(line) => format!("is already on line {line} of this file"),
            None => "is already there".to_owned(),
        };
        match added {
            Added::As(_) => {}
            Added::NameTaken(other) => {
                self.fault(line, Some("username"), format!("user {:?} {}", user.username, there(other)));
            }
            Added::IdTaken(other) => {
                self.fault(line, Some("obj_id"), format!("obj_id {} {}", user.id, there(other)));
            }
        }
    }
}

impl Waiting {
    fn newcomer(&self) -> Newcomer<'_> {
        let Self { line, id, user, password, claims } = self;
        if *claims {
            return Newcomer::Claim { line: *line, username: &user.username };
        }
        Newcomer::User { line: *line, id: *id, user, password: password.as_ref() }
    }
}

fn profiles(user: &mut User, cell: &str, catalogue: &Catalogue) -> Result<(), Refusal> {
    let mut unknown = Vec::new();
    for name in cell.split(';').map(str::trim).filter(|name| !name.is_empty()) {
        let Some(id) = catalogue.id(name) else {
            unknown.push(format!("{name:?}"));
            continue;
        };
        if user.profiles.iter().any(|assigned| assigned.id == id) {
            return Err(Refusal::new(format!("profile {name:?} is there twice")));
        }
        let priority = user.profiles.last().map_or(0, |assigned| assigned.priority) + 1;
        user.profiles.push(Assignment { id, short_name: name.to_owned(), priority });
    }
    match unknown.as_slice() {
        [] => Ok(()),
        [one] => Err(Refusal::new(format!("there is no profile {one}; add it first"))),
        many => Err(Refusal::new(format!("there are no profiles {}; add them first", many.join(", ")))),
    }
}
