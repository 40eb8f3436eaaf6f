use serde::{Deserialize, Serialize};

use crate::{Assignment, Field, ItemKind, ItemRow, User, Value};

/// One operation that was done to one user, with all that taking it back needs. As JSON it is an entry of a
/// journal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Change {
    /// A field got another value.
    Set(FieldChange),
    /// A profile was assigned, at this priority.
    ProfileAdd(Assignment),
    /// A profile was taken away, from this priority.
    ProfileRemove(Assignment),
    /// A reply item was added, at this position.
    AttributeAdd(ItemRow),
    /// A reply item was removed, from this position.
    AttributeRemove(ItemRow),
    /// A check item was added, at this position.
    CheckAttributeAdd(ItemRow),
    /// A check item was removed, from this position.
    CheckAttributeRemove(ItemRow),
}

/// A field's value before and after.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct FieldChange {
    /// The field.
    pub field: Field,
    /// Its value before.
    pub before: Value,
    /// Its value after.
    pub after: Value,
}

/// A field change as JSON has it: the types of its values follow from the field.
#[derive(Deserialize)]
struct Written {
    field: Field,
    before: serde_json::Value,
    after: serde_json::Value,
}

impl TryFrom<Written> for FieldChange {
    type Error = serde_json::Error;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let Written { field, before, after } = written;
        Ok(Self { field, before: Value::from_json(field, before)?, after: Value::from_json(field, after)? })
    }
}

/// A change met a user that is not as the change expects: what it would overwrite or remove is different.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{subject} is no longer as this change found it")]
pub struct Mismatch {
    /// The field, profile or attribute that differs.
    pub subject: String,
}

impl Change {
    fn item(kind: ItemKind, add: bool, row: ItemRow) -> Self {
        match (kind, add) {
            (ItemKind::Reply, true) => Self::AttributeAdd(row),
            (ItemKind::Reply, false) => Self::AttributeRemove(row),
            (ItemKind::Check, true) => Self::CheckAttributeAdd(row),
            (ItemKind::Check, false) => Self::CheckAttributeRemove(row),
        }
    }

    /// The change that takes this one back.
    #[must_use]
    pub fn inverse(&self) -> Self {
        match self.clone() {
            Self::Set(FieldChange { field, before, after }) => {
                Self::Set(FieldChange { field, before: after, after: before })
            }
            Self::ProfileAdd(profile) => Self::ProfileRemove(profile),
            Self::ProfileRemove(profile) => Self::ProfileAdd(profile),
            Self::AttributeAdd(row) => Self::AttributeRemove(row),
            Self::AttributeRemove(row) => Self::AttributeAdd(row),
            Self::CheckAttributeAdd(row) => Self::CheckAttributeRemove(row),
            Self::CheckAttributeRemove(row) => Self::CheckAttributeAdd(row),
        }
    }
}

/// The changes that take `changes` back, in the order in which to apply them.
#[must_use]
pub fn inverse(changes: &[Change]) -> Vec<Change> {
    changes.iter().rev().map(Change::inverse).collect()
}

/// The changes that lead from `before` to `after`, two states of one user: fields first, then profiles,
/// attributes and check attributes, what is removed before what is added.
#[must_use]
pub fn diff(before: &User, after: &User) -> Vec<Change> {
    let mut changes = Vec::new();
    for field in Field::ALL {
        let (old, new) = (before.get(field), after.get(field));
        if old != new {
            changes.push(Change::Set(FieldChange { field, before: old.to_owned(), after: new.to_owned() }));
        }
    }
    difference(&before.profiles, &after.profiles, |profile, added| {
        changes.push(if added {
            Change::ProfileAdd(profile.clone())
        } else {
            Change::ProfileRemove(profile.clone())
        });
    });
    for kind in ItemKind::ALL {
        difference(before.items(kind), after.items(kind), |row, added| {
            changes.push(Change::item(kind, added, row.clone()));
        });
    }
    changes
}

/// Reports the rows that only `before` has, then those that only `after` has. A user's lists are short.
fn difference<T: PartialEq>(before: &[T], after: &[T], mut report: impl FnMut(&T, bool)) {
    if before == after {
        return;
    }
    before.iter().filter(|row| !after.contains(row)).for_each(|row| report(row, false));
    after.iter().filter(|row| !before.contains(row)).for_each(|row| report(row, true));
}

impl User {
    /// Applies one change, provided that the user is where the change starts from; otherwise the user stays as
    /// it is.
    pub fn apply(&mut self, change: &Change) -> Result<(), Mismatch> {
        match change {
            Change::Set(FieldChange { field, before, after }) => {
                let mismatch = || Mismatch { subject: field.name().to_owned() };
                if self.get(*field) != before.as_ref() {
                    return Err(mismatch());
                }
                self.put(*field, after.clone()).map_err(|_| mismatch())
            }
            Change::ProfileAdd(profile) => {
                let clash = |other: &Assignment| other.id == profile.id;
                insert(&mut self.profiles, profile, clash, |other| (other.priority, other.id))
            }
            Change::ProfileRemove(profile) => remove(&mut self.profiles, profile),
            Change::AttributeAdd(row) => add_row(&mut self.attributes, row),
            Change::AttributeRemove(row) => remove(&mut self.attributes, row),
            Change::CheckAttributeAdd(row) => add_row(&mut self.check_attributes, row),
            Change::CheckAttributeRemove(row) => remove(&mut self.check_attributes, row),
        }
    }
}

fn add_row(rows: &mut Vec<ItemRow>, row: &ItemRow) -> Result<(), Mismatch> {
    insert(rows, row, |other| other.position == row.position, |other| other.position)
}

fn insert<T: Clone + Subject, K: Ord>(
    rows: &mut Vec<T>,
    row: &T,
    clash: impl Fn(&T) -> bool,
    key: impl Fn(&T) -> K,
) -> Result<(), Mismatch> {
    if rows.iter().any(clash) {
        return Err(Mismatch { subject: row.subject() });
    }
    let index = rows.partition_point(|other| key(other) <= key(row));
    rows.insert(index, row.clone());
    Ok(())
}

fn remove<T: PartialEq + Subject>(rows: &mut Vec<T>, row: &T) -> Result<(), Mismatch> {
    let index =
        rows.iter().position(|other| other == row).ok_or_else(|| Mismatch { subject: row.subject() })?;
    rows.remove(index);
    Ok(())
}

/// What a mismatch is about, in the administrator's words.
trait Subject {
    fn subject(&self) -> String;
}

impl Subject for Assignment {
    fn subject(&self) -> String {
        format!("profile {}", self.short_name)
    }
}

impl Subject for ItemRow {
    fn subject(&self) -> String {
        format!("attribute {}", self.attr)
    }
}
