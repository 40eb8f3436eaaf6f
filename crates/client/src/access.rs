//! Requests about administrators, their roles and credentials.

use std::cmp::Reverse;

use rollcall_api::{
    Administrator, CreateTokenRequest, CreatedToken, EndedSessions, Grant, RecoveryCodes, Session, Token,
    TotpEnrollment,
};
use rollcall_domain::Secret;
use serde_json::json;
use ureq::http::{HeaderMap, Method};

use crate::{Address, Client, Error};

/// Administrators and their roles. Each call can fail with a refusal of the server, or if it is not reached.
impl Client {
    /// Adds an administrator with roles.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn add_administrator(&self, name: &str, grants: &[Grant]) -> Result<Administrator, Error> {
        let body = json!({ "name": name, "grants": grants });
        self.call(Method::POST, &Address::of(&["administrators"]), &body)
    }

    /// Lists the administrators.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn administrators(&self) -> Result<Vec<Administrator>, Error> {
        self.list(Address::of(&["administrators"]))
    }

    /// Grants a role.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn grant(&self, name: &str, grant: &Grant) -> Result<Administrator, Error> {
        self.call(Method::POST, &of(name, &["grants"]), grant)
    }

    /// Revokes a role; says whether the administrator had it.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn revoke(&self, name: &str, grant: &Grant) -> Result<bool, Error> {
        let address = of(name, &["grants"]).with("role", Some(&grant.role));
        self.delete_if_there(&address.with("organization", grant.organization.as_ref()))
    }

    /// Removes an administrator.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn remove_administrator(&self, name: &str) -> Result<(), Error> {
        self.delete(&of(name, &[])).map(drop)
    }

    /// The credentials of the administrator `name`. Nothing is sent yet.
    #[must_use]
    pub fn account<'a>(&'a self, name: &str) -> Account<'a> {
        Account { client: self, name: name.to_owned() }
    }
}

/// The path of an administrator, and of what belongs to them.
fn of(name: &str, parts: &[&str]) -> Address {
    Address::of(&[&["administrators", name], parts].concat())
}

/// The credentials of one administrator.
pub struct Account<'a> {
    client: &'a Client,
    name: String,
}

impl Account<'_> {
    fn of(&self, parts: &[&str]) -> Address {
        of(&self.name, parts)
    }

    /// Sets the password, and ends all sessions.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn set_password(&self, password: &Secret) -> Result<(), Error> {
        let body = json!({ "password": password.reveal() });
        self.client.send_json(Method::PUT, &self.of(&["password"]), &HeaderMap::new(), &body).map(drop)
    }

    /// Lists the sessions, the last used first.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn sessions(&self) -> Result<Vec<Session>, Error> {
        let mut all: Vec<Session> = self.client.list(self.of(&["sessions"]))?;
        all.sort_by_key(|session| Reverse((session.last_seen_at, session.session_id)));
        Ok(all)
    }

    /// Ends all sessions; gives their number.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn revoke_sessions(&self) -> Result<u64, Error> {
        Ok(self.client.read::<EndedSessions>(self.client.delete(&self.of(&["sessions"]))?)?.sessions)
    }

    /// Ends one session.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn revoke_session(&self, id: i64) -> Result<(), Error> {
        self.client.delete(&self.of(&["sessions", &id.to_string()])).map(drop)
    }

    /// Creates the secret of a new authenticator, which is not asked for before it is confirmed.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn enrol_totp(&self) -> Result<TotpEnrollment, Error> {
        self.client.post(&self.of(&["totp"]))
    }

    /// Confirms the new authenticator with a code that it shows; gives the recovery codes.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn confirm_totp(&self, code: &Secret) -> Result<RecoveryCodes, Error> {
        let body = json!({ "code": code.reveal() });
        self.client.call(Method::PUT, &self.of(&["totp"]), &body)
    }

    /// Removes the authenticator; says whether there was one.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn remove_totp(&self) -> Result<bool, Error> {
        self.client.delete_if_there(&self.of(&["totp"]))
    }

    /// Creates a token. Its text is given this once.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn add_token(&self, token: &CreateTokenRequest) -> Result<CreatedToken, Error> {
        self.client.call(Method::POST, &self.of(&["tokens"]), token)
    }

    /// Lists the tokens, also expired and revoked ones.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn tokens(&self) -> Result<Vec<Token>, Error> {
        self.client.list(self.of(&["tokens"]))
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn revoke_token(&self, id: i64) -> Result<(), Error> {
        self.client.delete(&self.of(&["tokens", &id.to_string()])).map(drop)
    }
}
