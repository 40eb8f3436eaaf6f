//! What FreeRADIUS finds in the database: see `migrations/*/0013_radius.sql`.

use crate::{Store, StoreError, sql};

sql! {
    SCHEMA = "SELECT 'main'" => "SELECT CAST(current_schema() AS TEXT)";
}

impl Store {
    /// The schema in which everything is.
    pub fn schema(&self) -> Result<String, StoreError> {
        self.read(|tx| tx.value(SCHEMA, &[]))
    }
}
