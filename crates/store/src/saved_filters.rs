use rollcall_domain::{Act, Action, Deed, SavedFilter, SavedName, Scope};

use crate::areas::Filters;
use crate::columns::{Columns, read};
use crate::db::{Row, args};
use crate::organizations::{OWNER, owner};
use crate::scope::{self, shows};
use crate::sql::{Sql, sql, text};
use crate::{Seen, StoreError, audit};

/// The start of a statement that gives saved filters, as [`filter`] reads them.
const SELECT: Columns = Columns(text!(
    "SELECT ",
    OWNER.0,
    ", f.name, f.text, f.administrator, f.saved_at FROM filters f LEFT JOIN organizations o ON o.id = f.organization_id "
));

sql! {
    SAVE = "INSERT INTO filters (organization_id, name, text, administrator, saved_at) VALUES (?1, ?2, ?3, ?4, ?5) \
            ON CONFLICT (name, coalesce(organization_id, 0)) DO UPDATE SET text = excluded.text, \
            administrator = excluded.administrator, saved_at = excluded.saved_at";
    ONE = text!(SELECT.0, "WHERE f.name = ?1 AND f.organization_id IS NOT DISTINCT FROM ?2");
    NAMED = text!(SELECT.0, "WHERE f.name = ?1 ORDER BY o.name");
    ALL = text!(SELECT.0, "ORDER BY f.name, coalesce(o.name, '')");
    PAGE = text!(SELECT.0, "WHERE (f.name, coalesce(o.name, '')) > (?1, ?2) AND ",
                   shows!("?3", "f.organization_id"), " ORDER BY f.name, coalesce(o.name, '') LIMIT ?4");
    REMOVE = "DELETE FROM filters WHERE name = ?1 AND organization_id IS NOT DISTINCT FROM ?2";
}

fn filter(row: &Row<'_>) -> Result<SavedFilter, StoreError> {
    Ok(read!(row, SELECT => SavedFilter {
        name = "f.name", filter = "text", administrator, saved_at;
        organization: owner(row)?,
    }))
}

fn deed(action: Action, filter: &SavedFilter) -> Deed {
    Deed::new(action, format!("filter {}", filter.full_name()))
        .within(filter.organization.as_ref().map(|organization| organization.id))
}

/// Of two who save a filter the second sees what the first has saved. SQLite has one writer anyway.
const ALONE: Sql = Sql { sqlite: "", postgres: "LOCK TABLE filters IN SHARE ROW EXCLUSIVE MODE" };

fn stale(filter: &SavedFilter) -> StoreError {
    StoreError::Stale(format!("filter {:?}", filter.full_name()))
}

impl Filters<'_> {
    /// Saves a filter under its name; the one that was there comes back. [`StoreError::Stale`] if that is not what was seen.
    pub fn save(
        &self,
        new: &SavedFilter,
        seen: Seen<'_, SavedFilter>,
        act: &Act<'_>,
    ) -> Result<Option<SavedFilter>, StoreError> {
        self.0.write(|tx| {
            tx.batch(ALONE)?;
            let owner = new.organization.as_ref().map(|organization| organization.id);
            let old = tx.first(ONE, args![&new.name, owner], filter)?;
            if !seen.is(old.as_ref()) {
                return Err(stale(new));
            }
            tx.execute(SAVE, args![owner, &new.name, &new.filter, &new.administrator, new.saved_at])?;
            audit::record(tx, act, &deed(Action::FilterSave, new).with("filter", new.filter.as_str()))?;
            Ok(old)
        })
    }

    /// The filters of this name.
    pub fn named(&self, name: &str) -> Result<Vec<SavedFilter>, StoreError> {
        self.0.read(|tx| tx.all(NAMED, args![name], filter))
    }

    /// All saved filters, by name.
    pub fn all(&self) -> Result<Vec<SavedFilter>, StoreError> {
        self.0.read(|tx| tx.all(ALL, &[], filter))
    }

    /// The next saved filters that a scope shows after this name, an organization's or everybody's, by name.
    pub fn page(
        &self,
        scope: &Scope,
        after: SavedName<'_>,
        limit: u32,
    ) -> Result<Vec<SavedFilter>, StoreError> {
        let after = [after.name, after.organization.unwrap_or_default()];
        self.0.read(|tx| tx.all(PAGE, args![after[0], after[1], scope::text(scope), limit], filter))
    }

    /// Removes a filter as it was seen; says whether it was there. Runs keep the text that they were started with.
    pub fn remove(&self, old: &SavedFilter, act: &Act<'_>) -> Result<bool, StoreError> {
        self.0.write(|tx| {
            tx.batch(ALONE)?;
            let owner = old.organization.as_ref().map(|organization| organization.id);
            match tx.first(ONE, args![&old.name, owner], filter)? {
                None => return Ok(false),
                Some(found) if found != *old => return Err(stale(old)),
                Some(_) => {}
            }
            tx.execute(REMOVE, args![&old.name, owner])?;
            audit::record(tx, act, &deed(Action::FilterRemove, old))?;
            Ok(true)
        })
    }
}
