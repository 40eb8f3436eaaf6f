//! Changes of a user: the difference of two states, with its inverse. Positions of items are never used twice, so that
//! a removed item can return to its place. Applying changes, or undoing them, gives the other state or lists everything
//! that is not as expected.

use serde::{Deserialize, Serialize};

use crate::{Assignment, Field, ItemKind, ItemRow, User, Value, ValueRef};

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

impl Change {
    /// What of a user it is about: a field, or the name of a list.
    #[must_use]
    pub fn what(&self) -> &'static str {
        match self {
            Self::Set(change) => change.field.name(),
            Self::ProfileAdd(_) | Self::ProfileRemove(_) => "profiles",
            Self::AttributeAdd(_) | Self::AttributeRemove(_) => "attributes",
            Self::CheckAttributeAdd(_) | Self::CheckAttributeRemove(_) => "check_attributes",
        }
    }
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

/// Something of a user is not as a change expects to find it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{subject} should be {expected} and is {found}")]
pub struct Mismatch {
    /// The field, profile or attribute that differs.
    pub subject: String,
    /// What the change starts from.
    pub expected: String,
    /// What is there.
    pub found: String,
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
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use rollcall_domain::{Field, Timestamp, User, Value, Zone, diff, inverse};
///
/// let now = Timestamp::parse("2026-12-01", &Zone::utc())?;
/// let before = User::new(7, "ana.berg", 1, now);
/// let mut after = before.clone();
/// after.put(Field::Klass, Value::Text("gold".to_owned()))?;
///
/// let changes = diff(&before, &after);
/// assert_eq!(changes.len(), 1);
/// assert_eq!(before.after(&changes).expect("nothing else has changed"), after);
/// assert_eq!(after.after(&inverse(&changes)).expect("nothing else has changed"), before);
/// # Ok(())
/// # }
/// ```
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
    /// Applies one change.
    ///
    /// # Errors
    ///
    /// The user is not where the change starts from. It stays as it is.
    pub fn apply(&mut self, change: &Change) -> Result<(), Mismatch> {
        match change {
            Change::Set(FieldChange { field, before, after }) => {
                let mismatch = |found: &Self| Mismatch {
                    subject: field.name().to_owned(),
                    expected: shown(before.as_ref()),
                    found: shown(found.get(*field)),
                };
                if self.get(*field) != before.as_ref() {
                    return Err(mismatch(self));
                }
                self.put(*field, after.clone()).map_err(|_| mismatch(self))
            }
            Change::ProfileAdd(profile) => self.assign(profile),
            Change::ProfileRemove(profile) => self.unassign(profile),
            Change::AttributeAdd(row) => add_row(ItemKind::Reply, &mut self.attributes, row),
            Change::AttributeRemove(row) => remove_row(ItemKind::Reply, &mut self.attributes, row),
            Change::CheckAttributeAdd(row) => add_row(ItemKind::Check, &mut self.check_attributes, row),
            Change::CheckAttributeRemove(row) => remove_row(ItemKind::Check, &mut self.check_attributes, row),
        }
    }

    /// Returns the user after all of `changes`. The earlier value of `last_update` does not matter: it follows every
    /// change, so other changes may have moved it.
    ///
    /// # Errors
    ///
    /// Everything that is not as the changes expect.
    pub fn after(&self, changes: &[Change]) -> Result<Self, Vec<Mismatch>> {
        let mut user = self.clone();
        let mut mismatches = Vec::new();
        for change in changes {
            let done = match change {
                Change::Set(FieldChange { field: field @ Field::LastUpdate, after, .. }) => {
                    let _ = user.put(*field, after.clone()); // it has been one before
                    Ok(())
                }
                change => user.apply(change),
            };
            mismatches.extend(done.err());
        }
        if mismatches.is_empty() { Ok(user) } else { Err(mismatches) }
    }

    /// Returns the user as it was before `changes`. A user who has the earlier values already is returned as it is. A
    /// `last_update` that the changes assigned is restored if it still stands; other changes may have moved it.
    ///
    /// # Errors
    ///
    /// Everything that was changed again since.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use rollcall_domain::{Field, Timestamp, User, Value, Zone, diff};
    ///
    /// let now = Timestamp::parse("2026-12-01", &Zone::utc())?;
    /// let before = User::new(7, "ana.berg", 1, now);
    /// let mut after = before.clone();
    /// after.put(Field::Klass, Value::Text("gold".to_owned()))?;
    /// let changes = diff(&before, &after);
    ///
    /// // Another field was edited since: the change can still be undone.
    /// after.put(Field::Email, Value::Text("ana@example.net".to_owned()))?;
    /// let undone = after.before(&changes).expect("klass is as the changes left it");
    /// assert_eq!((undone.klass.as_str(), undone.email.as_str()), ("", "ana@example.net"));
    ///
    /// // The same field was edited since: that is a conflict.
    /// after.put(Field::Klass, Value::Text("silver".to_owned()))?;
    /// let mismatches = after.before(&changes).unwrap_err();
    /// assert_eq!(mismatches[0].subject, "klass");
    /// # Ok(())
    /// # }
    /// ```
    pub fn before(&self, changes: &[Change]) -> Result<Self, Vec<Mismatch>> {
        let is_date =
            |change: &Change| matches!(change, Change::Set(FieldChange { field: Field::LastUpdate, .. }));
        let only_date = changes.iter().all(is_date);
        let mut user = self.clone();
        let mut mismatches = Vec::new();
        for change in inverse(changes) {
            let done = user.apply(&change);
            if only_date || !is_date(&change) {
                mismatches.extend(done.err());
            }
        }
        if mismatches.is_empty() {
            return Ok(user);
        }
        match self.after(changes) {
            Ok(_) if !only_date => Ok(self.clone()),
            _ => Err(mismatches),
        }
    }

    fn assign(&mut self, profile: &Assignment) -> Result<(), Mismatch> {
        if let Some(other) = self.profiles.iter().find(|other| other.id == profile.id) {
            return Err(Mismatch {
                subject: format!("profile {}", profile.short_name),
                expected: "not assigned".to_owned(),
                found: at_priority(other),
            });
        }
        let rank = |other: &Assignment| (other.priority, other.id);
        let index = self.profiles.partition_point(|other| rank(other) <= rank(profile));
        self.profiles.insert(index, profile.clone());
        Ok(())
    }

    fn unassign(&mut self, profile: &Assignment) -> Result<(), Mismatch> {
        // Not by its name, which may have been another at the time.
        let found = self.profiles.iter().position(|other| other.id == profile.id);
        match found {
            Some(index) if self.profiles[index].priority == profile.priority => {
                self.profiles.remove(index);
                Ok(())
            }
            found => Err(Mismatch {
                subject: format!("profile {}", profile.short_name),
                expected: at_priority(profile),
                found: found.map_or("not assigned".to_owned(), |index| at_priority(&self.profiles[index])),
            }),
        }
    }
}

fn at_priority(profile: &Assignment) -> String {
    format!("assigned at priority {}", profile.priority)
}

fn add_row(kind: ItemKind, rows: &mut Vec<ItemRow>, row: &ItemRow) -> Result<(), Mismatch> {
    match rows.binary_search_by_key(&row.position, |other| other.position) {
        Ok(index) => Err(Mismatch {
            subject: format!("the place of {} {row}", kind.noun()),
            expected: "free".to_owned(),
            found: rows[index].to_string(),
        }),
        Err(index) => {
            rows.insert(index, row.clone());
            Ok(())
        }
    }
}

fn remove_row(kind: ItemKind, rows: &mut Vec<ItemRow>, row: &ItemRow) -> Result<(), Mismatch> {
    let found = rows.binary_search_by_key(&row.position, |other| other.position);
    match found {
        Ok(index) if rows[index] == *row => {
            rows.remove(index);
            Ok(())
        }
        found => Err(Mismatch {
            subject: format!("{} {}", kind.noun(), row.attr),
            expected: row.to_string(),
            found: found.map_or("not there".to_owned(), |index| rows[index].to_string()),
        }),
    }
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) => format!("{text:?}"),
        ValueRef::Time(None) => "none".to_owned(),
        other => other.to_string(),
    }
}
