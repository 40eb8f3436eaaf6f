//! What FreeRADIUS finds in the database (see `migrations/*/0013_radius.sql`), and what is known of its attributes.

use rollcall_domain::{
    Act, Action, Change, Deed, Dictionary, DictionaryEntry, DictionarySource, ItemKind, RunId, Secret,
    UserId, ValueType,
};

use crate::areas::Radius;
use crate::columns::at;
use crate::db::args;
use crate::postgres::Postgres;
use crate::sql::sql;
use crate::{Store, StoreError, audit};

sql! {
    ROLE = "SELECT 1 WHERE ?1 IS NULL" => "SELECT 1 FROM pg_roles WHERE rolname = ?1";
    // What the role may and should, by the words that grant it; and what it may and should not.
    RIGHTS = "SELECT 'SELECT ON radcheck' AS act, 1 AS allowed, 1 AS wanted WHERE ?1 IS NULL" => "SELECT needed.verb || ' ON ' || needed.name AS act, \
        has_any_column_privilege(CAST(?1 AS name), CAST(needed.name AS text), needed.verb) AS allowed, needed.wanted FROM (VALUES \
        ('radcheck', 'SELECT', true), ('radreply', 'SELECT', true), ('radusergroup', 'SELECT', true), \
        ('radgroupcheck', 'SELECT', true), ('radgroupreply', 'SELECT', true), ('radpostauth', 'INSERT', true), \
        ('radacct', 'SELECT', true), ('radacct', 'INSERT', true), ('radacct', 'UPDATE', true), ('users', 'SELECT', false), \
        ('users', 'UPDATE', false), ('passwords', 'SELECT', false), ('audit', 'SELECT', false)) AS needed (name, verb, wanted)";
    WITHOUT_PASSWORD = "SELECT count(*) FROM users WHERE password IS NULL AND is_active" ;
    ATTRIBUTES = "SELECT kind, attr, count(*) AS rows FROM user_items GROUP BY kind, attr ORDER BY kind, attr";
    PLANNED = "SELECT journal FROM outcomes WHERE run_id = ?1 AND user_id = ?2 AND journal IS NOT NULL ORDER BY seq";
    SCHEMA = "SELECT 'main'" => "SELECT CAST(current_schema() AS TEXT)";
    ENTRIES = "SELECT name, type, choices FROM radius_dictionary";
    FORGET = "DELETE FROM radius_dictionary";
    ADD_ENTRY = "INSERT INTO radius_dictionary (name, type, choices) VALUES (?1, ?2, ?3)";
}

/// What FreeRADIUS reads.
const VIEWS: [&str; 5] = [
    "SELECT id, username, attribute, op, value FROM radcheck LIMIT 1",
    "SELECT id, username, attribute, op, value FROM radreply LIMIT 1",
    "SELECT username, groupname, priority FROM radusergroup LIMIT 1",
    "SELECT id, groupname, attribute, op, value FROM radgroupcheck LIMIT 1",
    "SELECT id, groupname, attribute, op, value FROM radgroupreply LIMIT 1",
];

impl Radius<'_> {
    /// The schema in which everything is.
    pub fn schema(&self) -> Result<String, StoreError> {
        self.0.read(|tx| tx.value(SCHEMA, &[]))
    }

    /// Whether there is a role of this name; a file has none.
    pub fn has_role(&self, role: &str) -> Result<bool, StoreError> {
        match self.0 {
            Store::Sqlite(_) => Ok(false),
            Store::Postgres(_) => self.0.read(|tx| tx.exists(ROLE, args![role])),
        }
    }

    /// What a role may, of all that FreeRADIUS needs or should not have: in SQL's words, whether it may, and whether it is
    /// needed.
    pub fn rights_of_role(&self, role: &str) -> Result<Vec<(String, bool, bool)>, StoreError> {
        match self.0 {
            Store::Sqlite(_) => Ok(Vec::new()),
            Store::Postgres(_) => self.0.read(|tx| {
                tx.all(RIGHTS, args![role], |row| {
                    Ok((
                        row.get(at!(RIGHTS, "act"))?,
                        row.get(at!(RIGHTS, "allowed"))?,
                        row.get(at!(RIGHTS, "wanted"))?,
                    ))
                })
            }),
        }
    }

    /// Connects as FreeRADIUS does, and reads what it reads.
    pub fn read_as(&self, role: &str, password: &Secret) -> Result<(), StoreError> {
        let Store::Postgres(postgres) = self.0 else { return Ok(()) };
        let mut url = postgres.url().clone();
        url.config.user(role).password(password.reveal());
        let connection = Postgres::new(&url)?.another()?;
        VIEWS.iter().try_for_each(|view| connection.query(view, &[]).map(drop))
    }

    /// How many users may come in and have no password.
    pub fn users_without_password(&self) -> Result<u64, StoreError> {
        let count: i64 = self.0.read(|tx| tx.value(WITHOUT_PASSWORD, &[]))?;
        Ok(count.unsigned_abs())
    }

    /// The attributes that users have, with their list and how many rows there are.
    pub fn attributes_in_use(&self) -> Result<Vec<(ItemKind, String, u64)>, StoreError> {
        self.0.read(|tx| {
            tx.all(ATTRIBUTES, &[], |row| {
                let kind = row.get(at!(ATTRIBUTES, "kind"))?;
                Ok((kind, row.get(at!(ATTRIBUTES, "attr"))?, row.get(at!(ATTRIBUTES, "rows"))?))
            })
        })
    }

    /// All that a run has recorded as changes of a user.
    pub fn changes_planned_for(&self, run: RunId, user: UserId) -> Result<Vec<Change>, StoreError> {
        let journals: Vec<Vec<Change>> =
            self.0.read(|tx| tx.all(PLANNED, args![run, user], |row| row.json(at!(PLANNED, "journal"))))?;
        Ok(journals.concat())
    }

    /// The dictionary that was loaded, if one was.
    pub fn dictionary(&self) -> Result<Option<Dictionary>, StoreError> {
        let entries = self.0.read(|tx| {
            tx.all(ENTRIES, &[], |row| {
                let choices =
                    row.text(at!(ENTRIES, "choices"))?.split_ascii_whitespace().map(str::to_owned).collect();
                let entry =
                    DictionaryEntry { value: ValueType::parse(row.text(at!(ENTRIES, "type"))?), choices };
                Ok((row.get::<String>(at!(ENTRIES, "name"))?, entry))
            })
        })?;
        Ok((!entries.is_empty()).then(|| Dictionary::of(DictionarySource::Loaded, entries)))
    }

    /// Takes a dictionary in place of the one that was loaded.
    pub fn load_dictionary(&self, dictionary: &Dictionary, act: &Act<'_>) -> Result<(), StoreError> {
        self.0.write(|tx| {
            tx.execute(FORGET, &[])?;
            for (name, entry) in dictionary.entries() {
                tx.execute(ADD_ENTRY, args![name, entry.value.name(), entry.choices.join(" ")])?;
            }
            let deed = Deed::new(Action::DictionaryLoad, "dictionary");
            audit::record(tx, act, &deed.with("attributes", dictionary.entries().len()))
        })
    }
}
