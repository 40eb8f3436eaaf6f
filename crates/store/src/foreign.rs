//! The database of a FreeRADIUS that Rollcall is to take over: the tables of its own schema, and daloRADIUS's `userinfo`. It is
//! only read, on one unchanging state.

use std::collections::HashMap;

use rusqlite::OpenFlags;

use crate::columns::at;
use crate::db::{Own, Row, Tx, args, only};
use crate::postgres::Postgres;
use crate::{Location, StoreError, sqlite};

// On a database that is not ours; they cannot be prepared without it.
const SQLITE_COLUMNS: &str = "SELECT name FROM pragma_table_info(?1)";
const PG_COLUMNS: &str = "SELECT CAST(attname AS TEXT) FROM pg_attribute \
                          WHERE attrelid = to_regclass(?1) AND attnum > 0 AND NOT attisdropped";
const HOLD_STATE: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const CHECK: &str = "SELECT CAST(username AS TEXT) AS owner, CAST(attribute AS TEXT) AS attr, CAST(op AS TEXT) AS op, CAST(value AS TEXT) AS value FROM radcheck \
                     WHERE username > ?1 AND username <= ?2 ORDER BY id";
const REPLY: &str = "SELECT CAST(username AS TEXT) AS owner, CAST(attribute AS TEXT) AS attr, CAST(op AS TEXT) AS op, CAST(value AS TEXT) AS value FROM radreply \
                     WHERE username > ?1 AND username <= ?2 ORDER BY id";
const GROUPS_OF: &str = "SELECT CAST(username AS TEXT) AS owner, CAST(groupname AS TEXT) AS group_name FROM radusergroup \
                         WHERE username > ?1 AND username <= ?2 ORDER BY priority, groupname";
const NAMES: &str = "SELECT CAST(username AS TEXT) FROM (SELECT username FROM radcheck UNION SELECT username FROM radreply \
                     UNION SELECT username FROM radusergroup) n WHERE username > ?1 ORDER BY username LIMIT ?2";
const NAMES_WITH_INFO: &str = "SELECT CAST(username AS TEXT) FROM (SELECT username FROM radcheck UNION SELECT username FROM radreply \
     UNION SELECT username FROM radusergroup UNION SELECT username FROM userinfo WHERE username IS NOT NULL) n \
     WHERE username > ?1 ORDER BY username LIMIT ?2";
const GROUP_CHECK: &str = "SELECT CAST(groupname AS TEXT) AS owner, CAST(attribute AS TEXT) AS attr, CAST(op AS TEXT) AS op, CAST(value AS TEXT) AS value \
                           FROM radgroupcheck ORDER BY groupname, id";
const GROUP_REPLY: &str = "SELECT CAST(groupname AS TEXT) AS owner, CAST(attribute AS TEXT) AS attr, CAST(op AS TEXT) AS op, CAST(value AS TEXT) AS value \
                           FROM radgroupreply ORDER BY groupname, id";
const GROUP_NAMES: &str = "SELECT DISTINCT CAST(groupname AS TEXT) FROM radusergroup ORDER BY 1";

/// The tables that there have to be.
const TABLES: [&str; 5] = ["radcheck", "radreply", "radusergroup", "radgroupcheck", "radgroupreply"];

/// An item as FreeRADIUS has it, whatever Rollcall thinks of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignItem {
    /// The attribute.
    pub attr: String,
    /// The operator.
    pub op: String,
    /// The value.
    pub value: String,
}

/// A user of FreeRADIUS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForeignUser {
    /// Their name.
    pub username: String,
    /// Rows of `radcheck`.
    pub check: Vec<ForeignItem>,
    /// Rows of `radreply`.
    pub reply: Vec<ForeignItem>,
    /// Their groups, by priority.
    pub groups: Vec<String>,
    /// What `userinfo` says about them: columns that are not empty, and their texts.
    pub info: Vec<(String, String)>,
}

/// A group of FreeRADIUS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForeignGroup {
    /// Its name.
    pub name: String,
    /// Rows of `radgroupcheck`.
    pub check: Vec<ForeignItem>,
    /// Rows of `radgroupreply`.
    pub reply: Vec<ForeignItem>,
}

/// The database of a FreeRADIUS.
#[derive(Debug)]
pub struct Foreign {
    connection: Own,
    /// The columns of `userinfo`; none if there is no such table.
    info: Vec<String>,
}

impl Foreign {
    /// Opens it, and sees whether it is one.
    pub fn open(location: &Location) -> Result<Self, StoreError> {
        let connection = match location {
            Location::Sqlite(path) if !path.exists() => return Err(StoreError::Missing(path.clone())),
            Location::Sqlite(path) => {
                let connection = sqlite::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
                connection.execute_batch("BEGIN")?;
                Own::Sqlite(connection)
            }
            Location::Postgres(url) => {
                let connection = Postgres::new(url)?.another()?;
                connection.batch(HOLD_STATE)?;
                Own::Postgres(Box::new(connection))
            }
        };
        let mut foreign = Self { connection, info: Vec::new() };
        for table in TABLES {
            if foreign.columns(table)?.is_empty() {
                return Err(StoreError::NoSuch(format!("table {table} in {location}")));
            }
        }
        foreign.info = foreign.columns("userinfo")?;
        Ok(foreign)
    }

    fn columns(&self, table: &str) -> Result<Vec<String>, StoreError> {
        let tx = self.connection.tx();
        let text = if matches!(tx, Tx::Sqlite(_)) { SQLITE_COLUMNS } else { PG_COLUMNS };
        tx.all(text, args![table], only)
    }

    /// All groups, those without a row of their own, too.
    pub fn groups(&self) -> Result<Vec<ForeignGroup>, StoreError> {
        let tx = self.connection.tx();
        let mut groups: Vec<ForeignGroup> =
            tx.all(GROUP_NAMES, &[], |row| Ok(ForeignGroup { name: only(row)?, ..ForeignGroup::default() }))?;
        let mut places: HashMap<String, usize> =
            (0..).zip(&groups).map(|(at, group)| (group.name.clone(), at)).collect();
        for (text, is_check) in [(GROUP_CHECK, true), (GROUP_REPLY, false)] {
            for (name, item) in
                tx.all(text, &[], |row| Ok((row.get::<String>(at!(text GROUP_CHECK, "owner"))?, item(row)?)))?
            {
                let at = *places.entry(name.clone()).or_insert_with(|| {
                    groups.push(ForeignGroup { name, ..ForeignGroup::default() });
                    groups.len() - 1
                });
                let items = if is_check { &mut groups[at].check } else { &mut groups[at].reply };
                items.push(item);
            }
        }
        Ok(groups)
    }

    /// The next users by name, after one.
    pub fn users_after(&self, after: &str, limit: u32) -> Result<Vec<ForeignUser>, StoreError> {
        let tx = self.connection.tx();
        let has_info = self.info.iter().any(|column| column == "username");
        let text = if has_info { NAMES_WITH_INFO } else { NAMES };
        let user = |username| ForeignUser { username, ..ForeignUser::default() };
        let mut users: Vec<_> = tx
            .all(text, args![after, limit], |row| Ok(row.maybe_text(0)?.map(|name| user(name.to_owned()))))?
            .into_iter()
            .flatten()
            .collect();
        let Some(last) = users.last().map(|user| user.username.clone()) else { return Ok(users) };
        let places: HashMap<_, _> = (0..).zip(&users).map(|(at, user)| (user.username.clone(), at)).collect();
        let range = args![after, last.as_str()];
        tx.each(CHECK, range, |row| {
            let Some(at) = places.get(row.text(at!(text CHECK, "owner"))?) else { return Ok(()) };
            users[*at].check.push(item(row)?);
            Ok(())
        })?;
        tx.each(REPLY, range, |row| {
            let Some(at) = places.get(row.text(at!(text REPLY, "owner"))?) else { return Ok(()) };
            users[*at].reply.push(item(row)?);
            Ok(())
        })?;
        tx.each(GROUPS_OF, range, |row| {
            let Some(at) = places.get(row.text(at!(text GROUPS_OF, "owner"))?) else { return Ok(()) };
            users[*at].groups.push(row.get(at!(text GROUPS_OF, "group_name"))?);
            Ok(())
        })?;
        if has_info {
            // Which columns there are differs between versions; their names are the database's own.
            let all: Vec<_> = self.info.iter().map(|column| format!("CAST(\"{column}\" AS TEXT)")).collect();
            let text = format!(
                "SELECT CAST(username AS TEXT), {} FROM userinfo WHERE username > ?1 AND username <= ?2",
                all.join(", ")
            );
            tx.each(&text, range, |row| {
                let Some(at) = row.maybe_text(0)?.and_then(|name| places.get(name)) else { return Ok(()) };
                for (place, column) in (1..).zip(&self.info) {
                    let told = row.maybe_text(place)?.filter(|text| !text.trim().is_empty());
                    users[*at].info.extend(told.map(|text| (column.clone(), text.to_owned())));
                }
                Ok(())
            })?;
        }
        Ok(users)
    }
}

/// An item of [`CHECK`], [`REPLY`], [`GROUP_CHECK`] or [`GROUP_REPLY`], whose columns are called alike.
fn item(row: &Row<'_>) -> Result<ForeignItem, StoreError> {
    let text = |at| Ok::<_, StoreError>(row.maybe_text(at)?.unwrap_or_default().to_owned());
    Ok(ForeignItem {
        attr: text(at!(text CHECK, "attr"))?,
        // Some schemas have the operator in a column of fixed width.
        op: text(at!(text CHECK, "op"))?.trim().to_owned(),
        value: text(at!(text CHECK, "value"))?,
    })
}
