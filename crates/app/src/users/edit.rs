//! Edits of one user by hand, by the rules that scripts have.

use std::collections::BTreeSet;

use rollcall_domain::{
    Act, Catalogue, Change, Dictionary, Edit, Field, Item, ItemKind, Operator, Rejection, Right, Secret,
    User, UserPassword, Value, diff,
};
use rollcall_store::{Edited, HandEdit, PasswordEdit, StoreError};

use crate::access::Permit;
use crate::error::AppError;
use crate::operations::UserOperations;

/// So many things are asked of one user at once. Places of new attributes are given by the version, with room for a
/// thousand.
const MOST: usize = 1_000;

/// One thing that is asked of a user by hand. It is what a script can do, with the names that people use, and the
/// password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserEdit {
    /// Assign a field.
    Set(Field, Value),
    /// Assign the profile of this name, last in priority.
    ProfileAdd(String),
    /// Take the profile of this name away.
    ProfileRemove(String),
    /// Add an item: see [`Edit::ItemAdd`].
    ItemAdd(ItemKind, Item),
    /// Remove items: see [`Edit::ItemRemove`].
    ItemRemove {
        /// The list.
        kind: ItemKind,
        /// The attribute's name.
        attr: String,
        /// The value.
        value: String,
        /// Only with this operator.
        operation: Option<Operator>,
    },
    /// Give the user another password (see [`UserPassword::parse`]), or with an empty one none. It is in no journal and
    /// is never shown.
    Password(Secret),
}

/// Edits of one user on their way.
struct Editing {
    after: User,
    assigned: BTreeSet<Field>,
    /// The new password, or that there is none from now on.
    password: Option<Option<UserPassword>>,
    faults: Vec<String>,
}

impl Editing {
    fn take(
        &mut self,
        edit: UserEdit,
        profiles: &Catalogue,
        strict: Option<&Dictionary>,
    ) -> Result<(), Rejection> {
        let profile = |name: &str| {
            profiles.id(name).ok_or_else(|| Rejection::new(format!("there is no profile {name:?}")))
        };
        let edit = match edit {
            UserEdit::Set(field, value) => {
                if !self.assigned.insert(field) {
                    return Err(Rejection::new(format!("{field} is assigned twice")));
                }
                Edit::Set(field, value)
            }
            UserEdit::ProfileAdd(name) => Edit::ProfileAdd(profile(&name)?),
            UserEdit::ProfileRemove(name) => Edit::ProfileRemove(profile(&name)?),
            UserEdit::ItemAdd(kind, Item { attr, operation, value }) => {
                let item = Item::new(kind, &attr, operation.as_str(), &value)?;
                strict.map_or(Ok(()), |dictionary| dictionary.check_item(&item))?;
                Edit::ItemAdd(kind, item)
            }
            UserEdit::ItemRemove { kind, attr, value, operation } => {
                Edit::ItemRemove { kind, attr, value, operation }
            }
            UserEdit::Password(password) => {
                if self.password.replace(UserPassword::read(&password)?).is_some() {
                    return Err(Rejection::new("the password is set twice"));
                }
                return Ok(());
            }
        };
        self.after.edit(edit, profiles)
    }
}

impl<'a> UserOperations<'a> {
    /// Makes all of `edits` to one user, or none, if it is still at version `expected`: the user afterwards and the
    /// changes.
    ///
    /// # Errors
    /// [`AppError::Outdated`] if it is not; [`AppError::Rejected`] with everything that is wrong; [`AppError::Denied`];
    /// if there is no such user.
    pub fn edit(
        self,
        username: &str,
        edits: Vec<UserEdit>,
        expected: Option<i64>,
    ) -> Result<(User, Vec<Change>), AppError> {
        self.edit_version(username, edits.into_iter().map(Ok).collect(), expected)
    }

    /// Assigns fields of one user, `FIELD=VALUE` each, all of them or none: the changes.
    ///
    /// # Errors
    /// [`AppError::Rejected`] with everything that is wrong; [`AppError::Denied`]; if there is no such user.
    pub fn assign_fields(self, username: &str, assignments: &[String]) -> Result<Vec<Change>, AppError> {
        let read = |text: &String| Field::assignment(text, self.app.zone());
        let set = |(field, value)| UserEdit::Set(field, value);
        let edits = assignments.iter().map(|assignment| read(assignment).map(set)).collect();
        Ok(self.edit_version(username, edits, None)?.1)
    }

    /// Sets or removes the RADIUS password of a user. It cannot be read again.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if there is no such user.
    pub fn set_password(self, username: &str, password: Option<&UserPassword>) -> Result<(), AppError> {
        let (permit, user) = self.find_to_edit(username)?;
        Ok(permit.users().set_password(&user, password, &self.app.act())?)
    }

    /// Removes a user who is still as in `user`.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if the user has changed, or does not exist.
    pub fn remove_unchanged(self, user: &User) -> Result<(), AppError> {
        let (permit, _) = self.find_to_edit(&user.username)?;
        Ok(permit.users().remove(user, &self.app.act())?)
    }

    /// Removes a user by name, if it is still at version `expected`; none: at any version.
    ///
    /// # Errors
    /// [`AppError::Outdated`] if it is not; [`AppError::Denied`]; if there is no such user.
    pub fn remove(self, username: &str, expected: Option<i64>) -> Result<(), AppError> {
        let (permit, user) = self.find_to_edit(username)?;
        check_version(&user, expected)?;
        match permit.users().remove(&user, &self.app.act()) {
            Err(StoreError::Stale(what)) => Err(self.changed_meanwhile(username, expected, what)),
            done => Ok(done?),
        }
    }

    fn edit_version(
        self,
        username: &str,
        edits: Vec<Result<UserEdit, Rejection>>,
        expected: Option<i64>,
    ) -> Result<(User, Vec<Change>), AppError> {
        let (permit, before) = self.find_to_edit(username)?;
        check_version(&before, expected)?;
        if edits.len() > MOST {
            return Err(Rejection::new(format!("at most {MOST} edits can be made of a user at once")).into());
        }
        let profiles = permit.profiles().catalogue()?.within(&permit.scope);
        let adds_items = edits.iter().any(|edit| matches!(edit, Ok(UserEdit::ItemAdd(..))));
        let strict = if adds_items { self.app.radius().strict_dictionary()? } else { None };
        let mut editing =
            Editing { after: before.clone(), assigned: BTreeSet::new(), password: None, faults: Vec::new() };
        for edit in edits {
            if let Err(why) = edit.and_then(|edit| editing.take(edit, &profiles, strict.as_deref())) {
                editing.faults.push(why.to_string());
            }
        }
        let Editing { mut after, assigned, password, faults } = editing;
        if !faults.is_empty() {
            return Err(Rejection::new(faults.join("\n")).into());
        }
        let changes = diff(&before, &after);
        if changes.is_empty() && password.is_none() {
            return Ok((before, changes));
        }
        let act = self.app.act();
        if !assigned.contains(&Field::LastUpdate) {
            after.last_update = act.at;
        }
        let password = match &password {
            None => PasswordEdit::Keep,
            Some(None) => PasswordEdit::Remove,
            Some(Some(password)) => PasswordEdit::Set(password),
        };
        self.write_edit(&permit, [&before, &after], changes, password, (act, expected))
    }

    /// Writes one edit, unless the user was changed meanwhile: the user afterwards and the changes.
    pub(super) fn write_edit(
        self,
        permit: &Permit<'_>,
        [before, after]: [&User; 2],
        changes: Vec<Change>,
        password: PasswordEdit<'_>,
        (act, expected): (Act<'_>, Option<i64>),
    ) -> Result<(User, Vec<Change>), AppError> {
        let last_update = after.last_update;
        let edit = HandEdit { before, after, changes: &changes, last_update, password, act };
        match permit.users().edit(&edit)? {
            Edited::Yes => Ok((User { version: before.version + 1, ..after.clone() }, changes)),
            Edited::Stale => {
                Err(self.changed_meanwhile(&before.username, expected, format!("user {:?}", before.username)))
            }
            Edited::NameTaken => Err(StoreError::Taken(format!("the username {:?}", after.username)).into()),
        }
    }

    pub(super) fn find_to_edit(self, username: &str) -> Result<(Permit<'a>, User), AppError> {
        let user = self.find(username)?;
        let permit = self.app.require_permission(Right::EditUsers)?;
        if permit.scope.has(user.organization_id) {
            return Ok((permit, user));
        }
        Err(self.app.permission_denied(Right::EditUsers, true))
    }

    /// The error for a user who was changed between the reading and the writing.
    fn changed_meanwhile(self, username: &str, expected: Option<i64>, what: String) -> AppError {
        let found = self.find(username).and_then(|user| check_version(&user, expected));
        found.err().unwrap_or_else(|| StoreError::Stale(what).into())
    }
}

pub(super) fn check_version(user: &User, expected: Option<i64>) -> Result<(), AppError> {
    match expected.filter(|expected| *expected != user.version) {
        None => Ok(()),
        Some(expected) => Err(AppError::Outdated {
            what: format!("user {:?}", user.username),
            expected: expected.to_string(),
            found: user.version.to_string(),
        }),
    }
}
