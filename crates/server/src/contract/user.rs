use rollcall_domain::{self as domain, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Change, Item};

/// A subscriber: every documented field, then lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct User {
    /// Its number, for ever.
    pub(crate) obj_id: i64,
    /// 1 to 253 bytes, unique.
    pub(crate) username: String,
    /// Stored as it was given.
    pub(crate) username_length: i64,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) email: String,
    pub(crate) external_id: String,
    pub(crate) klass: String,
    pub(crate) is_active: bool,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) date_joined: Timestamp,
    /// Of the first accepted sign-in.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) first_login: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) last_login: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) expiration: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) last_update: Timestamp,
    pub(crate) organization_id: i64,
    pub(crate) avatar_url: String,
    pub(crate) description: String,
    /// Short names, by priority.
    pub(crate) profiles: Vec<String>,
    /// Reply items, in order.
    pub(crate) attributes: Vec<Item>,
    /// Check items, in order.
    pub(crate) check_attributes: Vec<Item>,
}

impl From<domain::User> for User {
    fn from(user: domain::User) -> Self {
        Self {
            obj_id: user.id,
            username: user.username,
            username_length: user.username_length,
            first_name: user.first_name,
            last_name: user.last_name,
            email: user.email,
            external_id: user.external_id,
            klass: user.klass,
            is_active: user.is_active,
            date_joined: user.date_joined,
            first_login: user.first_login,
            last_login: user.last_login,
            expiration: user.expiration,
            last_update: user.last_update,
            organization_id: user.organization_id,
            avatar_url: user.avatar_url,
            description: user.description,
            profiles: user.profiles.into_iter().map(|profile| profile.short_name).collect(),
            attributes: user.attributes.into_iter().map(Item::from).collect(),
            check_attributes: user.check_attributes.into_iter().map(Item::from).collect(),
        }
    }
}

/// Changes of one user that were written together.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Event {
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    /// On whose behalf.
    pub(crate) administrator: String,
    /// The run that did it; null: an edit by hand.
    pub(crate) run: Option<i64>,
    /// The target's number in that run.
    pub(crate) target: Option<i64>,
    pub(crate) script: Option<String>,
    pub(crate) script_version: Option<i64>,
    /// The preview that the run applied.
    pub(crate) applies: Option<i64>,
    /// The run that the run took back.
    pub(crate) undoes: Option<i64>,
    pub(crate) changes: Vec<Change>,
}

impl From<rollcall_store::Event> for Event {
    fn from(event: rollcall_store::Event) -> Self {
        let by = event.by.as_ref();
        Self {
            at: event.at,
            run: by.map(|by| by.run),
            target: by.map(|by| by.target),
            script: by.map(|by| by.script.clone()),
            script_version: by.and_then(|by| by.script_version),
            applies: by.and_then(|by| by.applies),
            undoes: by.and_then(|by| by.undoes),
            administrator: event.administrator,
            changes: event.changes.into_iter().map(Change::from).collect(),
        }
    }
}
