//! One way to say a statement to whichever database it is: its text, what goes in, what comes out.
//!
//! Most statements are the same text for both databases. Where speed asks for another shape (sets of rows in one
//! statement on PostgreSQL, prepared statements row by row on SQLite), the functions beside the SQL say so themselves.

use std::error::Error;

use ::postgres::fallible_iterator::FallibleIterator;
use ::postgres::types::{FromSql, IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use rollcall_domain::Timestamp;
use rusqlite::CachedStatement;
use rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG as PLANS_STAY;
use rusqlite::types::{ToSqlOutput, ValueRef};
use serde::de::DeserializeOwned;

use crate::pg_connection::PgConnection;
use crate::sql::{Dialect, Sql, Text};
use crate::{StoreError, json};

/// What goes into a statement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Arg<'a> {
    Null,
    Int(i64),
    Bool(bool),
    Text(&'a str),
    Owned(String),
    Bytes(&'a [u8]),
    /// Microseconds on SQLite, `timestamptz` on PostgreSQL.
    Time(Timestamp),
}

/// The arguments of a statement, in the order of their numbers.
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::db::Arg::from($value)),*] };
}
pub(crate) use args;

macro_rules! arg_from {
    ($($from:ty => |$value:ident| $arg:expr;)*) => {
        $(impl<'a> From<$from> for Arg<'a> {
            fn from($value: $from) -> Self { $arg }
        })*
    };
}

arg_from! {
    i64 => |value| Self::Int(value);
    u32 => |value| Self::Int(value.into());
    bool => |value| Self::Bool(value);
    &'a str => |value| Self::Text(value);
    &'a String => |value| Self::Text(value);
    String => |value| Self::Owned(value);
    &'a [u8] => |value| Self::Bytes(value);
    Timestamp => |value| Self::Time(value);
}

impl<'a, T> From<Option<T>> for Arg<'a>
where
    Arg<'a>: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::from)
    }
}

impl rusqlite::ToSql for Arg<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Bool(value) => ValueRef::Integer((*value).into()),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Owned(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Time(time) => ValueRef::Integer(time.as_micros()),
        }))
    }
}

/// PostgreSQL counts from 2000-01-01T00:00:00Z.
const EPOCH: i64 = 946_684_800_000_000;

/// A time on its way into PostgreSQL or out of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl ToSql for Moment {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&(self.0.as_micros() - EPOCH).to_be_bytes());
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Moment {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let micros = i64::from_be_bytes(raw.try_into()?).checked_add(EPOCH);
        micros.and_then(Timestamp::from_micros).map(Self).ok_or_else(|| "a time that no calendar has".into())
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }
}

impl ToSql for Arg<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) if *ty == Type::INT4 => i32::try_from(*value)?.to_sql(ty, out),
            Self::Int(value) if *ty == Type::INT2 => i16::try_from(*value)?.to_sql(ty, out),
            Self::Int(value) => value.to_sql_checked(ty, out),
            Self::Bool(value) => value.to_sql_checked(ty, out),
            Self::Text(text) => text.to_sql_checked(ty, out),
            Self::Owned(text) => text.to_sql_checked(ty, out),
            Self::Bytes(bytes) => bytes.to_sql_checked(ty, out),
            Self::Time(time) => Moment(*time).to_sql_checked(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

pub(crate) const LISTEN: &str = "LISTEN rollcall_runs";
const ANNOUNCE: &str = "NOTIFY rollcall_runs";

/// A row that a statement gives.
pub(crate) enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a ::postgres::Row),
}

/// What a column is read as.
pub(crate) trait Column: Sized {
    fn read(row: &Row<'_>, at: usize) -> Result<Self, StoreError>;
}

macro_rules! column {
    ($($ty:ty),*) => {
        $(impl Column for $ty {
            fn read(row: &Row<'_>, at: usize) -> Result<Self, StoreError> {
                Ok(match row {
                    Row::Sqlite(row) => row.get(at)?,
                    Row::Postgres(row) => row.try_get(at)?,
                })
            }
        })*
    };
}

column!(bool, String, Vec<u8>, Option<bool>, Option<String>);

/// A whole number of whatever size the column has.
struct Int(i64);

impl<'a> FromSql<'a> for Int {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *ty {
            Type::INT2 => i16::from_sql(ty, raw)?.into(),
            Type::INT4 => i32::from_sql(ty, raw)?.into(),
            _ => i64::from_sql(ty, raw)?,
        }))
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT2, Type::INT4, Type::INT8].contains(ty)
    }
}

impl Column for i64 {
    fn read(row: &Row<'_>, at: usize) -> Result<Self, StoreError> {
        match row {
            Row::Sqlite(row) => Ok(row.get(at)?),
            Row::Postgres(row) => Ok(row.try_get::<_, Int>(at)?.0),
        }
    }
}

impl Column for Option<i64> {
    fn read(row: &Row<'_>, at: usize) -> Result<Self, StoreError> {
        match row {
            Row::Sqlite(row) => Ok(row.get(at)?),
            Row::Postgres(row) => Ok(row.try_get::<_, Option<Int>>(at)?.map(|int| int.0)),
        }
    }
}

fn stored_time(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_micros(micros).ok_or_else(|| StoreError::Corrupt(format!("the time {micros}")))
}

impl Column for Timestamp {
    fn read(row: &Row<'_>, at: usize) -> Result<Self, StoreError> {
        match row {
            Row::Sqlite(row) => stored_time(row.get(at)?),
            Row::Postgres(row) => Ok(row.try_get::<_, Moment>(at)?.0),
        }
    }
}

impl Column for Option<Timestamp> {
    fn read(row: &Row<'_>, at: usize) -> Result<Self, StoreError> {
        match row {
            Row::Sqlite(row) => row.get::<_, Option<i64>>(at)?.map(stored_time).transpose(),
            Row::Postgres(row) => Ok(row.try_get::<_, Option<Moment>>(at)?.map(|moment| moment.0)),
        }
    }
}

impl Row<'_> {
    /// The value of a column; `at` comes from [`at!`](crate::columns::at), so that it cannot be another one.
    pub(crate) fn get<T: Column>(&self, at: usize) -> Result<T, StoreError> {
        T::read(self, at)
    }

    /// What a column holds as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, at: usize) -> Result<T, StoreError> {
        json::read(self.text(at)?)
    }

    /// What a column holds as JSON, if it holds anything.
    pub(crate) fn maybe_json<T: DeserializeOwned>(&self, at: usize) -> Result<Option<T>, StoreError> {
        self.maybe_text(at)?.map(json::read).transpose()
    }

    /// A text where it lies.
    pub(crate) fn text(&self, at: usize) -> Result<&str, StoreError> {
        match self {
            Self::Sqlite(row) => Ok(row.get_ref(at)?.as_str().map_err(rusqlite::Error::from)?),
            Self::Postgres(row) => Ok(row.try_get(at)?),
        }
    }

    /// A text where it lies, if there is one.
    pub(crate) fn maybe_text(&self, at: usize) -> Result<Option<&str>, StoreError> {
        match self {
            Self::Sqlite(row) => Ok(row.get_ref(at)?.as_str_or_null().map_err(rusqlite::Error::from)?),
            Self::Postgres(row) => Ok(row.try_get(at)?),
        }
    }
}

/// Reads the only column that a statement gives.
pub(crate) fn only<T: Column>(row: &Row<'_>) -> Result<T, StoreError> {
    row.get(0)
}

/// A transaction, on a connection that nobody else uses meanwhile.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tx<'a> {
    Sqlite(&'a rusqlite::Connection),
    Postgres(&'a PgConnection),
}

/// A connection that nobody else uses.
#[derive(Debug)]
pub(crate) enum Own {
    Sqlite(rusqlite::Connection),
    Postgres(Box<PgConnection>),
}

impl Own {
    /// What it is in the middle of.
    pub(crate) fn tx(&self) -> Tx<'_> {
        match self {
            Self::Sqlite(connection) => Tx::Sqlite(connection),
            Self::Postgres(connection) => Tx::Postgres(connection),
        }
    }
}

impl Tx<'_> {
    /// Goes through the rows of a statement, one at a time, until `each` has had enough.
    pub(crate) fn each_while<'s>(
        &self,
        sql: impl Into<Text<'s>>,
        args: &[Arg<'_>],
        mut each: impl FnMut(&Row<'_>) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        self.visit_rows(&sql.into(), args, &mut each)
    }

    /// Calls `each` for the rows of a statement until it gives `false`. Not generic: every caller would be compiled with
    /// a copy of the PostgreSQL client of its own.
    fn visit_rows(
        &self,
        sql: &Text<'_>,
        args: &[Arg<'_>],
        each: &mut dyn FnMut(&Row<'_>) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = prepare(connection, sql)?;
                let mut rows = statement.query(rusqlite::params_from_iter(args))?;
                while let Some(row) = rows.next()? {
                    if !each(&Row::Sqlite(row))? {
                        break;
                    }
                }
            }
            Self::Postgres(pg) => {
                let args = args.iter().map(|arg| arg as &(dyn ToSql + Sync));
                let statement = match sql {
                    Text::Constant(sql) => pg.prepared(sql.postgres)?,
                    Text::Made(text) => pg.prepare(text)?,
                };
                let mut client = pg.client();
                let mut rows = client.query_raw(&statement, args)?;
                while let Some(row) = rows.next()? {
                    if !each(&Row::Postgres(&row))? {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Goes through the rows of a statement, one at a time.
    pub(crate) fn each<'s>(
        &self,
        sql: impl Into<Text<'s>>,
        args: &[Arg<'_>],
        mut each: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.each_while(sql, args, |row| each(row).map(|()| true))
    }

    /// All rows of a statement.
    pub(crate) fn all<'s, T>(
        &self,
        sql: impl Into<Text<'s>>,
        args: &[Arg<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        self.each(sql, args, |row| {
            all.push(read(row)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// The first row of a statement, if there is one.
    pub(crate) fn first<'s, T>(
        &self,
        sql: impl Into<Text<'s>>,
        args: &[Arg<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut first = None;
        self.each_while(sql, args, |row| {
            first = Some(read(row)?);
            Ok(false)
        })?;
        Ok(first)
    }

    /// The one value that a statement always gives.
    pub(crate) fn value<'s, T: Column>(
        &self,
        sql: impl Into<Text<'s>>,
        args: &[Arg<'_>],
    ) -> Result<T, StoreError> {
        let found = self.first(sql, args, only)?;
        found.ok_or_else(|| StoreError::Corrupt("a statement that gives no row".to_owned()))
    }

    /// Whether a statement gives a row.
    pub(crate) fn exists<'s>(&self, sql: impl Into<Text<'s>>, args: &[Arg<'_>]) -> Result<bool, StoreError> {
        Ok(self.first(sql, args, |_| Ok(()))?.is_some())
    }

    /// Executes a statement; how many rows it touched.
    pub(crate) fn execute<'s>(&self, sql: impl Into<Text<'s>>, args: &[Arg<'_>]) -> Result<u64, StoreError> {
        self.execute_text(&sql.into(), args)
    }

    /// Executes a statement; not generic, as [`Tx::visit_rows`] is not.
    fn execute_text(&self, sql: &Text<'_>, args: &[Arg<'_>]) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = prepare(connection, sql)?;
                Ok(statement.execute(rusqlite::params_from_iter(args))? as u64)
            }
            Self::Postgres(pg) => {
                let statement = match sql {
                    Text::Constant(sql) => pg.prepared(sql.postgres)?,
                    Text::Made(text) => pg.prepare(text)?,
                };
                let args: Vec<_> = args.iter().map(|arg| arg as &(dyn ToSql + Sync)).collect();
                Ok(pg.client().execute(&statement, &args)?)
            }
        }
    }

    /// Executes several statements that take nothing and give nothing.
    pub(crate) fn batch(&self, sql: Sql) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch(sql.sqlite)?),
            Self::Postgres(pg) => pg.batch(sql.postgres),
        }
    }

    /// Tells whoever listens that something about runs has changed, once this is committed: see [`crate::Watch`].
    pub(crate) fn announce(&self) -> Result<(), StoreError> {
        match self {
            // Nobody can listen to a file.
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(pg) => pg.batch(ANNOUNCE),
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Whichever text is for this database.
    pub(crate) fn text(&self, sql: Sql) -> &'static str {
        match self {
            Self::Sqlite(_) => sql.sqlite,
            Self::Postgres(_) => sql.postgres,
        }
    }
}

/// A statement with its plan. SQLite looks at samples of the values that there are, so a filter is planned for the very
/// values that it asks for, each time. What is executed user by user is planned once: looking there costs ten times what
/// the statement does.
fn prepare<'c>(
    connection: &'c rusqlite::Connection,
    sql: &Text<'_>,
) -> Result<CachedStatement<'c>, StoreError> {
    let (text, stays) = match sql {
        Text::Constant(sql) => (sql.sqlite, true),
        Text::Made(text) => (*text, false),
    };
    if connection.db_config(PLANS_STAY)? != stays {
        connection.set_db_config(PLANS_STAY, stays)?;
    }
    Ok(connection.prepare_cached(text)?)
}
