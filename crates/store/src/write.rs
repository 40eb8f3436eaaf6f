//! Changes of users, into rows. The same for a chunk of a run and an edit by hand.

use rollcall_domain::{
    Act, Action, Assignment, Change, Field, FieldChange, ItemKind, ItemRow, Timestamp, User, UserId,
    UserPassword, Value,
};

use crate::areas::Users;
use crate::db::{Tx, args, only};
use crate::profiles::kind_number;
use crate::sql::sql;
use crate::{StoreError, audit, json, users};

sql! {
    // What no index holds goes into one statement, which also guards; an indexed column costs an index entry and is
    // written only when it changed.
    UPDATE_USER = "UPDATE users SET version = version + 1, last_update = ?3, username_length = ?4, first_name = ?5, \
                   last_name = ?6, is_active = ?7, avatar_url = ?8, description = ?9 WHERE id = ?1 AND version = ?2";
    UPDATE_USERNAME = "UPDATE users SET username = ?2 WHERE id = ?1";
    UPDATE_EMAIL = "UPDATE users SET email = ?2 WHERE id = ?1";
    UPDATE_EXTERNAL_ID = "UPDATE users SET external_id = ?2 WHERE id = ?1";
    UPDATE_KLASS = "UPDATE users SET klass = ?2 WHERE id = ?1";
    UPDATE_EXPIRATION = "UPDATE users SET expiration = ?2 WHERE id = ?1";
    UPDATE_PASSWORD = "UPDATE users SET password = ?2, password_scheme = ?3 WHERE id = ?1";
    VERSION = "SELECT version FROM users WHERE id = ?1";
    ADD_PROFILE = "INSERT INTO user_profiles (user_id, profile_id, priority) VALUES (?1, ?2, ?3)";
    REMOVE_PROFILE = "DELETE FROM user_profiles WHERE user_id = ?1 AND profile_id = ?2";
    ADD_ITEM = "INSERT INTO user_items (user_id, kind, position, attr, operation, value) \
                VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    REMOVE_ITEM = "DELETE FROM user_items WHERE user_id = ?1 AND kind = ?2 AND position = ?3";
    INSERT_EDIT = "INSERT INTO edits (at, administrator, organization_id, user_id, username, journal) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
}

/// How the write of one user's own row went.
pub(crate) enum Written {
    Yes,
    /// The user is at another version, or gone.
    Stale,
    /// The new username belongs to somebody else; nothing of this user was written.
    NameTaken,
}

/// Writes the columns of the user's own row, guarded by the version that `before` has.
pub(crate) fn row(
    tx: &Tx<'_>,
    version: i64,
    after: &User,
    changes: &[Change],
    last_update: Timestamp,
) -> Result<Written, StoreError> {
    // The username first: it is the one write that may be refused.
    let mut renamed = false;
    for change in changes {
        let Change::Set(FieldChange { field: Field::Username, .. }) = change else { continue };
        if current_version(tx, after.id)? != Some(version) {
            return Ok(Written::Stale);
        }
        match tx.execute(UPDATE_USERNAME, args![after.id, &after.username]) {
            Ok(_) => renamed = true,
            Err(error) if error.is_taken() => return Ok(Written::NameTaken),
            Err(error) => return Err(error),
        }
    }
    let values = args![
        after.id,
        version,
        last_update,
        after.username_length,
        &after.first_name,
        &after.last_name,
        after.is_active,
        &after.avatar_url,
        &after.description,
    ];
    let touched = tx.execute(UPDATE_USER, values)?;
    if touched == 0 {
        debug_assert!(!renamed, "a rename looks at the version first");
        return Ok(Written::Stale);
    }
    for change in changes {
        let Change::Set(FieldChange { field, after: value, .. }) = change else { continue };
        let statement = match field {
            Field::Email => UPDATE_EMAIL,
            Field::ExternalId => UPDATE_EXTERNAL_ID,
            Field::Klass => UPDATE_KLASS,
            Field::Expiration => UPDATE_EXPIRATION,
            _ => continue,
        };
        match value {
            Value::Text(text) => tx.execute(statement, args![after.id, text])?,
            Value::Time(time) => tx.execute(statement, args![after.id, *time])?,
            Value::Int(_) | Value::Bool(_) => unreachable!("none of these fields is one"),
        };
    }
    Ok(Written::Yes)
}

pub(crate) fn current_version(tx: &Tx<'_>, user: UserId) -> Result<Option<i64>, StoreError> {
    tx.first(VERSION, args![user], only)
}

/// Writes the profile changes of a user whose row has been written.
pub(crate) fn profiles(tx: &Tx<'_>, user: UserId, changes: &[Change]) -> Result<(), StoreError> {
    for change in changes {
        match change {
            Change::ProfileAdd(Assignment { id, priority, .. }) => {
                tx.execute(ADD_PROFILE, args![user, *id, *priority])?;
            }
            Change::ProfileRemove(Assignment { id, .. }) => {
                tx.execute(REMOVE_PROFILE, args![user, *id])?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Writes the attribute changes of a user whose row has been written.
pub(crate) fn items(tx: &Tx<'_>, user: UserId, changes: &[Change]) -> Result<(), StoreError> {
    let add = |kind, row: &ItemRow| -> Result<(), StoreError> {
        let kind = kind_number(kind);
        let values = args![user, kind, row.position, &row.attr, row.operation.as_str(), &row.value];
        tx.execute(ADD_ITEM, values)?;
        Ok(())
    };
    let remove = |kind, row: &ItemRow| -> Result<(), StoreError> {
        tx.execute(REMOVE_ITEM, args![user, kind_number(kind), row.position])?;
        Ok(())
    };
    for change in changes {
        match change {
            Change::AttributeAdd(row) => add(ItemKind::Reply, row)?,
            Change::AttributeRemove(row) => remove(ItemKind::Reply, row)?,
            Change::CheckAttributeAdd(row) => add(ItemKind::Check, row)?,
            Change::CheckAttributeRemove(row) => remove(ItemKind::Check, row)?,
            Change::Set(_) | Change::ProfileAdd(_) | Change::ProfileRemove(_) => {}
        }
    }
    Ok(())
}

/// A change that an administrator makes by hand.
#[derive(Debug)]
pub struct HandEdit<'a> {
    /// The user as the administrator saw it.
    pub before: &'a User,
    /// The user as it shall be.
    pub after: &'a User,
    /// What leads from one to the other.
    pub changes: &'a [Change],
    /// The user's new `last_update`: now, unless the administrator assigned one.
    pub last_update: Timestamp,
    /// What becomes of the user's password.
    pub password: PasswordEdit<'a>,
    /// Who, and when.
    pub act: Act<'a>,
}

/// What an edit does to a password.
#[derive(Debug, Clone, Copy)]
pub enum PasswordEdit<'a> {
    /// It stays.
    Keep,
    /// The user has none from now on.
    Remove,
    /// The user has this one from now on.
    Set(&'a UserPassword),
}

impl<'a> PasswordEdit<'a> {
    /// What is written, if anything is: a password, or that there is none.
    fn written(self) -> Option<Option<&'a UserPassword>> {
        match self {
            Self::Keep => None,
            Self::Remove => Some(None),
            Self::Set(password) => Some(Some(password)),
        }
    }
}

/// How an edit by hand went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edited {
    /// It is written.
    Yes,
    /// Somebody else has changed or removed the user meanwhile.
    Stale,
    /// The new username is somebody else's.
    NameTaken,
}

impl Users<'_> {
    /// Writes an edit by hand and its journal, which a password is not in.
    pub fn edit(&self, edit: &HandEdit<'_>) -> Result<Edited, StoreError> {
        let HandEdit { before, after, changes, last_update, password, act } = *edit;
        let journal = json::write(changes)?;
        self.0.write(|tx| {
            match row(tx, before.version, after, changes, last_update)? {
                Written::Yes => {}
                Written::Stale => return Ok(Edited::Stale),
                Written::NameTaken => return Ok(Edited::NameTaken),
            }
            profiles(tx, after.id, changes).map_err(|error| match error.is_referenced() {
                true => StoreError::NoSuch("profile of that name any more".to_owned()),
                false => error,
            })?;
            items(tx, after.id, changes)?;
            let is_password_alone = changes.is_empty() && password.written().is_some();
            let action = if is_password_alone { Action::UserPassword } else { Action::UserEdit };
            let mut deed = users::deed(action, before);
            if let Some(password) = password.written() {
                let kept = users::scheme(password).attribute();
                tx.execute(UPDATE_PASSWORD, args![after.id, password.map(UserPassword::value), kept])?;
                deed = deed.with("scheme", password.map(|_| kept));
            }
            if !changes.is_empty() {
                let values =
                    args![act.at, act.who, before.organization_id, before.id, &before.username, &journal];
                tx.execute(INSERT_EDIT, values)?;
            }
            let mut what: Vec<_> = changes.iter().map(Change::what).collect();
            what.extend(password.written().map(|_| "password"));
            what.dedup();
            audit::record(tx, &act, &deed.with("changes", what))?;
            Ok(Edited::Yes)
        })
    }
}
