//! Requests about users.

use std::io::Write;
use std::ops::Deref;

use rollcall_api::{HistoryEntry, PlannedReply, RadiusReply, User};
use serde_json::{Map, Value, json};
use ureq::Body;
use ureq::http::{HeaderMap, HeaderValue, Method, Response, header};

use crate::{Address, Client, Error, Items};

/// The users that a listing or an export is about; the default: all users.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserQuery {
    /// A filter: a condition, or the name of a saved one.
    pub filter: Option<String>,
    /// A search; with a filter, the users must match both.
    pub search: Option<String>,
}

/// The format of exported users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserFile {
    /// CSV, which imports read; unless `raw`, texts that a spreadsheet would take for formulas are defused.
    Csv {
        /// Whether texts are written as they are.
        raw: bool,
    },
    /// One JSON object a line.
    Json,
}

/// A user with the version that it had when it was read. A change can be made conditional on it.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionedUser {
    /// The user.
    pub user: User,
    /// The version; it grows with each change.
    pub version: i64,
}

impl Deref for VersionedUser {
    type Target = User;

    fn deref(&self) -> &User {
        &self.user
    }
}

/// The subscribers.
impl Client {
    /// The users that match.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn users(&self, query: &UserQuery) -> Result<Items<'_, User>, Error> {
        self.pages(with_query(Address::of(&["users"]), query))
    }

    /// Writes the users that match to `out`.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn export_users(&self, query: &UserQuery, file: UserFile, out: &mut dyn Write) -> Result<(), Error> {
        let (name, raw) = match file {
            UserFile::Json => ("users.jsonl", None),
            UserFile::Csv { raw } => ("users.csv", raw.then_some(true)),
        };
        self.copy(&with_query(Address::of(&[name]), query).with("raw", raw), out)
    }

    /// The user of this name.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn user(&self, username: &str) -> Result<VersionedUser, Error> {
        self.read_user(self.ask(&Address::of(&["users", username]))?)
    }

    /// Everything that was changed of a user, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn history(&self, obj_id: i64) -> Result<Items<'_, HistoryEntry>, Error> {
        self.pages(Address::of(&["user-history", &obj_id.to_string()]))
    }

    /// Sets fields of a user, if it still has the version that was read; gives the user as it is then.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn set_fields(
        &self,
        user: &VersionedUser,
        fields: &Map<String, Value>,
    ) -> Result<VersionedUser, Error> {
        let address = Address::of(&["users", &user.username]);
        self.read_user(self.send_json(Method::PATCH, &address, &if_match(user), fields)?)
    }

    /// Sets the RADIUS password of a user: in clear, or with its scheme before it; empty: none.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn set_user_password(&self, username: &str, password: &str) -> Result<(), Error> {
        let address = Address::of(&["users", username]);
        let body = json!({ "password": password });
        self.send_json(Method::PATCH, &address, &HeaderMap::new(), &body).map(drop)
    }

    /// The answer of FreeRADIUS to a user.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn radius_reply(&self, username: &str) -> Result<RadiusReply, Error> {
        self.get(&Address::of(&["users", username, "reply"]))
    }

    /// The answer of FreeRADIUS to a user now, and once a preview is applied.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn planned_reply(&self, preview: i64, username: &str) -> Result<PlannedReply, Error> {
        self.get(&Address::of(&["users", username, "planned-reply"]).with("preview", Some(preview)))
    }

    /// Removes a user, if it still has the version that was read.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn remove_user(&self, user: &VersionedUser) -> Result<(), Error> {
        let address = Address::of(&["users", &user.username]);
        self.send(Method::DELETE, &address, &if_match(user), ()).map(drop)
    }

    /// A user with the version that its tag names.
    fn read_user(&self, answer: Response<Body>) -> Result<VersionedUser, Error> {
        let tag = answer.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
        let version = tag.and_then(|tag| tag.trim_matches('"').strip_prefix('v')?.parse().ok());
        let version = version.ok_or_else(|| self.unexpected(&"a user without a version"))?;
        Ok(VersionedUser { user: self.read(answer)?, version })
    }
}

fn with_query(address: Address, UserQuery { filter, search }: &UserQuery) -> Address {
    address.with("filter", filter.as_ref()).with("search", search.as_ref())
}

/// The precondition that a user still has the version that was read.
fn if_match(user: &VersionedUser) -> HeaderMap {
    let tag = HeaderValue::from_str(&format!("\"v{}\"", user.version));
    tag.into_iter().map(|tag| (header::IF_MATCH, tag)).collect()
}
