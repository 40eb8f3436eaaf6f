//! The texts of statements.

/// A statement: for SQLite, and for PostgreSQL with the same placeholders (`?1`, or `?` one after the other).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sql {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

/// Names constant SQL, and lists it so that a test can prepare every statement against every migrated database. What
/// follows `=>` is PostgreSQL's own text where it needs one.
macro_rules! sql {
    ($($(#[$attribute:meta])* $name:ident = $text:expr $(=> $postgres:expr)?;)*) => {
        $($(#[$attribute])* const $name: $crate::sql::Sql = $crate::sql::sql!(@one $text $(, $postgres)?);)*
        #[cfg(test)]
        pub(crate) const STATEMENTS: &[(&str, $crate::sql::Sql)] = &[$((stringify!($name), $name)),*];
    };
    (@one $text:expr) => { $crate::sql::Sql { sqlite: $text, postgres: $text } };
    (@one $text:expr, $postgres:expr) => { $crate::sql::Sql { sqlite: $text, postgres: $postgres } };
}
pub(crate) use sql;

/// One text that is made of constant ones.
macro_rules! text {
    ($($part:expr),+ $(,)?) => {{
        const PARTS: &[&str] = &[$($part),+];
        const BYTES: [u8; $crate::sql::length(PARTS)] = $crate::sql::join(PARTS);
        match std::str::from_utf8(&BYTES) {
            Ok(text) => text,
            Err(_) => panic!("texts make no text"),
        }
    }};
}
pub(crate) use text;

pub(crate) const fn length(parts: &[&str]) -> usize {
    let (mut part, mut length) = (0, 0);
    while part < parts.len() {
        length += parts[part].len();
        part += 1;
    }
    length
}

pub(crate) const fn join<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut text = [0; N];
    let (mut part, mut to) = (0, 0);
    while part < parts.len() {
        let bytes = parts[part].as_bytes();
        let mut from = 0;
        while from < bytes.len() {
            text[to] = bytes[from];
            from += 1;
            to += 1;
        }
        part += 1;
    }
    text
}

/// What a statement that is put together has to be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
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
