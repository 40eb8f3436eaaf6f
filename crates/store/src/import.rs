use std::collections::HashMap;

use rollcall_domain::{
    Act, Action, Catalogue, Deed, Item, ItemKind, OrganizationId, ProfileId, User, UserId, UserPassword,
};

use crate::areas::Users;
use crate::db::{Tx, args, only};
use crate::profiles::{self, kind_number};
use crate::sql::{Sql, sql};
use crate::sqlite::BUSY;
use crate::transaction::Decision;
use crate::{StoreError, audit, import_set, organizations, users};

sql! {
    INSERT_USER = "INSERT INTO users (id, username, username_length, first_name, last_name, email, external_id, klass, \
                   is_active, date_joined, expiration, last_update, organization_id, avatar_url, description, \
                   password, password_scheme) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) \
                   ON CONFLICT DO NOTHING RETURNING id";
    INSERT_LOGIN = "INSERT INTO user_logins (user_id, first_login, last_login) VALUES (?1, ?2, ?3)";
    INSERT_PROFILE = "INSERT INTO user_profiles (user_id, profile_id, priority) VALUES (?1, ?2, ?3)";
    INSERT_ITEM = "INSERT INTO user_items (user_id, kind, position, attr, operation, value) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    USER_IS_THERE = "SELECT 1 FROM users WHERE username = ?1";
    CREATE_LINES = "CREATE TEMP TABLE IF NOT EXISTS import_lines (username TEXT PRIMARY KEY, id BIGINT UNIQUE, line BIGINT)";
}

// On a table of this connection alone; they cannot be prepared without it.
const FORGET_LINES: &str = "DELETE FROM import_lines";
const INSERT_LINE: &str =
    "INSERT INTO import_lines (username, id, line) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
const LINE_OF: &str = "SELECT line FROM import_lines WHERE username = ?";
const LINE_OF_ID: &str = "SELECT line FROM import_lines WHERE id = ?";

/// What became of a user that was to be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is there, with this number.
    As(UserId),
    /// Its name is taken: by the user of this line of the same file, or by one that was there before.
    NameTaken(Option<u64>),
    /// Its number is taken, likewise.
    IdTaken(Option<u64>),
}

/// Somebody who is to be imported.
#[derive(Debug, Clone, Copy)]
pub enum Newcomer<'a> {
    /// A user.
    User {
        /// The line of the file.
        line: u64,
        /// The number that the user is to have, or the next free one.
        id: Option<UserId>,
        /// The user.
        user: &'a User,
        /// The password.
        password: Option<&'a UserPassword>,
    },
    /// The username of a row that cannot be imported for another reason: so that its being taken is told, too.
    Claim {
        /// The line of the file.
        line: u64,
        /// The name.
        username: &'a str,
    },
}

impl Newcomer<'_> {
    pub(crate) fn line(&self) -> u64 {
        match self {
            Self::User { line, .. } | Self::Claim { line, .. } => *line,
        }
    }

    pub(crate) fn username(&self) -> &str {
        match self {
            Self::User { user, .. } => &user.username,
            Self::Claim { username, .. } => username,
        }
    }

    pub(crate) fn id(&self) -> Option<UserId> {
        match self {
            Self::User { id, .. } => *id,
            Self::Claim { .. } => None,
        }
    }
}

/// Users on their way in, all of them or none.
#[derive(Debug)]
pub struct Import<'a> {
    tx: &'a Tx<'a>,
    organizations: HashMap<String, OrganizationId>,
    made: Vec<String>,
    /// The profiles that were added.
    profiles: Vec<String>,
    catalogue: Catalogue,
}

impl Import<'_> {
    /// The organization of this name, made if there is none.
    pub fn organization(&mut self, name: &str) -> Result<OrganizationId, StoreError> {
        if let Some(id) = self.organizations.get(name) {
            return Ok(*id);
        }
        let id = match organizations::id_of(self.tx, name)? {
            Some(id) => id,
            None => {
                self.made.push(name.to_owned());
                organizations::insert(self.tx, name)?
            }
        };
        self.organizations.insert(name.to_owned(), id);
        Ok(id)
    }

    /// Adds a profile for everybody's users; its number. That it was added goes into the audit log with the users.
    pub fn add_profile(&mut self, short_name: &str, items: [&[Item]; 2]) -> Result<ProfileId, StoreError> {
        let id = profiles::insert(self.tx, short_name, None, items)?;
        self.profiles.push(short_name.to_owned());
        self.catalogue = profiles::catalogue(self.tx)?;
        Ok(id)
    }

    /// Adds to the audit log that users were imported, if they then are.
    pub fn record(&self, act: &Act<'_>, users: u64) -> Result<(), StoreError> {
        let made = self.made.clone();
        let mut deed = Deed::new(Action::Import, "users").with("users", users).with("organizations", made);
        if !self.profiles.is_empty() {
            deed = deed.with("profiles", self.profiles.clone());
        }
        audit::record(self.tx, act, &deed)
    }

    /// The organizations that had to be made.
    #[must_use]
    pub fn made_organizations(&self) -> &[String] {
        &self.made
    }

    /// The profiles that users may be given.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Adds newcomers in their order. What became of each: of one that only claims a name nothing, if it was free.
    pub fn add_all(&mut self, newcomers: &[Newcomer<'_>]) -> Result<Vec<Option<Added>>, StoreError> {
        if let Tx::Postgres(pg) = self.tx {
            return import_set::add_all(pg, newcomers);
        }
        let add = |newcomer: &Newcomer<'_>| match *newcomer {
            Newcomer::User { line, id, user, password } => self.add(line, id, user, password).map(Some),
            Newcomer::Claim { line, username } => self.claim(line, username),
        };
        newcomers.iter().map(add).collect()
    }

    fn add(
        &self,
        line: u64,
        id: Option<UserId>,
        user: &User,
        password: Option<&UserPassword>,
    ) -> Result<Added, StoreError> {
        let values = args![
            id,
            &user.username,
            user.username_length,
            &user.first_name,
            &user.last_name,
            &user.email,
            &user.external_id,
            &user.klass,
            user.is_active,
            user.date_joined,
            user.expiration,
            user.last_update,
            user.organization_id,
            &user.avatar_url,
            &user.description,
            password.map(UserPassword::value),
            users::scheme(password).attribute(),
        ];
        let given = id;
        let inserted: Option<UserId> = self.tx.first(INSERT_USER, values, only)?;
        let Some(id) = inserted else { return self.taken(given, user) };
        if self.tx.execute(INSERT_LINE, args![&user.username, id, signed(line)])? == 0 {
            return Ok(Added::NameTaken(self.line_of(&user.username)?));
        }
        if user.first_login.is_some() || user.last_login.is_some() {
            self.tx.execute(INSERT_LOGIN, args![id, user.first_login, user.last_login])?;
        }
        for profile in &user.profiles {
            self.tx.execute(INSERT_PROFILE, args![id, profile.id, profile.priority])?;
        }
        for kind in ItemKind::ALL {
            for row in user.items(kind) {
                let kind = kind_number(kind);
                let values = args![id, kind, row.position, &row.attr, row.operation.as_str(), &row.value];
                self.tx.execute(INSERT_ITEM, values)?;
            }
        }
        Ok(Added::As(id))
    }

    fn taken(&self, id: Option<UserId>, user: &User) -> Result<Added, StoreError> {
        if let Some(id) = id
            && !self.tx.exists(USER_IS_THERE, args![&user.username])?
        {
            let line: Option<i64> = self.tx.first(LINE_OF_ID, args![id], only)?;
            return Ok(Added::IdTaken(line.map(i64::unsigned_abs)));
        }
        Ok(Added::NameTaken(self.line_of(&user.username)?))
    }

    fn line_of(&self, username: &str) -> Result<Option<u64>, StoreError> {
        let line: Option<i64> = self.tx.first(LINE_OF, args![username], only)?;
        Ok(line.map(i64::unsigned_abs))
    }

    fn claim(&self, line: u64, username: &str) -> Result<Option<Added>, StoreError> {
        if let Some(other) = self.line_of(username)? {
            return Ok(Some(Added::NameTaken(Some(other))));
        }
        if self.tx.exists(USER_IS_THERE, args![username])? {
            return Ok(Some(Added::NameTaken(None)));
        }
        self.tx.execute(INSERT_LINE, args![username, None::<UserId>, signed(line)])?;
        Ok(None)
    }
}

pub(crate) fn signed(line: u64) -> i64 {
    i64::try_from(line).unwrap_or(i64::MAX)
}

/// The file may come from a program that takes its time.
const NO_HURRY: Sql = Sql { sqlite: "", postgres: "SET LOCAL idle_in_transaction_session_timeout = 0" };

/// Tells the planner of queries how the values of each index are spread, from a sample that takes milliseconds: without
/// it a filter over two fields may go by the one that selects half of all users.
pub(crate) const MEASURE: Sql = Sql {
    sqlite: "PRAGMA analysis_limit = 1000; ANALYZE users; ANALYZE user_logins; ANALYZE user_profiles; ANALYZE user_items",
    postgres: "ANALYZE users; ANALYZE user_logins; ANALYZE user_profiles; ANALYZE user_items",
};

impl Users<'_> {
    /// Lets `work` add users, all or none: they stay if it decides to commit.
    ///
    /// # Errors
    /// Those of `work`. No user is added then.
    pub fn import<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&mut Import<'_>) -> Result<Decision<T>, E>,
    ) -> Result<T, E> {
        self.0.write_or_roll_back(BUSY, |tx| {
            tx.batch(NO_HURRY)?;
            let done = importing(tx, work)?;
            if let Decision::Commit(_) = done {
                tx.batch(MEASURE)?;
            }
            Ok(done)
        })
    }

    /// Adds one user, with this number or the next free one, and a password.
    pub fn add(
        &self,
        user: &User,
        id: Option<UserId>,
        password: Option<&UserPassword>,
        act: &Act<'_>,
    ) -> Result<Added, StoreError> {
        let newcomer = Newcomer::User { line: 1, id, user, password };
        let added = self.0.write_or_roll_back(BUSY, |tx| {
            let added = importing(tx, |import| import.add_all(&[newcomer]))?;
            match added.into_iter().flatten().next() {
                Some(Added::As(id)) => {
                    let user = User { id, ..user.clone() };
                    audit::record(tx, act, &users::deed(Action::UserAdd, &user))?;
                    Ok(Decision::Commit(Added::As(id)))
                }
                Some(taken) => Ok(Decision::RollBack(taken)),
                None => Err(StoreError::Corrupt("a user who was neither added nor refused".to_owned())),
            }
        });
        added.map_err(|error| match error.is_referenced() {
            true => StoreError::NoSuch("organization or profile of that name any more".to_owned()),
            false => error,
        })
    }
}

/// Lets `work` add users in a transaction.
fn importing<T, E: From<StoreError>>(
    tx: &Tx<'_>,
    work: impl FnOnce(&mut Import<'_>) -> Result<T, E>,
) -> Result<T, E> {
    tx.execute(CREATE_LINES, &[])?;
    tx.execute(FORGET_LINES, &[])?;
    let catalogue = profiles::catalogue(tx)?;
    let mut import =
        Import { tx, organizations: HashMap::new(), made: Vec::new(), profiles: Vec::new(), catalogue };
    let done = work(&mut import)?;
    tx.execute(FORGET_LINES, &[])?;
    Ok(done)
}
