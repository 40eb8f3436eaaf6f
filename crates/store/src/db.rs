//! One way to say a statement to whichever database it is: its text, what goes in, what comes out.
//!
//! Most statements are the same text for both databases. Where speed asks for another shape (sets of rows in one
//! statement on PostgreSQL, prepared statements row by row on SQLite), the functions beside the SQL say so themselves.

use std::error::Error;

use ::postgres::fallible_iterator::FallibleIterator;
use ::postgres::types::{FromSql, IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use rollcall_domain::Timestamp;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::StoreError;
use crate::postgres::PgConnection;
use crate::sqlite;

/// A statement: for SQLite, and for PostgreSQL with the same placeholders (`?1`, or `?` one after the other).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sql {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

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
    fn sqlite(row: &rusqlite::Row<'_>, at: usize) -> Result<Self, StoreError>;
    fn postgres(row: &::postgres::Row, at: usize) -> Result<Self, StoreError>;
}

macro_rules! column {
    ($($ty:ty),*) => {
        $(impl Column for $ty {
            fn sqlite(row: &rusqlite::Row<'_>, at: usize) -> Result<Self, StoreError> {
                Ok(row.get(at)?)
            }

            fn postgres(row: &::postgres::Row, at: usize) -> Result<Self, StoreError> {
                Ok(row.try_get(at)?)
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
    fn sqlite(row: &rusqlite::Row<'_>, at: usize) -> Result<Self, StoreError> {
        Ok(row.get(at)?)
    }

    fn postgres(row: &::postgres::Row, at: usize) -> Result<Self, StoreError> {
        Ok(row.try_get::<_, Int>(at)?.0)
    }
}

impl Column for Option<i64> {
    fn sqlite(row: &rusqlite::Row<'_>, at: usize) -> Result<Self, StoreError> {
        Ok(row.get(at)?)
    }

    fn postgres(row: &::postgres::Row, at: usize) -> Result<Self, StoreError> {
        Ok(row.try_get::<_, Option<Int>>(at)?.map(|int| int.0))
    }
}

fn stored_time(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_micros(micros).ok_or_else(|| StoreError::Corrupt(format!("the time {micros}")))
}

impl Column for Timestamp {
    fn sqlite(row: &rusqlite::Row<'_>, at: usize) -> Result<Self, StoreError> {
        stored_time(row.get(at)?)
    }

    fn postgres(row: &::postgres::Row, at: usize) -> Result<Self, StoreError> {
        Ok(row.try_get::<_, Moment>(at)?.0)
    }
}

impl Column for Option<Timestamp> {
    fn sqlite(row: &rusqlite::Row<'_>, at: usize) -> Result<Self, StoreError> {
        row.get::<_, Option<i64>>(at)?.map(stored_time).transpose()
    }

    fn postgres(row: &::postgres::Row, at: usize) -> Result<Self, StoreError> {
        Ok(row.try_get::<_, Option<Moment>>(at)?.map(|moment| moment.0))
    }
}

impl Row<'_> {
    pub(crate) fn get<T: Column>(&self, at: usize) -> Result<T, StoreError> {
        match self {
            Self::Sqlite(row) => T::sqlite(row, at),
            Self::Postgres(row) => T::postgres(row, at),
        }
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

/// What a statement that is put together has to be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
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

/// A statement's text, which is a constant or was put together from constants.
pub(crate) enum Text<'a> {
    Constant(Sql),
    Made(&'a str),
}

impl From<Sql> for Text<'_> {
    fn from(sql: Sql) -> Self {
        Self::Constant(sql)
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self::Made(text)
    }
}

impl<'a> From<&'a String> for Text<'a> {
    fn from(text: &'a String) -> Self {
        Self::Made(text)
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
                let mut statement = sqlite::prepare(connection, sql)?;
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
        let found = self.first(sql, args, |row| row.get(0))?;
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
                let mut statement = sqlite::prepare(connection, sql)?;
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

/// `?1` as PostgreSQL writes it, `$1`; and a bare `?` by its turn. No statement of ours has a question mark elsewhere.
pub(crate) fn numbered(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len() + 16);
    let mut turn = 0;
    let mut rest = sql.chars().peekable();
    while let Some(char) = rest.next() {
        if char != '?' {
            text.push(char);
            continue;
        }
        text.push('$');
        if !rest.peek().is_some_and(char::is_ascii_digit) {
            turn += 1;
            text.push_str(&turn.to_string());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_for_postgresql() {
        assert_eq!(numbered("a = ?1 AND b = ?12"), "a = $1 AND b = $12");
        assert_eq!(numbered("a = ? AND b = ?"), "a = $1 AND b = $2");
    }
}
