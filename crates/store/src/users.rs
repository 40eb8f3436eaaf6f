use rollcall_domain::filter::Filter;
use rollcall_domain::{Act, Action, Deed, PasswordScheme, User, UserId, UserPassword};

use crate::areas::Users;
use crate::db::{Arg, args, only};
use crate::filter::{Condition, Shape};
use crate::load::USER_COLUMNS;
use crate::sql::{Sql, sql, text};
use crate::{StoreError, audit, load};

sql! {
    BY_NAME = "SELECT id FROM users WHERE username = ?1";
    SET_PASSWORD = "UPDATE users SET password = ?3, password_scheme = ?4, version = version + 1, last_update = ?5 \
                    WHERE id = ?1 AND version = ?2";
    REMOVE = "DELETE FROM users WHERE id = ?1 AND version = ?2";
}

/// The starts of queries that end in a filter's condition; they are not constants for that reason alone.
/// A page walks over the users in order of their numbers: an index would have to be read and sorted for every page.
const SELECT: Sql = Sql {
    sqlite: text!(
        "SELECT ",
        USER_COLUMNS.0,
        " FROM users u NOT INDEXED LEFT JOIN user_logins l ON l.user_id = u.id WHERE "
    ),
    postgres: text!(
        "SELECT ",
        USER_COLUMNS.0,
        " FROM users u LEFT JOIN user_logins l ON l.user_id = u.id WHERE "
    ),
};
const IDS: &str = "SELECT u.id FROM users u LEFT JOIN user_logins l ON l.user_id = u.id WHERE ";
const COUNT: &str = "SELECT count(*) FROM users u LEFT JOIN user_logins l ON l.user_id = u.id WHERE ";

pub(crate) const COUNT_SOME: &str =
    "SELECT count(*) FROM (SELECT 1 FROM users u LEFT JOIN user_logins l ON l.user_id = u.id WHERE ";

/// What is done to one user.
pub(crate) fn deed(action: Action, user: &User) -> Deed {
    let deed = Deed::new(action, format!("user {}", user.username));
    deed.within(Some(user.organization_id)).with("id", user.id)
}

/// The scheme of a password, and of none: the column always has one.
pub(crate) fn scheme(password: Option<&UserPassword>) -> PasswordScheme {
    password.map_or(PasswordScheme::Cleartext, UserPassword::scheme)
}

impl Users<'_> {
    /// One user by name.
    pub fn by_name(&self, username: &str) -> Result<Option<User>, StoreError> {
        self.0.read(|tx| {
            let id = tx.first(BY_NAME, args![username], only)?;
            id.map_or(Ok(None), |id| load::by_id(tx, id))
        })
    }

    /// The next users that `filter` selects (none: all), in order of their numbers, after number `after`.
    pub fn page(&self, filter: Option<&Filter>, after: UserId, limit: u32) -> Result<Vec<User>, StoreError> {
        self.within(filter, after, UserId::MAX, limit)
    }

    /// The same, up to number `last`.
    pub fn within(
        &self,
        filter: Option<&Filter>,
        after: UserId,
        last: UserId,
        limit: u32,
    ) -> Result<Vec<User>, StoreError> {
        self.0.read(|tx| {
            let Condition { mut sql, mut values, .. } = Condition::new(filter, Shape::PerUser, tx.dialect());
            sql.insert_str(0, tx.text(SELECT));
            sql.push_str(" AND u.id > ? AND u.id <= ? ORDER BY u.id LIMIT ?");
            values.extend([Arg::Int(after), Arg::Int(last), Arg::Int(limit.into())]);
            let mut users = tx.all(&sql, &values, load::user)?;
            load::complete_all(tx, &mut users)?;
            Ok(users)
        })
    }

    /// The numbers of all users that `filter` selects, in order, if they are at most `most`: found through an index
    /// where one serves. Whoever wants more walks through [`Users::page`]s.
    pub fn few(&self, filter: &Filter, most: u32) -> Result<Option<Vec<UserId>>, StoreError> {
        self.0.read(|tx| {
            let Condition { mut sql, mut values, .. } =
                Condition::new(Some(filter), Shape::Whole, tx.dialect());
            sql.insert_str(0, IDS);
            sql.push_str(" LIMIT ?");
            values.push(Arg::Int(i64::from(most) + 1));
            let mut ids: Vec<UserId> = tx.all(&sql, &values, only)?;
            ids.sort_unstable();
            Ok((ids.len() <= most as usize).then_some(ids))
        })
    }

    /// How many users `filter` selects (none: all).
    pub fn count(&self, filter: Option<&Filter>) -> Result<u64, StoreError> {
        self.0.read(|tx| {
            let Condition { mut sql, values, .. } = Condition::new(filter, Shape::Whole, tx.dialect());
            sql.insert_str(0, COUNT);
            let count: i64 = tx.value(&sql, &values)?;
            Ok(count.unsigned_abs())
        })
    }

    /// The same, where counting ends at `most`.
    pub fn count_to(&self, filter: Option<&Filter>, most: u64) -> Result<u64, StoreError> {
        self.0.read(|tx| {
            let Condition { mut sql, mut values, .. } = Condition::new(filter, Shape::Whole, tx.dialect());
            sql.insert_str(0, COUNT_SOME);
            sql.push_str(" LIMIT ?) AS counted");
            values.push(Arg::Int(i64::try_from(most).unwrap_or(i64::MAX)));
            let count: i64 = tx.value(&sql, &values)?;
            Ok(count.unsigned_abs())
        })
    }

    /// Gives a user, as it was seen, another password, or none.
    pub fn set_password(
        &self,
        user: &User,
        password: Option<&UserPassword>,
        act: &Act<'_>,
    ) -> Result<(), StoreError> {
        let (value, kept) = (password.map(UserPassword::value), scheme(password).attribute());
        self.0.write(|tx| {
            if tx.execute(SET_PASSWORD, args![user.id, user.version, value, kept, act.at])? == 0 {
                return Err(StoreError::Stale(format!("user {:?}", user.username)));
            }
            let deed = deed(Action::UserPassword, user).with("scheme", password.map(|_| kept));
            audit::record(tx, act, &deed)
        })
    }

    /// Removes a user as it was seen, with everything that hangs on it but the journals of runs.
    pub fn remove(&self, user: &User, act: &Act<'_>) -> Result<(), StoreError> {
        self.0.write(|tx| match tx.execute(REMOVE, args![user.id, user.version])? {
            0 => Err(StoreError::Stale(format!("user {:?}", user.username))),
            _ => audit::record(tx, act, &deed(Action::UserRemove, user)),
        })
    }
}
