//! Edits that a script, a file or an administrator may ask for.

use crate::{
    Assignment, Catalogue, Field, Item, ItemKind, ItemRow, Operator, ProfileId, Rejection, User, Value,
    check_username,
};

/// A target makes less than two to the power of this many edits (the sandbox sees to that), so the places of rows that
/// different versions of a user have added never meet.
const EDITS_BITS: u32 = 10;

/// One thing that a script or an administrator asks to be done to one user. What it then changed is a list of
/// [`crate::Change`]s, found by comparing the user before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Assign a field.
    Set(Field, Value),
    /// Assign a profile, last in priority.
    ProfileAdd(ProfileId),
    /// Take a profile away.
    ProfileRemove(ProfileId),
    /// Add an item, or with `:=` replace this user's earlier `:=` item of that attribute in its place.
    ItemAdd(ItemKind, Item),
    /// Remove every item that has this attribute and value, and this operator where one is given.
    ItemRemove {
        /// The list.
        kind: ItemKind,
        /// The attribute's name.
        attr: String,
        /// The value.
        value: String,
        /// Only with this operator; `None` matches any.
        operation: Option<Operator>,
    },
}

impl User {
    /// Carries out an edit.
    ///
    /// # Errors
    ///
    /// The reason why the edit is not allowed. The user stays as it is.
    pub fn edit(&mut self, edit: Edit, profiles: &Catalogue) -> Result<(), Rejection> {
        match edit {
            Edit::Set(field, value) => {
                if !field.writable() {
                    return Err(Rejection::new(format!("{field} is read-only")));
                }
                // A name that the user has already stays allowed, however it looks.
                if let (Field::Username, Value::Text(name)) = (field, &value)
                    && *name != self.username
                {
                    check_username(name)?;
                }
                self.put(field, value)
            }
            Edit::ProfileAdd(id) => self.add_profile(id, profiles),
            Edit::ProfileRemove(id) => self.remove_profile(id, profiles),
            Edit::ItemAdd(kind, item) => self.add_item(kind, item),
            Edit::ItemRemove { kind, attr, value, operation } => {
                self.remove_items(kind, &attr, &value, operation)
            }
        }
    }

    fn add_profile(&mut self, id: ProfileId, profiles: &Catalogue) -> Result<(), Rejection> {
        let short_name = profiles.offer(id, self.organization_id)?;
        if self.profiles.iter().any(|assigned| assigned.id == id) {
            return Err(Rejection::new(format!("profile {short_name} is already assigned")));
        }
        let priority = self.profiles.iter().map(|assigned| assigned.priority).max().unwrap_or(0) + 1;
        self.profiles.push(Assignment { id, short_name: short_name.to_owned(), priority });
        Ok(())
    }

    fn remove_profile(&mut self, id: ProfileId, profiles: &Catalogue) -> Result<(), Rejection> {
        let Some(index) = self.profiles.iter().position(|assigned| assigned.id == id) else {
            let name = profiles.name(id).map_or_else(|| id.to_string(), str::to_owned);
            return Err(Rejection::new(format!("profile {name} is not assigned")));
        };
        self.profiles.remove(index);
        Ok(())
    }

    fn add_item(&mut self, kind: ItemKind, item: Item) -> Result<(), Rejection> {
        // Beyond every place that a version of this user has had so far, so that a removed row's place stays free and
        // taking its removal back finds it so, whatever was added since.
        let first_free = self.version << EDITS_BITS;
        let rows = self.items_mut(kind);
        if rows.iter().any(|row| row.holds(&item)) {
            return Err(Rejection::new(format!("{item} is already there")));
        }
        let replaces = |row: &ItemRow| row.operation == Operator::Set && row.attr == item.attr;
        let earlier = rows.iter().position(|row| item.operation == Operator::Set && replaces(row));
        match earlier {
            Some(index) => {
                let kept = rows[index].position;
                rows.retain(|row| row.position <= kept || !replaces(row));
                rows[index] = ItemRow::new(item, kept);
            }
            None => {
                let last = rows.last().map_or(0, |row| row.position);
                rows.push(ItemRow::new(item, last.max(first_free) + 1));
            }
        }
        Ok(())
    }

    fn remove_items(
        &mut self,
        kind: ItemKind,
        attr: &str,
        value: &str,
        operation: Option<Operator>,
    ) -> Result<(), Rejection> {
        let rows = self.items_mut(kind);
        let before = rows.len();
        rows.retain(|row| {
            row.attr != attr || row.value != value || operation.is_some_and(|wanted| wanted != row.operation)
        });
        if rows.len() == before {
            return Err(Rejection::new(format!("no {} {attr} has the value {value:?}", kind.noun())));
        }
        Ok(())
    }
}
