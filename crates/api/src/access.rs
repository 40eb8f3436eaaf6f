//! Administrators with their roles, sessions, tokens and authenticators.

use std::collections::HashMap;

use rollcall_domain::{self as domain, ApiToken, Right, Role, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A role, everywhere or within an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// `admin`, `operator`, `author` or `read-only`.
    pub role: String,
    /// The organization's name; null or missing: everywhere.
    #[serde(default)]
    pub organization: Option<String>,
}

impl Grant {
    /// Names the organizations that are known.
    pub fn of(grant: domain::Grant, organizations: &HashMap<i64, String>) -> Self {
        let name = |id: i64| organizations.get(&id).cloned().unwrap_or_else(|| format!("organization {id}"));
        Self { role: grant.role.to_string(), organization: grant.organization_id.map(name) }
    }
}

/// Somebody who works with Rollcall.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Administrator {
    /// The ID of the administrator.
    pub administrator_id: i64,
    /// The unique name.
    pub name: String,
    /// The roles that the administrator has.
    pub grants: Vec<Grant>,
    /// When the administrator was added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl Administrator {
    /// An administrator, with the names of the organizations that are known.
    pub fn of(administrator: &domain::Administrator, organizations: &HashMap<i64, String>) -> Self {
        Self {
            administrator_id: administrator.id,
            name: administrator.name.clone(),
            grants: administrator.rights.grants().map(|grant| Grant::of(grant, organizations)).collect(),
            created_at: administrator.created_at,
        }
    }
}

/// Who asks, and what they may do.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CurrentAdministrator {
    /// Their name.
    pub administrator: String,
    /// The roles that the administrator has.
    pub grants: Vec<Grant>,
    /// Their rights in any organization: `look`, `report`, `execute`, `edit-users`, `edit-scripts`, `administer`.
    pub rights: Vec<String>,
    /// In which time zone dates without an offset are read.
    pub time_zone: String,
    /// When the session that has just begun ends, whatever is done with it.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl CurrentAdministrator {
    /// The administrator `name` with these rights; `zone` is the time zone of dates without one.
    pub fn of(
        name: &str,
        rights: &domain::Rights,
        organizations: &HashMap<i64, String>,
        zone: &domain::Zone,
    ) -> Self {
        let has = |right: &Right| rights.scope(*right).is_some();
        Self {
            administrator: name.to_owned(),
            grants: rights.grants().map(|grant| Grant::of(grant, organizations)).collect(),
            rights: Right::ALL.into_iter().filter(has).map(|right| right.name().to_owned()).collect(),
            time_zone: zone.name().to_owned(),
            expires_at: None,
        }
    }
}

/// A session of an administrator.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The ID of the session.
    pub session_id: i64,
    /// When the administrator signed in.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// To the minute.
    #[schema(value_type = String, format = DateTime)]
    pub last_seen_at: Timestamp,
    /// When the session ends, unless it is used.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// From where it began.
    pub address: String,
    /// The user agent of the browser.
    pub user_agent: String,
}

impl From<domain::Session> for Session {
    fn from(session: domain::Session) -> Self {
        let domain::Session { id, created_at, seen_at, expires_at, address, agent } = session;
        Self { session_id: id, created_at, last_seen_at: seen_at, expires_at, address, user_agent: agent }
    }
}

/// A key with which a program acts for an administrator. The secret itself is nowhere.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// The ID of the token.
    pub token_id: i64,
    /// The ID of the administrator for whom the token acts.
    pub administrator_id: i64,
    /// The name that its owner gave it.
    pub name: String,
    /// Its scopes, within the rights of its administrator.
    pub scopes: Vec<String>,
    /// When the token was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When the token expires.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// To the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
    /// When the token was revoked; null: it was not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

impl From<ApiToken> for Token {
    fn from(token: ApiToken) -> Self {
        Self {
            token_id: token.id,
            administrator_id: token.administrator_id,
            name: token.name,
            scopes: token.scopes.iter().map(|right| right.name().to_owned()).collect(),
            created_at: token.created_at,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
            revoked_at: token.revoked_at,
        }
    }
}

/// Options of a new token.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTokenRequest {
    /// The name that its owner gave it.
    pub name: String,
    /// Rights.
    pub scopes: Vec<String>,
    /// The number of days until it expires.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 366)]
    pub days: Option<u16>,
    /// The time until it expires with a unit, such as `12h` or `90d`, instead of `days`.
    #[serde(default)]
    pub life: Option<String>,
}

/// A new token. Its text is told now and never again.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreatedToken {
    /// The ID of the token.
    pub token_id: i64,
    /// The value for `Authorization: Bearer`.
    pub token: String,
}

/// An authenticator that does not count yet. Its secret is told now and never again.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct TotpEnrollment {
    /// For typing, in base32.
    pub secret: String,
    /// For a QR code.
    pub uri: String,
}

/// Recovery codes for a lost authenticator. Each works once, and they are shown only now.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct RecoveryCodes {
    /// The codes, each valid once.
    pub codes: Vec<String>,
}

/// The number of sessions that were ended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EndedSessions {
    /// The number of sessions that were ended.
    pub sessions: u64,
}

/// Whether there was something to be removed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RemovalResult {
    /// Whether there was something to remove.
    pub removed: bool,
}

/// Reads a role and an organization by their names.
///
/// # Errors
///
/// The role is unknown, or the organization is not among `organizations`.
pub fn read(grant: &Grant, organizations: &HashMap<i64, String>) -> Result<domain::Grant, domain::Rejection> {
    let role: Role = grant.role.parse()?;
    let Some(name) = &grant.organization else { return Ok(domain::Grant { role, organization_id: None }) };
    let found = organizations.iter().find(|(_, known)| *known == name).map(|(id, _)| *id);
    let id = found.ok_or_else(|| domain::Rejection::new(format!("there is no organization {name:?}")))?;
    Ok(domain::Grant { role, organization_id: Some(id) })
}
