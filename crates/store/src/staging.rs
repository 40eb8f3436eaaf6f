//! A list of targets on its way in, such as the rows of a file: kept aside, so that nobody waits while a long file is
//! read, and frozen in one step when a run is made of it.

use rollcall_domain::{Field, UserId};
use rusqlite::{Connection, params};

use crate::{Store, StoreError, json, sql};

/// Kept in a temporary file of SQLite's, not in memory.
pub(crate) const TABLE: &str = "CREATE TEMP TABLE staged (seq INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, \
                                cells TEXT NOT NULL) STRICT";

sql! {
    BY_ID = "SELECT id, username FROM users WHERE id = ?1";
    BY_USERNAME = "SELECT id, username FROM users WHERE username = ?1";
    BY_EXTERNAL_ID = "SELECT id, username FROM users WHERE external_id = ?1 ORDER BY id LIMIT ?2";
    BY_EMAIL = "SELECT id, username FROM users WHERE email = ?1 ORDER BY id LIMIT ?2";
    PUSH = "INSERT INTO temp.staged (seq, user_id, cells) VALUES (?1, ?2, ?3)";
    DISTINCT = "SELECT count(DISTINCT user_id) FROM temp.staged";
}

/// So many of the users with one key are named at most.
pub const MOST_NAMED: u32 = 5;

/// A list of targets that is not a run yet. It goes away when this is dropped.
#[derive(Debug)]
pub struct Staging {
    connection: Connection,
    targets: i64,
}

impl Store {
    /// Starts a list. All its look-ups see the users of one moment.
    pub fn stage(&self) -> Result<Staging, StoreError> {
        let Self::Sqlite(sqlite) = self;
        let connection = sqlite.another()?;
        connection.execute_batch(TABLE)?;
        connection.execute_batch("BEGIN")?;
        Ok(Staging { connection, targets: 0 })
    }
}

impl Staging {
    /// The users whose `field` is exactly `key`, by number and name: at most [`MOST_NAMED`] and one more. Only fields
    /// that name users are looked for: `obj_id`, `username`, `external_id` and `email`.
    pub fn find(&self, field: Field, key: &str) -> Result<Vec<(UserId, String)>, StoreError> {
        let most = MOST_NAMED + 1;
        let query = match field {
            Field::ObjId => BY_ID,
            Field::Username => BY_USERNAME,
            Field::ExternalId => BY_EXTERNAL_ID,
            Field::Email => BY_EMAIL,
            other => return Err(StoreError::NoSuch(format!("way to find users by {other}"))),
        };
        let mut query = self.connection.prepare_cached(query)?;
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let found = match field {
            // A key that is no number names nobody.
            Field::ObjId => match key.parse::<UserId>() {
                Ok(id) => query.query_map([id], row)?.collect::<Result<_, _>>()?,
                Err(_) => Vec::new(),
            },
            Field::Username => query.query_map([key], row)?.collect::<Result<_, _>>()?,
            _ => query.query_map(params![key, most], row)?.collect::<Result<_, _>>()?,
        };
        Ok(found)
    }

    /// Adds a target at the end of the list, with the cells of its row.
    pub fn push(&mut self, user: UserId, cells: &[String]) -> Result<(), StoreError> {
        self.targets += 1;
        let cells = json::write(cells)?;
        self.connection.prepare_cached(PUSH)?.execute(params![self.targets, user, cells])?;
        Ok(())
    }

    /// How many targets the list has.
    #[must_use]
    pub fn targets(&self) -> u64 {
        self.targets.unsigned_abs()
    }

    /// How many different users the list has.
    pub fn users(&self) -> Result<u64, StoreError> {
        let users: i64 = self.connection.query_row(DISTINCT, [], |row| row.get(0))?;
        Ok(users.unsigned_abs())
    }

    /// Ends the moment that the look-ups saw; from here on the connection can write.
    pub(crate) fn close(&self) -> Result<&Connection, StoreError> {
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("COMMIT")?;
        }
        Ok(&self.connection)
    }
}
