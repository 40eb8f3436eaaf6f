use std::collections::HashMap;

use rollcall_domain::{Catalogue, ItemKind, OrganizationId, Timestamp, User, UserId};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::error::is_taken;
use crate::profiles::{self, kind_number};
use crate::sqlite::{BUSY, Verdict};
use crate::{Store, StoreError, organizations, sql};

sql! {
    INSERT_USER = "INSERT INTO users (id, username, username_length, first_name, last_name, email, external_id, klass, \
                   is_active, date_joined, expiration, last_update, organization_id, avatar_url, description, \
                   password) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
                   RETURNING id";
    INSERT_LOGIN = "INSERT INTO user_logins (user_id, first_login, last_login) VALUES (?1, ?2, ?3)";
    INSERT_PROFILE = "INSERT INTO user_profiles (user_id, profile_id, priority) VALUES (?1, ?2, ?3)";
    INSERT_ITEM = "INSERT INTO user_items (user_id, kind, position, attr, operation, value) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    USER_IS_THERE = "SELECT 1 FROM users WHERE username = ?1";
    CREATE_LINES = "CREATE TEMP TABLE IF NOT EXISTS import_lines (username TEXT PRIMARY KEY, id INTEGER, line INTEGER) \
                    STRICT, WITHOUT ROWID";
}

// On a table of this connection alone; they cannot be prepared without it.
const FORGET_LINES: &str = "DELETE FROM temp.import_lines";
const INSERT_LINE: &str = "INSERT INTO temp.import_lines (username, id, line) VALUES (?1, ?2, ?3)";
const LINE_OF: &str = "SELECT line FROM temp.import_lines WHERE username = ?1";
const LINE_OF_ID: &str = "SELECT line FROM temp.import_lines WHERE id = ?1";

/// What became of a user that was to be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is there, with this number.
    As(UserId),
    /// Its name is taken: by the user of this line of the same file, or by one that was there before.
    NameTaken(Option<u64>),
    /// Its number is taken, likewise.
    IdTaken(Option<u64>),
}

/// Users on their way in, all of them or none.
#[derive(Debug)]
pub struct Import<'a> {
    tx: &'a Transaction<'a>,
    organizations: HashMap<String, OrganizationId>,
    made: Vec<String>,
    catalogue: Catalogue,
}

impl Import<'_> {
    /// The organization of this name, made if there is none.
    pub fn organization(&mut self, name: &str) -> Result<OrganizationId, StoreError> {
        if let Some(id) = self.organizations.get(name) {
            return Ok(*id);
        }
        let id = match organizations::id_of(self.tx, name)? {
            Some(id) => id,
            None => {
                self.made.push(name.to_owned());
                organizations::insert(self.tx, name)?
            }
        };
        self.organizations.insert(name.to_owned(), id);
        Ok(id)
    }

    /// The organizations that had to be made.
    #[must_use]
    pub fn made_organizations(&self) -> &[String] {
        &self.made
    }

    /// The profiles that users may be given.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Adds one user, found on `line` of its file, with the number `id` or the next free one.
    pub fn add(
        &mut self,
        line: u64,
        id: Option<UserId>,
        user: &User,
        password: Option<&str>,
    ) -> Result<Added, StoreError> {
        let inserted = self.tx.prepare_cached(INSERT_USER)?.query_row(
            params![
                id,
                user.username,
                user.username_length,
                user.first_name,
                user.last_name,
                user.email,
                user.external_id,
                user.klass,
                user.is_active,
                user.date_joined.as_micros(),
                user.expiration.map(Timestamp::as_micros),
                user.last_update.as_micros(),
                user.organization_id,
                user.avatar_url,
                user.description,
                password,
            ],
            |row| row.get(0),
        );
        let id: UserId = match inserted {
            Ok(id) => id,
            Err(error) if is_taken(&error) => return self.taken(id, user, &error),
            Err(error) => return Err(error.into()),
        };
        match self.tx.prepare_cached(INSERT_LINE)?.execute(params![user.username, id, signed(line)]) {
            Ok(_) => {}
            Err(error) if is_taken(&error) => return Ok(Added::NameTaken(self.line_of(&user.username)?)),
            Err(error) => return Err(error.into()),
        }
        if user.first_login.is_some() || user.last_login.is_some() {
            let (first, last) =
                (user.first_login.map(Timestamp::as_micros), user.last_login.map(Timestamp::as_micros));
            self.tx.prepare_cached(INSERT_LOGIN)?.execute(params![id, first, last])?;
        }
        for profile in &user.profiles {
            self.tx.prepare_cached(INSERT_PROFILE)?.execute(params![id, profile.id, profile.priority])?;
        }
        for kind in ItemKind::ALL {
            for row in user.items(kind) {
                self.tx.prepare_cached(INSERT_ITEM)?.execute(params![
                    id,
                    kind_number(kind),
                    row.position,
                    row.attr,
                    row.operation.as_str(),
                    row.value
                ])?;
            }
        }
        Ok(Added::As(id))
    }

    fn taken(&self, id: Option<UserId>, user: &User, error: &rusqlite::Error) -> Result<Added, StoreError> {
        if let Some(id) = id.filter(|_| !error.to_string().contains("username")) {
            let line: Option<i64> = self.tx.query_row(LINE_OF_ID, [id], |row| row.get(0)).optional()?;
            return Ok(Added::IdTaken(line.map(i64::unsigned_abs)));
        }
        Ok(Added::NameTaken(self.line_of(&user.username)?))
    }

    fn line_of(&self, username: &str) -> Result<Option<u64>, StoreError> {
        let line: Option<i64> =
            self.tx.prepare_cached(LINE_OF)?.query_row([username], |row| row.get(0)).optional()?;
        Ok(line.map(i64::unsigned_abs))
    }

    /// Takes note of the username of a row that cannot be imported for another reason, so that its being taken is told,
    /// too: by whom, if it is.
    pub fn claim(&mut self, line: u64, username: &str) -> Result<Option<Added>, StoreError> {
        if let Some(other) = self.line_of(username)? {
            return Ok(Some(Added::NameTaken(Some(other))));
        }
        if self.tx.prepare_cached(USER_IS_THERE)?.exists([username])? {
            return Ok(Some(Added::NameTaken(None)));
        }
        self.tx.prepare_cached(INSERT_LINE)?.execute(params![username, None::<UserId>, signed(line)])?;
        Ok(None)
    }
}

fn signed(line: u64) -> i64 {
    i64::try_from(line).unwrap_or(i64::MAX)
}

/// Tells the planner of queries how the values of each index are spread, from a sample that takes milliseconds: without
/// it a filter over two fields may go by the one that selects half of all users.
const MEASURE: &str = "PRAGMA analysis_limit = 1000; ANALYZE users; ANALYZE user_logins; ANALYZE user_profiles; \
                       ANALYZE user_items";

impl Store {
    /// Lets `work` add users; they are kept if it returns `Ok(Ok(…))` and are gone as if never added otherwise.
    pub fn import<T, E>(
        &self,
        work: impl FnOnce(&mut Import<'_>) -> Result<Result<T, E>, StoreError>,
    ) -> Result<Result<T, E>, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.write_or_take_back(BUSY, |tx| {
            tx.execute_batch(CREATE_LINES)?;
            tx.execute(FORGET_LINES, [])?;
            let catalogue = profiles::catalogue(tx)?;
            let mut import = Import { tx, organizations: HashMap::new(), made: Vec::new(), catalogue };
            let done = work(&mut import)?;
            tx.execute(FORGET_LINES, [])?;
            if done.is_err() {
                return Ok(Verdict::TakeBack(done));
            }
            tx.execute_batch(MEASURE)?;
            Ok(Verdict::Keep(done))
        })
    }
}
