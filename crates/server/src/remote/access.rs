//! Who works with Rollcall, what they may do, and what they prove themselves with.

use std::cmp::Reverse;
use std::collections::HashMap;

use rollcall_app::Age;
use rollcall_app::sign_in::Credentials;
use rollcall_domain::{
    Administrator, AdministratorId, ApiToken, Grant, Refusal, Right, Scopes, Secret, Session, SessionId,
    TokenId,
};
use serde_json::json;
use ureq::http::{HeaderMap, Method};

use super::{Address, Client, Site};
use crate::contract::{self, Credential, Ended, Enrolment, NewToken, RecoveryCodes, Removed, Token};

impl Site {
    /// Adds an administrator, with roles that whoever asks may grant.
    pub(crate) fn add_administrator(&self, name: &str, grants: &[Grant]) -> anyhow::Result<AdministratorId> {
        let client = match self {
            Self::Here(app) => return Ok(app.add_administrator(name, grants)?),
            Self::There(client) => client,
        };
        let names = self.names()?;
        let grants: Vec<_> = grants.iter().map(|grant| contract::Grant::of(*grant, &names)).collect();
        let body = json!({ "name": name, "grants": grants });
        let address = Address::of(&["administrators"]);
        Ok(client.tell::<contract::Administrator>(Method::POST, &address, &body)?.administrator_id)
    }

    /// The administrators whom whoever asks may see.
    pub(crate) fn administrators(&self) -> anyhow::Result<Vec<Administrator>> {
        let client = match self {
            Self::Here(app) => return Ok(app.administrators()?),
            Self::There(client) => client,
        };
        let names = self.names()?;
        let all = client.list::<contract::Administrator>(Address::of(&["administrators"]))?;
        let read = |each: contract::Administrator| {
            let grants = each.grants.iter().map(|grant| contract::read(grant, &names));
            Ok(Administrator {
                id: each.administrator_id,
                rights: grants.collect::<Result<_, Refusal>>()?,
                name: each.name,
                created_at: each.created_at,
            })
        };
        all.into_iter().map(read).collect()
    }

    /// Grants a role to an administrator.
    pub(crate) fn grant(&self, name: &str, grant: &Grant) -> anyhow::Result<()> {
        let client = match self {
            Self::Here(app) => return Ok(app.grant(name, grant)?),
            Self::There(client) => client,
        };
        let (address, body) = (of(name, &["grants"]), contract::Grant::of(*grant, &self.names()?));
        client.tell::<contract::Administrator>(Method::POST, &address, &body).map(drop)
    }

    /// Takes a role from an administrator; says whether they had it.
    pub(crate) fn revoke(&self, name: &str, grant: &Grant) -> anyhow::Result<bool> {
        let client = match self {
            Self::Here(app) => return Ok(app.revoke(name, grant)?),
            Self::There(client) => client,
        };
        let grant = contract::Grant::of(*grant, &self.names()?);
        let address =
            of(name, &["grants"]).with("role", Some(grant.role)).with("organization", grant.organization);
        client.take(&address)
    }

    /// Removes an administrator.
    pub(crate) fn remove_administrator(&self, name: &str) -> anyhow::Result<()> {
        match self {
            Self::Here(app) => Ok(app.remove_administrator(name)?),
            Self::There(client) => client.remove(&of(name, &[]), &HeaderMap::new()).map(drop),
        }
    }

    /// What the administrator `name` proves themselves with.
    pub(crate) fn credentials_of(&self, name: &str) -> anyhow::Result<Keys<'_>> {
        match self {
            Self::Here(app) => {
                let (credentials, who) = app.credentials_of(name)?;
                Ok(Keys::Here(Box::new((credentials, who))))
            }
            Self::There(client) => Ok(Keys::There(client, name.to_owned())),
        }
    }

    /// The names of the organizations.
    fn names(&self) -> anyhow::Result<HashMap<i64, String>> {
        Ok(self.organizations()?.into_iter().map(|each| (each.id, each.name)).collect())
    }
}

/// The address of an administrator, and of what is theirs.
fn of(name: &str, parts: &[&str]) -> Address {
    Address::of(&[&["administrators", name], parts].concat())
}

impl Client {
    /// Removes what is at an address; whether there was something.
    fn take(&self, address: &Address) -> anyhow::Result<bool> {
        Ok(self.read::<Removed>(self.remove(address, &HeaderMap::new())?)?.removed)
    }
}

/// What an administrator proves themselves with.
pub(crate) enum Keys<'a> {
    /// In a database.
    Here(Box<(Credentials, Administrator)>),
    /// On a server, by their name.
    There(&'a Client, String),
}

impl Keys<'_> {
    /// Gives them another password. Wherever they are signed in, they are no more.
    pub(crate) fn set_password(&self, password: &Secret) -> anyhow::Result<()> {
        match self {
            Self::Here(keys) => Ok(keys.0.set_password(&keys.1, password, None)?),
            Self::There(client, name) => {
                let body = json!({ "password": password.reveal() });
                client.say(Method::PUT, &of(name, &["password"]), &HeaderMap::new(), &body).map(drop)
            }
        }
    }

    /// Where they are signed in, the last used first.
    pub(crate) fn sessions(&self) -> anyhow::Result<Vec<Session>> {
        match self {
            Self::Here(keys) => Ok(keys.0.sessions(&keys.1)?),
            Self::There(client, name) => {
                let all = client.list::<contract::Session>(of(name, &["sessions"]))?;
                let mut all: Vec<_> = all.into_iter().map(Session::from).collect();
                all.sort_by_key(|session| Reverse((session.seen_at, session.id)));
                Ok(all)
            }
        }
    }

    /// Ends all of that; how many.
    pub(crate) fn revoke_sessions(&self) -> anyhow::Result<u64> {
        match self {
            Self::Here(keys) => Ok(keys.0.revoke_sessions(&keys.1, None)?),
            Self::There(client, name) => {
                let answer = client.remove(&of(name, &["sessions"]), &HeaderMap::new())?;
                Ok(client.read::<Ended>(answer)?.sessions)
            }
        }
    }

    /// Ends one of them.
    pub(crate) fn revoke_session(&self, id: SessionId) -> anyhow::Result<()> {
        match self {
            Self::Here(keys) => Ok(keys.0.revoke_session(&keys.1, id)?),
            Self::There(client, name) => {
                client.remove(&of(name, &["sessions", &id.to_string()]), &HeaderMap::new()).map(drop)
            }
        }
    }

    /// Makes the secret of a new authenticator, for typing and for a QR code.
    pub(crate) fn enrol_totp(&self) -> anyhow::Result<(Secret, Secret)> {
        match self {
            Self::Here(keys) => {
                let made = keys.0.enrol_totp(&keys.1)?;
                Ok((made.secret, made.uri))
            }
            Self::There(client, name) => {
                let made: Enrolment = client.do_at(&of(name, &["totp"]))?;
                Ok((Secret::new(made.secret), Secret::new(made.uri)))
            }
        }
    }

    /// Confirms it with a code that it shows; the recovery codes.
    pub(crate) fn confirm_totp(&self, code: &Secret) -> anyhow::Result<Vec<Secret>> {
        match self {
            Self::Here(keys) => Ok(keys.0.confirm_totp(&keys.1, code)?),
            Self::There(client, name) => {
                let body = json!({ "code": code.reveal() });
                let made: RecoveryCodes = client.tell(Method::PUT, &of(name, &["totp"]), &body)?;
                Ok(made.codes.into_iter().map(Secret::new).collect())
            }
        }
    }

    /// Removes an authenticator; says whether there was one.
    pub(crate) fn remove_totp(&self) -> anyhow::Result<bool> {
        match self {
            Self::Here(keys) => Ok(keys.0.remove_totp(&keys.1)?),
            Self::There(client, name) => client.take(&of(name, &["totp"])),
        }
    }

    /// Makes a token with which programs act for them; its text is nowhere else.
    pub(crate) fn add_token(
        &self,
        name: &str,
        scopes: &Scopes,
        life: Age,
    ) -> anyhow::Result<(TokenId, Secret)> {
        match self {
            Self::Here(keys) => Ok(keys.0.add_token(&keys.1, name, scopes, life.time())?),
            Self::There(client, who) => {
                let scopes = scopes.iter().map(|right| right.name().to_owned()).collect();
                let body =
                    NewToken { name: name.to_owned(), scopes, days: None, life: Some(life.to_string()) };
                let made: Credential = client.tell(Method::POST, &of(who, &["tokens"]), &body)?;
                Ok((made.token_id, Secret::new(made.token)))
            }
        }
    }

    /// Their tokens, also those that count no more.
    pub(crate) fn tokens(&self) -> anyhow::Result<Vec<ApiToken>> {
        match self {
            Self::Here(keys) => Ok(keys.0.tokens(&keys.1)?),
            Self::There(client, name) => {
                let all = client.list::<Token>(of(name, &["tokens"]))?;
                all.into_iter().map(read_token).collect()
            }
        }
    }

    /// Lets a token count no more.
    pub(crate) fn revoke_token(&self, id: TokenId) -> anyhow::Result<()> {
        match self {
            Self::Here(keys) => Ok(keys.0.revoke_token(&keys.1, id)?),
            Self::There(client, name) => {
                client.remove(&of(name, &["tokens", &id.to_string()]), &HeaderMap::new()).map(drop)
            }
        }
    }
}

fn read_token(token: Token) -> anyhow::Result<ApiToken> {
    let scopes = token.scopes.iter().map(|scope| scope.parse::<Right>()).collect::<Result<Vec<_>, _>>()?;
    Ok(ApiToken {
        id: token.token_id,
        administrator_id: token.administrator_id,
        name: token.name,
        scopes: Scopes::new(scopes)?,
        created_at: token.created_at,
        expires_at: token.expires_at,
        last_used_at: token.last_used_at,
        revoked_at: token.revoked_at,
    })
}
