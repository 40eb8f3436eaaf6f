//! What FreeRADIUS finds in the database (see `migrations/*/0013_radius.sql`), and what is known of its attributes.

use rollcall_domain::{
    Act, Action, Change, Deed, Dictionary, DictionaryEntry, DictionarySource, RunId, UserId, ValueType,
};

use crate::db::args;
use crate::{Store, StoreError, audit, json, sql};

sql! {
    PLANNED = "SELECT journal FROM outcomes WHERE run_id = ?1 AND user_id = ?2 AND journal IS NOT NULL ORDER BY seq";
    SCHEMA = "SELECT 'main'" => "SELECT CAST(current_schema() AS TEXT)";
    ENTRIES = "SELECT name, type, choices FROM radius_dictionary";
    FORGET = "DELETE FROM radius_dictionary";
    ADD_ENTRY = "INSERT INTO radius_dictionary (name, type, choices) VALUES (?1, ?2, ?3)";
}

impl Store {
    /// The schema in which everything is.
    pub fn schema(&self) -> Result<String, StoreError> {
        self.read(|tx| tx.value(SCHEMA, &[]))
    }

    /// All that a run has recorded as changes of a user.
    pub fn changes_planned_for(&self, run: RunId, user: UserId) -> Result<Vec<Change>, StoreError> {
        let journals: Vec<Vec<Change>> =
            self.read(|tx| tx.all(PLANNED, args![run, user], |row| json::read(row.text(0)?)))?;
        Ok(journals.concat())
    }

    /// The dictionary that was loaded, if one was.
    pub fn dictionary(&self) -> Result<Option<Dictionary>, StoreError> {
        let entries = self.read(|tx| {
            tx.all(ENTRIES, &[], |row| {
                let choices = row.text(2)?.split_ascii_whitespace().map(str::to_owned).collect();
                let entry = DictionaryEntry { value: ValueType::parse(row.text(1)?), choices };
                Ok((row.get::<String>(0)?, entry))
            })
        })?;
        Ok((!entries.is_empty()).then(|| Dictionary::of(DictionarySource::Loaded, entries)))
    }

    /// Takes a dictionary in place of the one that was loaded.
    pub fn load_dictionary(&self, dictionary: &Dictionary, act: &Act<'_>) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.execute(FORGET, &[])?;
            for (name, entry) in dictionary.entries() {
                tx.execute(ADD_ENTRY, args![name, entry.value.name(), entry.choices.join(" ")])?;
            }
            let deed = Deed::new(Action::DictionaryLoad, "dictionary");
            audit::record(tx, act, &deed.with("attributes", dictionary.entries().len()))
        })
    }
}
