//! Users by what somebody types into a box: each look is a walk along one index from where the last one ended, however
//! many users there are.

use rollcall_domain::{Scope, User, UserId};

use crate::areas::Users;
use crate::db::{args, only};
use crate::filter::after_all_that_start_with;
use crate::scope::{self, has};
use crate::sql::sql;
use crate::{StoreError, load};

sql! {
    BY_ID = concat!("SELECT id FROM users WHERE id = ?1 AND id > ?2 AND ", has!("?3", "organization_id"), " LIMIT ?4");
    BY_USERNAME = concat!(
        "SELECT id FROM users WHERE username = ?1 AND id > ?2 AND ", has!("?3", "organization_id"), " LIMIT ?4"
    );
    BY_EXTERNAL_ID = concat!(
        "SELECT id FROM users WHERE external_id = ?1 AND id > ?2 AND ", has!("?3", "organization_id"), " ORDER BY id LIMIT ?4"
    );
    BY_EMAIL = concat!(
        "SELECT id FROM users WHERE email = ?1 AND id > ?2 AND ", has!("?3", "organization_id"), " ORDER BY id LIMIT ?4"
    );
    BY_USERNAMES = concat!(
        "SELECT id FROM users WHERE username > ?1 AND username < ?2 AND ", has!("?3", "organization_id"),
        " ORDER BY username LIMIT ?4"
    );
    // Many have their name in their e-mail address: whoever was found by the one is not found again by the other.
    BY_EMAILS = concat!(
        "SELECT id FROM users WHERE (email, id) > (?1, ?2) AND email < ?3 AND NOT (username >= ?4 AND username < ?3) AND ",
        has!("?5", "organization_id"), " ORDER BY email, id LIMIT ?6"
    );
}

/// Usernames and e-mail addresses have fewer characters.
const LONGEST: usize = 1_024;

/// One way to look for users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look<'a> {
    /// By their number.
    Number(UserId),
    /// By their whole name.
    Username(&'a str),
    /// By the whole identifier that another system has for them.
    ExternalId(&'a str),
    /// By their whole e-mail address.
    Email(&'a str),
    /// By how their name begins; not those whose name is no more than that.
    Usernames(&'a str),
    /// By how their e-mail address begins; not those whose address is no more than that, or whose name begins so.
    Emails(&'a str),
}

impl Look<'_> {
    /// Whether it finds a user.
    #[must_use]
    pub fn finds(&self, user: &User) -> bool {
        let begins = |text: &str, start: &str| text.starts_with(start) && text != start;
        match self {
            Self::Number(id) => user.id == *id,
            Self::Username(name) => user.username == *name,
            Self::ExternalId(id) => user.external_id == *id,
            Self::Email(email) => user.email == *email,
            Self::Usernames(start) => begins(&user.username, start),
            Self::Emails(start) => begins(&user.email, start) && !user.username.starts_with(start),
        }
    }

    /// What users are ordered by, before their number.
    #[must_use]
    pub fn place<'u>(&self, user: &'u User) -> &'u str {
        match self {
            Self::Usernames(_) => &user.username,
            Self::Emails(_) => &user.email,
            _ => "",
        }
    }
}

impl Users<'_> {
    /// The next users of a scope whom a look finds, after the one at `after`: its [`Look::place`] and its number. The first
    /// page comes after `("", 0)`.
    pub fn look_for(
        &self,
        look: Look<'_>,
        scope: &Scope,
        (place, id): (&str, UserId),
        limit: u32,
    ) -> Result<Vec<User>, StoreError> {
        let scope = scope::text(scope);
        let end = match look {
            Look::Usernames(start) | Look::Emails(start) => {
                // No character sorts after the last one, and no field holds `LONGEST` of it.
                after_all_that_start_with(start).unwrap_or_else(|| char::MAX.to_string().repeat(LONGEST))
            }
            _ => String::new(),
        };
        self.0.read(|tx| {
            let find = |sql, args: &[_]| tx.all(sql, args, only::<UserId>);
            let ids = match look {
                Look::Number(number) => find(BY_ID, args![number, id, scope, limit])?,
                Look::Username(name) => find(BY_USERNAME, args![name, id, scope, limit])?,
                Look::ExternalId(external) => find(BY_EXTERNAL_ID, args![external, id, scope, limit])?,
                Look::Email(email) => find(BY_EMAIL, args![email, id, scope, limit])?,
                Look::Usernames(start) => find(BY_USERNAMES, args![start.max(place), end, scope, limit])?,
                Look::Emails(start) => {
                    let (place, id) = if place > start { (place, id) } else { (start, UserId::MAX) };
                    find(BY_EMAILS, args![place, id, end, start, scope, limit])?
                }
            };
            let mut users = load::by_ids(tx, &ids)?;
            users.sort_by_key(|user| ids.iter().position(|id| *id == user.id));
            Ok(users)
        })
    }
}
