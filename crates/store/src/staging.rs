//! A list of targets on its way in, such as the rows of a file: kept aside, so that nobody waits while a long file is
//! read, and frozen in one step when a run is made of it.

use std::collections::HashMap;

use rollcall_domain::{Field, OrganizationId, Scope, UserId};
use rusqlite::{Transaction, TransactionBehavior};

use crate::columns::at;
use crate::crash_point::crash_point;
use crate::db::{Own, Row, Tx, args, only};
use crate::filter::after_all_that_start_with;
use crate::pg_connection::PgConnection;
use crate::scope::{self, has};
use crate::sql::{Sql, sql};
use crate::transaction::{self, Decision};
use crate::{Store, StoreError, json};

/// Kept in a temporary file of the database's, not in memory.
pub(crate) const TABLE: &str = "CREATE TEMP TABLE staged (seq BIGINT PRIMARY KEY, user_id BIGINT NOT NULL, line BIGINT NOT NULL, cells TEXT NOT NULL)";

sql! {
    BY_ID = concat!("SELECT id, username FROM users WHERE id = ?1 AND ", has!("?2", "organization_id"));
    BY_USERNAME = concat!("SELECT id, username FROM users WHERE username = ?1 AND ", has!("?2", "organization_id"));
    BY_EXTERNAL_ID = concat!("SELECT id, username FROM users WHERE external_id = ?1 AND ", has!("?2", "organization_id"), " ORDER BY id LIMIT ?3");
    BY_EMAIL = concat!("SELECT id, username FROM users WHERE email = ?1 AND ", has!("?2", "organization_id"), " ORDER BY id LIMIT ?3");
    PUSH = "INSERT INTO staged (seq, user_id, line, cells) VALUES (?1, ?2, ?3, ?4)";
    USERNAMES_FROM = concat!("SELECT username FROM users WHERE username >= ?1 AND username < ?2 AND ", has!("?3", "organization_id"), " ORDER BY username LIMIT ?4");
    EXTERNAL_IDS_FROM = concat!("SELECT external_id FROM users WHERE external_id >= ?1 AND external_id < ?2 AND ", has!("?3", "organization_id"), " ORDER BY external_id LIMIT ?4");
    EMAILS_FROM = concat!("SELECT email FROM users WHERE email >= ?1 AND email < ?2 AND ", has!("?3", "organization_id"), " ORDER BY email LIMIT ?4");
    KEEP_FIRST = "DELETE FROM staged AS s WHERE EXISTS (SELECT 1 FROM staged AS o WHERE o.user_id = s.user_id AND o.seq < s.seq)";
    KEEP_LAST = "DELETE FROM staged AS s WHERE EXISTS (SELECT 1 FROM staged AS o WHERE o.user_id = s.user_id AND o.seq > s.seq)";
    DISTINCT = "SELECT count(DISTINCT user_id) FROM staged";
    FIRST = "SELECT s.line, u.username, s.cells FROM staged AS s JOIN users AS u ON u.id = s.user_id ORDER BY s.seq LIMIT ?1";
    AGAIN = "SELECT s.line, u.username, s.cells, s.earlier FROM (SELECT seq, user_id, line, cells, row_number() OVER w AS turn, \
        first_value(line) OVER w AS earlier FROM staged WINDOW w AS (PARTITION BY user_id ORDER BY seq)) AS s \
        JOIN users AS u ON u.id = s.user_id WHERE s.turn > 1 ORDER BY s.seq LIMIT ?1";
}

/// Finds the rows of one user without a walk over all rows.
const CREATE_USER_INDEX: &str = "CREATE INDEX IF NOT EXISTS staged_by_user ON staged (user_id, seq)";

/// For many keys at once on PostgreSQL.
const IDS: &str = "SELECT id::text AS key, id, username FROM users WHERE id = ANY(?1) AND (?2::bigint[] IS NULL OR organization_id = ANY(?2))";
const USERNAMES: &str = "SELECT username AS key, id, username FROM users WHERE username = ANY(?1) AND (?2::bigint[] IS NULL OR organization_id = ANY(?2))";
const EXTERNAL_IDS: &str = "SELECT k.key, u.id, u.username FROM (SELECT DISTINCT unnest(?1::text[])) AS k (key) \
    CROSS JOIN LATERAL (SELECT id, username FROM users WHERE external_id = k.key \
    AND (?2::bigint[] IS NULL OR organization_id = ANY(?2)) ORDER BY id LIMIT ?3) AS u";
const EMAILS: &str = "SELECT k.key, u.id, u.username FROM (SELECT DISTINCT unnest(?1::text[])) AS k (key) \
    CROSS JOIN LATERAL (SELECT id, username FROM users WHERE email = k.key \
    AND (?2::bigint[] IS NULL OR organization_id = ANY(?2)) ORDER BY id LIMIT ?3) AS u";
const PUSH_SET: &str = "INSERT INTO staged (seq, user_id, line, cells) SELECT * FROM unnest(?1::bigint[], ?2::bigint[], ?3::bigint[], ?4::text[])";

#[cfg(test)]
pub(crate) const SETS: &[&str] = &[IDS, USERNAMES, EXTERNAL_IDS, EMAILS, PUSH_SET];

fn staged_row(row: &Row<'_>, first: Option<i64>) -> Result<StagedRow, StoreError> {
    let line: i64 = row.get(at!(FIRST, "s.line"))?;
    Ok(StagedRow {
        line: line.unsigned_abs(),
        username: row.get(at!(FIRST, "username"))?,
        cells: row.json(at!(FIRST, "cells"))?,
        first: first.map(i64::unsigned_abs),
    })
}

fn no_key(field: Field) -> StoreError {
    StoreError::NoSuch(format!("way to find users by {field}"))
}

fn find_set(
    pg: &PgConnection,
    field: Field,
    keys: &[&str],
    own: Option<&[OrganizationId]>,
) -> Result<HashMap<String, Vec<(UserId, String)>>, StoreError> {
    let most = i64::from(MOST_NAMED) + 1;
    let rows = match field {
        Field::ObjId => {
            let ids: Vec<UserId> = keys.iter().filter_map(|key| key.parse().ok()).collect();
            pg.query(IDS, &[&ids, &own])?
        }
        Field::Username => pg.query(USERNAMES, &[&keys, &own])?,
        Field::ExternalId => pg.query(EXTERNAL_IDS, &[&keys, &own, &most])?,
        Field::Email => pg.query(EMAILS, &[&keys, &own, &most])?,
        other => return Err(no_key(other)),
    };
    let mut found: HashMap<String, Vec<_>> = HashMap::new();
    for row in rows {
        found
            .entry(row.try_get(at!(text EMAILS, "key"))?)
            .or_default()
            .push((row.try_get(at!(text EMAILS, "id"))?, row.try_get(at!(text EMAILS, "username"))?));
    }
    Ok(found)
}

/// So many of the users with one key are named at most.
pub const MOST_NAMED: u32 = 5;

/// A target on its way in.
#[derive(Debug)]
pub struct Staged<'a> {
    /// Its user.
    pub user: UserId,
    /// Where its row starts in the file.
    pub line: u64,
    /// What its row says.
    pub cells: &'a [String],
}

/// A target that is on the list, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedRow {
    /// Where its row starts in the file.
    pub line: u64,
    /// What its user is called.
    pub username: String,
    /// What its row says.
    pub cells: Vec<String>,
    /// Where the first row of the same user starts, if that is another one.
    pub first: Option<u64>,
}

/// A list of targets that is not a run yet. It goes away when this is dropped.
#[derive(Debug)]
pub struct Staging {
    connection: Own,
    /// Whose users are looked for.
    scope: Scope,
    targets: i64,
}

impl Store {
    /// Starts a list of users of this scope. All its look-ups see the users of one moment.
    pub fn stage(&self, scope: &Scope) -> Result<Staging, StoreError> {
        let scope = scope.clone();
        match self {
            Self::Sqlite(sqlite) => {
                let connection = sqlite.another()?;
                connection.execute_batch(TABLE)?;
                connection.execute_batch("BEGIN")?;
                Ok(Staging { connection: Own::Sqlite(connection), scope, targets: 0 })
            }
            Self::Postgres(postgres) => {
                let connection = postgres.another()?;
                connection.batch(TABLE)?;
                // The file may come from a program that takes its time.
                connection.batch("SET idle_in_transaction_session_timeout = 0")?;
                connection.batch("BEGIN ISOLATION LEVEL REPEATABLE READ")?;
                Ok(Staging { connection: Own::Postgres(Box::new(connection)), scope, targets: 0 })
            }
        }
    }
}

impl Staging {
    /// For each of `keys` the users whose `field` is exactly that, by number and name: at most [`MOST_NAMED`] and one more.
    /// Only fields that name users are looked for: `obj_id`, `username`, `external_id` and `email`.
    pub fn find_all(&self, field: Field, keys: &[&str]) -> Result<Vec<Vec<(UserId, String)>>, StoreError> {
        match &self.connection {
            Own::Sqlite(_) => keys.iter().map(|key| self.find(field, key)).collect(),
            Own::Postgres(pg) => {
                let own: Option<Vec<_>> = match &self.scope {
                    Scope::Everywhere => None,
                    Scope::Within(organizations) => Some(organizations.iter().copied().collect()),
                };
                let found = find_set(pg, field, keys, own.as_deref())?;
                let named = |key: &&str| match field {
                    // 007 is 7.
                    Field::ObjId => found.get(&key.parse::<UserId>().ok()?.to_string()),
                    _ => found.get(*key),
                };
                Ok(keys.iter().map(|key| named(key).cloned().unwrap_or_default()).collect())
            }
        }
    }

    fn find(&self, field: Field, key: &str) -> Result<Vec<(UserId, String)>, StoreError> {
        let most = MOST_NAMED + 1;
        let own = scope::text(&self.scope);
        let query = match field {
            Field::ObjId => BY_ID,
            Field::Username => BY_USERNAME,
            Field::ExternalId => BY_EXTERNAL_ID,
            Field::Email => BY_EMAIL,
            other => return Err(no_key(other)),
        };
        let row = |row: &Row<'_>| Ok((row.get(at!(BY_ID, "id"))?, row.get(at!(BY_ID, "username"))?));
        match field {
            // A key that is no number names nobody.
            Field::ObjId => match key.parse::<UserId>() {
                Ok(id) => self.connection.tx().all(query, args![id, own], row),
                Err(_) => Ok(Vec::new()),
            },
            Field::Username => self.connection.tx().all(query, args![key, own], row),
            _ => self.connection.tx().all(query, args![key, own, most], row),
        }
    }

    /// Adds targets at the end of the list.
    pub fn push_all(&mut self, targets: &[Staged<'_>]) -> Result<(), StoreError> {
        let first = self.targets + 1;
        self.targets += targets.len() as i64;
        let cells = targets.iter().map(|target| json::write(target.cells)).collect::<Result<Vec<_>, _>>()?;
        let lines: Vec<_> = targets.iter().map(|target| target.line.cast_signed()).collect();
        match &self.connection {
            Own::Sqlite(_) => {
                for (((seq, target), line), cells) in (first..).zip(targets).zip(lines).zip(&cells) {
                    self.connection.tx().execute(PUSH, args![seq, target.user, line, cells])?;
                }
            }
            Own::Postgres(pg) => {
                let (seqs, users): (Vec<i64>, Vec<UserId>) =
                    (first..).zip(targets).map(|(seq, target)| (seq, target.user)).unzip();
                pg.execute(PUSH_SET, &[&seqs, &users, &lines, &cells])?;
            }
        }
        Ok(())
    }

    /// The first targets of the list.
    pub fn first(&self, limit: u32) -> Result<Vec<StagedRow>, StoreError> {
        self.connection.tx().all(FIRST, args![limit], |row| staged_row(row, None))
    }

    /// The first targets whose user has an earlier one.
    pub fn again(&self, limit: u32) -> Result<Vec<StagedRow>, StoreError> {
        self.connection
            .tx()
            .all(AGAIN, args![limit], |row| staged_row(row, Some(row.get::<i64>(at!(AGAIN, "earlier"))?)))
    }

    /// Values of `field`, a text that names users, that start with `prefix`: the first by code point. None where
    /// `prefix` is empty.
    pub fn values_that_start_with(
        &self,
        field: Field,
        prefix: &str,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let query = match field {
            Field::Username => USERNAMES_FROM,
            Field::ExternalId => EXTERNAL_IDS_FROM,
            Field::Email => EMAILS_FROM,
            other => return Err(no_key(other)),
        };
        let Some(end) = after_all_that_start_with(prefix) else { return Ok(Vec::new()) };
        let own = scope::text(&self.scope);
        self.connection.tx().all(query, args![prefix, end, own, limit], only)
    }

    /// Leaves out all targets of a user but the first. How many were left out.
    pub fn keep_first(&mut self) -> Result<u64, StoreError> {
        self.keep(KEEP_FIRST)
    }

    /// Leaves out all targets of a user but the last. How many were left out.
    pub fn keep_last(&mut self) -> Result<u64, StoreError> {
        self.keep(KEEP_LAST)
    }

    fn keep(&mut self, query: Sql) -> Result<u64, StoreError> {
        self.connection.tx().batch(Sql { sqlite: CREATE_USER_INDEX, postgres: CREATE_USER_INDEX })?;
        let left_out = self.connection.tx().execute(query, &[])?;
        self.targets -= left_out.cast_signed();
        Ok(left_out)
    }

    /// How many targets the list has.
    #[must_use]
    pub fn targets(&self) -> u64 {
        self.targets.unsigned_abs()
    }

    /// How many different users the list has.
    pub fn users(&self) -> Result<u64, StoreError> {
        let users: i64 = self.connection.tx().value(DISTINCT, &[])?;
        Ok(users.unsigned_abs())
    }

    /// Ends the moment that the look-ups saw, and runs `work` in one write transaction that sees the list.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match &self.connection {
            Own::Sqlite(connection) => {
                if !connection.is_autocommit() {
                    connection.execute_batch("COMMIT")?;
                }
                let tx = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
                let done = work(&Tx::Sqlite(&tx))?;
                crash_point!("before_commit");
                tx.commit()?;
                crash_point!("after_commit");
                Ok(done)
            }
            Own::Postgres(connection) => {
                connection.batch("COMMIT")?;
                transaction::on_postgres(connection, "BEGIN", |tx| work(tx).map(Decision::Commit))
            }
        }
    }
}
