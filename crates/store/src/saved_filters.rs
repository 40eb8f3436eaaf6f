use rollcall_domain::{Act, Action, Deed, SavedFilter};

use crate::db::{Row, args};
use crate::{Store, StoreError, audit, sql};

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
        saved_at: row.get(3)?,
    })
}

fn deed(action: Action, name: &str) -> Deed {
    Deed::new(action, format!("filter {name}"))
}

impl Store {
    /// Saves a filter under its name; the one that was there comes back.
    pub fn save_filter(&self, new: &SavedFilter, act: &Act<'_>) -> Result<Option<SavedFilter>, StoreError> {
        self.write(|tx| {
            let old = tx.first(ONE, args![&new.name], filter)?;
            tx.execute(SAVE, args![&new.name, &new.filter, &new.administrator, new.saved_at])?;
            let deed = deed(Action::FilterSave, &new.name).with("filter", new.filter.as_str());
            audit::record(tx, act, &deed)?;
            Ok(old)
        })
    }

    /// The filter of this name.
    pub fn saved_filter(&self, name: &str) -> Result<Option<SavedFilter>, StoreError> {
        self.read(|tx| tx.first(ONE, args![name], filter))
    }

    /// All saved filters, by name.
    pub fn saved_filters(&self) -> Result<Vec<SavedFilter>, StoreError> {
        self.read(|tx| tx.all(ALL, &[], filter))
    }

    /// Removes a filter; says whether it was there. Runs keep the text that they were started with.
    pub fn remove_filter(&self, name: &str, act: &Act<'_>) -> Result<bool, StoreError> {
        self.write(|tx| {
            let removed = tx.execute(REMOVE, args![name])? > 0;
            if removed {
                audit::record(tx, act, &deed(Action::FilterRemove, name))?;
            }
            Ok(removed)
        })
    }
}
