//! Every table that a database consists of, with every column: what a copy of it has to have. A test compares this with
//! what the migrations make. Missing are `workers`, whose rows are processes that know the database by its place, and
//! what is over soon anyway: sessions, failed attempts to sign in, the link for the first administrator, and uploads.

use rollcall_domain::ColumnHash;

use crate::StoreError;
use crate::db::{Arg, Row, Tx, args};
use crate::sql::Dialect;

/// What a column holds, whichever way the database keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Bool,
    Time,
    Text,
}

/// A table. Its first columns are its primary key.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// How many columns its key has.
    key: usize,
    /// Whether it numbers its rows by itself, and never uses a number twice.
    numbered: bool,
    columns: &'static [(&'static str, Kind)],
}

macro_rules! tables {
    (@numbered) => { false };
    (@numbered numbered) => { true };
    ($($name:ident, key $key:literal $($numbered:ident)?: $($column:ident $kind:ident),*;)*) => {
        /// Each after those that it refers to.
        pub(crate) const TABLES: &[Table] = &[$(Table {
            name: stringify!($name),
            key: $key,
            numbered: tables!(@numbered $($numbered)?),
            columns: &[$((stringify!($column), Kind::$kind)),*],
        }),*];
    };
}

tables! {
    installation, key 1: name Text, value Text;
    organizations, key 1 numbered: id Int, name Text;
    administrators, key 1 numbered: id Int, name Text, created_at Time, removed_at Time;
    grants, key 1 numbered: id Int, administrator_id Int, role Text, organization_id Int;
    passwords, key 1: administrator_id Int, hash Text, changed_at Time;
    authenticators, key 1: administrator_id Int, secret Text, confirmed_at Time, last_step Int;
    recovery_codes, key 2: administrator_id Int, hash Text, used_at Time;
    api_tokens, key 1 numbered: id Int, administrator_id Int, name Text, hash Text, scopes Text, created_at Time,
        expires_at Time, last_used_at Time, revoked_at Time;
    profiles, key 1 numbered: id Int, short_name Text, organization_id Int;
    profile_items, key 3: profile_id Int, kind Int, position Int, attr Text, operation Text, value Text;
    // Before the users: a login of somebody who is there is taken note of.
    radpostauth, key 1 numbered: id Int, username Text, reply Text, authdate Time;
    users, key 1 numbered: id Int, version Int, username Text, username_length Int, first_name Text, last_name Text,
        email Text, external_id Text, klass Text, is_active Bool, date_joined Time, expiration Time, last_update Time,
        organization_id Int, avatar_url Text, description Text, password Text,
        password_scheme Text;
    user_logins, key 1: user_id Int, first_login Time, last_login Time;
    user_profiles, key 2: user_id Int, profile_id Int, priority Int;
    user_items, key 3: user_id Int, kind Int, position Int, attr Text, operation Text, value Text;
    filters, key 1 numbered: id Int, organization_id Int, name Text, text Text, administrator Text, saved_at Time;
    scripts, key 1 numbered: id Int, organization_id Int, name Text, removed_at Time;
    script_versions, key 2: script_id Int, number Int, source Text, administrator Text, saved_at Time, note Text;
    runs, key 1 numbered: id Int, mode Text, state Text, holder Text, script Text, source Text, administrator Text,
        organizations Text, administrator_id Int, applies Int, undoes Int, created_at Time, ended_at Time, millis Int, note Text,
        targets Int, cursor Int, changed Int, unchanged Int, skipped Int, failed Int, timed_out Int, conflict Int,
        output_bytes Int, selection Text, script_version Int, params Text, columns Text, repeats Bool, settings Text,
        deactivated Int, braked_from Text, plan Text, token Int, leased_until Time, pruned_at Time, planned Int;
    targets, key 2: run_id Int, seq Int, user_id Int, cells Text, prior Int, origin Int;
    outcomes, key 2: run_id Int, seq Int, user_id Int, username Text, organization_id Int, outcome Text, version Int,
        journal Text, result Text, output Text, notes Text, micros Int, written_at Time;
    timelines, key 2: run_id Int, tenth Int, changed Int, unchanged Int, skipped Int, failed Int, timed_out Int, conflict Int;
    planned_names, key 2: run_id Int, user_id Int, username Text;
    approvals, key 1 numbered: id Int, run_id Int, plan Text, administrator_id Int, who Text, at Time;
    run_keys, key 2: owner Text, key Text, request Text, run_id Int, created_at Time;
    chunks, key 1 numbered: id Int, run_id Int, done Int, last Int, pace Int;
    edits, key 1 numbered: id Int, at Time, administrator Text, organization_id Int, user_id Int, username Text,
        journal Text;
    radacct, key 1 numbered: radacctid Int, acctsessionid Text, acctuniqueid Text, username Text, realm Text,
        nasipaddress Text, nasportid Text, nasporttype Text, acctstarttime Time, acctupdatetime Time, acctstoptime Time,
        acctinterval Int, acctsessiontime Int, acctauthentic Text, connectinfo_start Text, connectinfo_stop Text,
        acctinputoctets Int, acctoutputoctets Int, calledstationid Text, callingstationid Text, acctterminatecause Text,
        servicetype Text, framedprotocol Text, framedipaddress Text, framedipv6address Text, framedipv6prefix Text,
        framedinterfaceid Text, delegatedipv6prefix Text, class Text;
    radius_dictionary, key 1: name Text, type Text, choices Text;
    audit, key 1: id Int, at Time, who Text, administrator_id Int, organization_id Int, action Text, subject Text,
        detail Text, address Text, previous Text, hash Text;
    audit_head, key 1: id Int, number Int, hash Text;
}

/// What stays behind: whoever executes a chunk does so in the database that it comes from. People sign in again there.
#[cfg(test)]
pub(crate) const LEFT_OUT: &[(&str, &[&str])] = &[
    ("chunks", &["holder", "leased_until"]),
    ("workers", &["id", "started_at", "seen_at", "crew", "run_id", "committed", "speed", "draining"]),
    (
        "sessions",
        &["id", "administrator_id", "hash", "created_at", "seen_at", "expires_at", "address", "agent"],
    ),
    ("failures", &["key", "count", "last_at", "blocked_until"]),
    ("set_up_links", &["id", "hash", "expires_at", "used_at"]),
    (
        "uploads",
        &[
            "id",
            "name",
            "size",
            "hash",
            "administrator",
            "administrator_id",
            "organizations",
            "created_at",
            "expires_at",
        ],
    ),
    ("upload_parts", &["upload_id", "number", "bytes"]),
];

const HIGHEST: &str = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?";
const FORGET_HIGHEST: &str = "DELETE FROM sqlite_sequence WHERE name = ?";
const NOTE_HIGHEST: &str = "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)";

/// A table in a few words: how many rows it has, and a hash of all that is in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// How many rows.
    pub rows: u64,
    /// SHA-256, in hexadecimal digits, of the highest number that was ever given to a row and of every column of every
    /// row in the order of the keys: the same on every kind of database.
    pub checksum: String,
    /// The highest number that was ever given to a row.
    pub(crate) highest: i64,
}

/// Adds a row to the hash of a table.
fn add(hash: &mut ColumnHash, row: &[Arg<'_>]) {
    for value in row {
        match value {
            Arg::Null => hash.number(None),
            Arg::Int(number) => hash.number(Some(*number)),
            Arg::Bool(yes) => hash.number(Some(i64::from(*yes))),
            Arg::Time(time) => hash.number(Some(time.as_micros())),
            Arg::Text(text) => hash.text(Some(text)),
            Arg::Owned(text) => hash.text(Some(text)),
            Arg::Bytes(_) => unreachable!("no table that is copied has a column of bytes"),
        }
    }
}

impl Table {
    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|(name, _)| *name)
    }

    /// The names of its columns, with commas between them.
    pub(crate) fn list(&self) -> String {
        self.names().collect::<Vec<_>>().join(", ")
    }

    /// The name of a column.
    pub(crate) fn column(&self, at: usize) -> &'static str {
        self.columns[at].0
    }

    #[cfg(test)]
    pub(crate) fn columns(&self) -> Vec<&'static str> {
        self.names().collect()
    }

    fn ordered(&self, suffix: &str) -> String {
        let keys: Vec<_> = self.names().take(self.key).map(|name| format!("{name}{suffix}")).collect();
        keys.join(", ")
    }

    fn marks(count: usize) -> String {
        vec!["?"; count].join(", ")
    }

    /// All rows, in the order of their keys.
    pub(crate) fn all(&self) -> String {
        format!("SELECT {} FROM {} ORDER BY {}", self.list(), self.name, self.ordered(""))
    }

    /// The first rows, or the next ones after a key, at most as many as the last argument says.
    pub(crate) fn next(&self, after: bool) -> String {
        let keys = self.ordered("");
        let marks = Self::marks(self.key);
        let after = if after { format!("WHERE ({keys}) > ({marks}) ") } else { String::new() };
        format!("SELECT {} FROM {} {after}ORDER BY {keys} LIMIT ?", self.list(), self.name)
    }

    pub(crate) fn insert(&self) -> String {
        let marks = Self::marks(self.columns.len());
        format!("INSERT INTO {} ({}) VALUES ({marks})", self.name, self.list())
    }

    /// A row.
    pub(crate) fn read<'r>(&self, row: &'r Row<'_>) -> Result<Vec<Arg<'r>>, StoreError> {
        let read = |(at, (_, kind)): (usize, &(&str, Kind))| {
            Ok(match kind {
                Kind::Int => Arg::from(row.get::<Option<i64>>(at)?),
                Kind::Bool => Arg::from(row.get::<Option<bool>>(at)?),
                Kind::Time => Arg::from(row.get::<Option<rollcall_domain::Timestamp>>(at)?),
                Kind::Text => Arg::from(row.maybe_text(at)?),
            })
        };
        self.columns.iter().enumerate().map(read).collect()
    }

    /// The key of a row, for longer than the row.
    pub(crate) fn key_of(&self, row: &[Arg<'_>]) -> Vec<Arg<'static>> {
        let owned = |value: &Arg<'_>| match value {
            Arg::Text(text) => Arg::Owned((*text).to_owned()),
            Arg::Owned(text) => Arg::Owned(text.clone()),
            Arg::Int(number) => Arg::Int(*number),
            Arg::Bool(yes) => Arg::Bool(*yes),
            Arg::Time(time) => Arg::Time(*time),
            Arg::Null => Arg::Null,
            Arg::Bytes(_) => unreachable!("no key is made of bytes"),
        };
        row.iter().take(self.key).map(owned).collect()
    }

    /// The key of the last row; none of an empty table.
    pub(crate) fn last_key(&self, tx: &Tx<'_>) -> Result<Option<Vec<Arg<'static>>>, StoreError> {
        let last =
            format!("SELECT {} FROM {} ORDER BY {} LIMIT 1", self.list(), self.name, self.ordered(" DESC"));
        tx.first(&last, &[], |row| Ok(self.key_of(&self.read(row)?)))
    }

    pub(crate) fn count(&self, tx: &Tx<'_>) -> Result<u64, StoreError> {
        let count: i64 = tx.value(&format!("SELECT count(*) FROM {}", self.name), &[])?;
        Ok(count.unsigned_abs())
    }

    pub(crate) fn is_empty(&self, tx: &Tx<'_>) -> Result<bool, StoreError> {
        Ok(!tx.exists(&format!("SELECT 1 FROM {} LIMIT 1", self.name), &[])?)
    }

    /// The highest number that it has ever given to a row; 0 if none, or if it gives none.
    pub(crate) fn highest(&self, tx: &Tx<'_>) -> Result<i64, StoreError> {
        if !self.numbered {
            return Ok(0);
        }
        let given: i64 = match tx.dialect() {
            Dialect::Sqlite => tx.value(HIGHEST, args![self.name])?,
            Dialect::Postgres => {
                let sequence = format!(
                    "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {}_{}_seq",
                    self.name,
                    self.column(0)
                );
                tx.value(&sequence, &[])?
            }
        };
        let there = format!("SELECT coalesce(max({}), 0) FROM {}", self.column(0), self.name);
        let there: i64 = tx.value(&there, &[])?;
        Ok(given.max(there))
    }

    /// Numbers go on after `highest`.
    pub(crate) fn go_on_after(&self, tx: &Tx<'_>, highest: i64) -> Result<(), StoreError> {
        if !self.numbered {
            return Ok(());
        }
        match tx.dialect() {
            Dialect::Sqlite => {
                tx.execute(FORGET_HIGHEST, args![self.name])?;
                if highest > 0 {
                    tx.execute(NOTE_HIGHEST, args![self.name, highest])?;
                }
                Ok(())
            }
            Dialect::Postgres => {
                let sequence = format!("{}_{}_seq", self.name, self.column(0));
                let set = format!("SELECT setval('{sequence}', greatest(?1, 1), ?1 > 0)");
                tx.first(&set, args![highest], |_| Ok(()))?;
                Ok(())
            }
        }
    }

    /// Reads all of it; `each` is told after every row how many there were.
    pub(crate) fn sum(&self, tx: &Tx<'_>, mut each: impl FnMut(u64)) -> Result<Sum, StoreError> {
        let mut hash = ColumnHash::default();
        let highest = self.highest(tx)?;
        add(&mut hash, args![highest]);
        let mut rows = 0;
        tx.each(&self.all(), &[], |row| {
            add(&mut hash, &self.read(row)?);
            rows += 1;
            each(rows);
            Ok(())
        })?;
        Ok(Sum { rows, checksum: hash.finish(), highest })
    }
}
