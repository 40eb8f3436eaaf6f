use crate::db::args;
use crate::{Store, StoreError, sql};

sql! {
    GET = "SELECT value FROM installation WHERE name = ?1";
    PUT = "INSERT INTO installation (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
}

impl Store {
    /// What is known about this installation under `name`.
    pub fn installation_fact(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.read(|tx| tx.first(GET, args![name], |row| row.get(0)))
    }

    /// Notes a fact about this installation.
    pub fn set_installation_fact(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.execute(PUT, args![name, value])?;
            Ok(())
        })
    }
}
