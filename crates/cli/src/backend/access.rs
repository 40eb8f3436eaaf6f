//! Administrators, their roles and credentials.

use std::collections::HashMap;

use rollcall_api::{self as api, CreateTokenRequest, Grant, Session, Token};
use rollcall_app::sign_in::Credentials;
use rollcall_app::{Age, App, AppError};
use rollcall_client as client;
use rollcall_domain::{self as domain, Scopes, Secret, SessionId, TokenId};

use super::Backend;

impl Backend {
    /// Adds an administrator with roles; gives the ID.
    pub(crate) fn add_administrator(&self, name: &str, grants: &[Grant]) -> anyhow::Result<i64> {
        match self {
            Self::Local(app) => {
                let names = names(app)?;
                let grants =
                    grants.iter().map(|grant| api::read(grant, &names)).collect::<Result<Vec<_>, _>>()?;
                Ok(app.administrators().add(name, &grants)?)
            }
            Self::Remote(client) => Ok(client.add_administrator(name, grants)?.administrator_id),
        }
    }

    /// Lists the administrators.
    pub(crate) fn administrators(&self) -> anyhow::Result<Vec<api::Administrator>> {
        match self {
            Self::Local(app) => {
                let names = names(app)?;
                let all = app.administrators().list()?;
                Ok(all.iter().map(|each| api::Administrator::of(each, &names)).collect())
            }
            Self::Remote(client) => Ok(client.administrators()?),
        }
    }

    /// Grants a role.
    pub(crate) fn grant(&self, name: &str, grant: &Grant) -> anyhow::Result<()> {
        match self {
            Self::Local(app) => {
                Ok(app.administrators().grant_role(name, &api::read(grant, &names(app)?)?)?)
            }
            Self::Remote(client) => Ok(client.grant(name, grant).map(drop)?),
        }
    }

    /// Revokes a role; says whether the administrator had it.
    pub(crate) fn revoke(&self, name: &str, grant: &Grant) -> anyhow::Result<bool> {
        match self {
            Self::Local(app) => {
                Ok(app.administrators().revoke_role(name, &api::read(grant, &names(app)?)?)?)
            }
            Self::Remote(client) => Ok(client.revoke(name, grant)?),
        }
    }

    /// Removes an administrator.
    pub(crate) fn remove_administrator(&self, name: &str) -> anyhow::Result<()> {
        match self {
            Self::Local(app) => Ok(app.administrators().remove(name)?),
            Self::Remote(client) => Ok(client.remove_administrator(name)?),
        }
    }

    /// The credentials of the administrator `name`.
    pub(crate) fn account(&self, name: &str) -> anyhow::Result<Account<'_>> {
        match self {
            Self::Local(app) => {
                let (credentials, administrator) = app.administrators().open_credentials(name)?;
                Ok(Account::Local(Box::new((credentials, administrator))))
            }
            Self::Remote(client) => Ok(Account::Remote(client.account(name))),
        }
    }
}

/// The names of the organizations, by ID.
fn names(app: &App) -> Result<HashMap<i64, String>, AppError> {
    Ok(app.organizations().list()?.into_iter().map(|each| (each.id, each.name)).collect())
}

/// The credentials of one administrator.
pub(crate) enum Account<'a> {
    /// In a database.
    Local(Box<(Credentials, domain::Administrator)>),
    /// On a server.
    Remote(client::Account<'a>),
}

impl Account<'_> {
    /// Sets the password, and ends all sessions.
    pub(crate) fn set_password(&self, password: &Secret) -> anyhow::Result<()> {
        match self {
            Self::Local(keys) => Ok(keys.0.set_password(&keys.1, password, None)?),
            Self::Remote(account) => Ok(account.set_password(password)?),
        }
    }

    /// Lists the sessions, the last used first.
    pub(crate) fn sessions(&self) -> anyhow::Result<Vec<Session>> {
        match self {
            Self::Local(keys) => Ok(keys.0.sessions(&keys.1)?.into_iter().map(Session::from).collect()),
            Self::Remote(account) => Ok(account.sessions()?),
        }
    }

    /// Ends all sessions; gives their number.
    pub(crate) fn revoke_sessions(&self) -> anyhow::Result<u64> {
        match self {
            Self::Local(keys) => Ok(keys.0.revoke_sessions(&keys.1, None)?),
            Self::Remote(account) => Ok(account.revoke_sessions()?),
        }
    }

    /// Ends one session.
    pub(crate) fn revoke_session(&self, id: SessionId) -> anyhow::Result<()> {
        match self {
            Self::Local(keys) => Ok(keys.0.revoke_session(&keys.1, id)?),
            Self::Remote(account) => Ok(account.revoke_session(id)?),
        }
    }

    /// Creates the secret of a new authenticator, for typing and for a QR code.
    pub(crate) fn enrol_totp(&self) -> anyhow::Result<(Secret, Secret)> {
        match self {
            Self::Local(keys) => {
                let made = keys.0.enrol_totp(&keys.1)?;
                Ok((made.secret, made.uri))
            }
            Self::Remote(account) => {
                let made = account.enrol_totp()?;
                Ok((Secret::new(made.secret), Secret::new(made.uri)))
            }
        }
    }

    /// Confirms the new authenticator with a code that it shows; gives the recovery codes.
    pub(crate) fn confirm_totp(&self, code: &Secret) -> anyhow::Result<Vec<Secret>> {
        match self {
            Self::Local(keys) => Ok(keys.0.confirm_totp(&keys.1, code)?),
            Self::Remote(account) => {
                Ok(account.confirm_totp(code)?.codes.into_iter().map(Secret::new).collect())
            }
        }
    }

    /// Removes the authenticator; says whether there was one.
    pub(crate) fn remove_totp(&self) -> anyhow::Result<bool> {
        match self {
            Self::Local(keys) => Ok(keys.0.remove_totp(&keys.1)?),
            Self::Remote(account) => Ok(account.remove_totp()?),
        }
    }

    /// Creates a token, whose text is given this once.
    pub(crate) fn add_token(
        &self,
        name: &str,
        scopes: &Scopes,
        life: Age,
    ) -> anyhow::Result<(TokenId, Secret)> {
        match self {
            Self::Local(keys) => Ok(keys.0.add_token(&keys.1, name, scopes, life.time())?),
            Self::Remote(account) => {
                let scopes = scopes.iter().map(|right| right.name().to_owned()).collect();
                let body = CreateTokenRequest {
                    name: name.to_owned(),
                    scopes,
                    days: None,
                    life: Some(life.to_string()),
                };
                let made = account.add_token(&body)?;
                Ok((made.token_id, Secret::new(made.token)))
            }
        }
    }

    /// Lists the tokens, also expired and revoked ones.
    pub(crate) fn tokens(&self) -> anyhow::Result<Vec<Token>> {
        match self {
            Self::Local(keys) => Ok(keys.0.tokens(&keys.1)?.into_iter().map(Token::from).collect()),
            Self::Remote(account) => Ok(account.tokens()?),
        }
    }

    /// Revokes a token.
    pub(crate) fn revoke_token(&self, id: TokenId) -> anyhow::Result<()> {
        match self {
            Self::Local(keys) => Ok(keys.0.revoke_token(&keys.1, id)?),
            Self::Remote(account) => Ok(account.revoke_token(id)?),
        }
    }
}
