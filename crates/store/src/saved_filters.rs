use rollcall_domain::SavedFilter;
use rusqlite::{OptionalExtension, Row, params};

use crate::load::time;
use crate::{Store, StoreError, sql};

sql! {
    SAVE = "INSERT INTO filters (name, text, administrator, saved_at) VALUES (?1, ?2, ?3, ?4) \
            ON CONFLICT (name) DO UPDATE SET text = excluded.text, administrator = excluded.administrator, \
            saved_at = excluded.saved_at";
    ONE = "SELECT name, text, administrator, saved_at FROM filters WHERE name = ?1";
    ALL = "SELECT name, text, administrator, saved_at FROM filters ORDER BY name";
    REMOVE = "DELETE FROM filters WHERE name = ?1";
}

fn filter(row: &Row<'_>) -> Result<SavedFilter, StoreError> {
    Ok(SavedFilter {
        name: row.get(0)?,
        filter: row.get(1)?,
        administrator: row.get(2)?,
        saved_at: time(row.get(3)?)?,
    })
}

impl Store {
    /// Saves a filter under its name; the one that was there comes back.
    pub fn save_filter(&self, new: &SavedFilter) -> Result<Option<SavedFilter>, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.write(|tx| {
            let old = tx.query_row(ONE, [&new.name], |row| Ok(filter(row))).optional()?.transpose()?;
            tx.execute(SAVE, params![new.name, new.filter, new.administrator, new.saved_at.as_micros()])?;
            Ok(old)
        })
    }

    /// The filter of this name.
    pub fn saved_filter(&self, name: &str) -> Result<Option<SavedFilter>, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.read(|tx| tx.query_row(ONE, [name], |row| Ok(filter(row))).optional()?.transpose())
    }

    /// All saved filters, by name.
    pub fn saved_filters(&self) -> Result<Vec<SavedFilter>, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.read(|tx| {
            let mut query = tx.prepare_cached(ALL)?;
            let mut rows = query.query([])?;
            let mut filters = Vec::new();
            while let Some(row) = rows.next()? {
                filters.push(filter(row)?);
            }
            Ok(filters)
        })
    }

    /// Removes a filter; says whether it was there. Runs keep the text that they were started with.
    pub fn remove_filter(&self, name: &str) -> Result<bool, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.write(|tx| Ok(tx.execute(REMOVE, [name])? > 0))
    }
}
