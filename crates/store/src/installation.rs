use rusqlite::OptionalExtension;

use crate::{Store, StoreError, sql};

sql! {
    GET = "SELECT value FROM installation WHERE name = ?1";
    PUT = "INSERT INTO installation (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
}

impl Store {
    /// What is known about this installation under `name`.
    pub fn installation_fact(&self, name: &str) -> Result<Option<String>, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.read(|tx| Ok(tx.query_row(GET, [name], |row| row.get(0)).optional()?))
    }

    /// Notes a fact about this installation.
    pub fn set_installation_fact(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.write(|tx| {
            tx.execute(PUT, [name, value])?;
            Ok(())
        })
    }
}
