//! Users and entries of their history.

use rollcall_domain::{self as domain, Field, ItemKind, Status, Timestamp, ValueRef};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Change, FieldChange, RadiusItem};

/// A subscriber: every documented field, then lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Its number, for ever.
    pub obj_id: i64,
    /// 1 to 253 bytes, unique.
    pub username: String,
    /// Stored as it was given.
    pub username_length: i64,
    /// The first name.
    pub first_name: String,
    /// The last name.
    pub last_name: String,
    /// The e-mail address.
    pub email: String,
    /// The ID of the user in another system.
    pub external_id: String,
    /// The class.
    pub klass: String,
    /// Whether the user may sign in.
    pub is_active: bool,
    /// When the user joined.
    #[schema(value_type = String, format = DateTime)]
    pub date_joined: Timestamp,
    /// Of the first accepted sign-in.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub first_login: Option<Timestamp>,
    /// When FreeRADIUS last accepted the user.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_login: Option<Timestamp>,
    /// From when the user can no longer sign in; null: never.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expiration: Option<Timestamp>,
    /// When the user was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub last_update: Timestamp,
    /// The ID of the organization that the user belongs to.
    pub organization_id: i64,
    /// The address of a picture.
    pub avatar_url: String,
    /// A free text.
    pub description: String,
    /// Short names, by priority.
    pub profiles: Vec<String>,
    /// Reply items, in order.
    pub attributes: Vec<RadiusItem>,
    /// Check items, in order.
    pub check_attributes: Vec<RadiusItem>,
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
            attributes: user.attributes.into_iter().map(RadiusItem::from).collect(),
            check_attributes: user.check_attributes.into_iter().map(RadiusItem::from).collect(),
        }
    }
}

impl User {
    /// The value of a field.
    #[must_use]
    pub fn get(&self, field: Field) -> ValueRef<'_> {
        match field {
            Field::ObjId => ValueRef::Int(self.obj_id),
            Field::Username => ValueRef::Text(&self.username),
            Field::UsernameLength => ValueRef::Int(self.username_length),
            Field::FirstName => ValueRef::Text(&self.first_name),
            Field::LastName => ValueRef::Text(&self.last_name),
            Field::Email => ValueRef::Text(&self.email),
            Field::ExternalId => ValueRef::Text(&self.external_id),
            Field::Klass => ValueRef::Text(&self.klass),
            Field::IsActive => ValueRef::Bool(self.is_active),
            Field::DateJoined => ValueRef::Time(Some(self.date_joined)),
            Field::FirstLogin => ValueRef::Time(self.first_login),
            Field::LastLogin => ValueRef::Time(self.last_login),
            Field::Expiration => ValueRef::Time(self.expiration),
            Field::LastUpdate => ValueRef::Time(Some(self.last_update)),
            Field::OrganizationId => ValueRef::Int(self.organization_id),
            Field::AvatarUrl => ValueRef::Text(&self.avatar_url),
            Field::Description => ValueRef::Text(&self.description),
        }
    }

    /// The items of one kind, in order.
    #[must_use]
    pub fn items(&self, kind: ItemKind) -> &[RadiusItem] {
        match kind {
            ItemKind::Reply => &self.attributes,
            ItemKind::Check => &self.check_attributes,
        }
    }

    /// Whether the user can sign in at the moment `now`.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        Status::of(self.is_active, self.expiration, now)
    }

    /// The fields that have another value in `after`, as changes.
    #[must_use]
    pub fn changed_fields(&self, after: &Self) -> Vec<Change> {
        let changed = Field::ALL.into_iter().filter(|field| self.get(*field) != after.get(*field));
        let change = |field| {
            let (before, after) = (self.get(field).to_owned(), after.get(field).to_owned());
            Change::Set(FieldChange { field, before, after })
        };
        changed.map(change).collect()
    }
}

/// Changes of one user that were written together.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HistoryEntry {
    /// When they were written.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// On whose behalf.
    pub administrator: String,
    /// The run that did it; null: an edit by hand.
    pub run_id: Option<i64>,
    /// The target's number in that run.
    pub target: Option<i64>,
    /// The name of the script.
    pub script: Option<String>,
    /// The version of the script, if it is a saved one.
    pub script_version: Option<i64>,
    /// The preview that the run applied.
    pub applies_run_id: Option<i64>,
    /// The run that the run took back.
    pub undoes_run_id: Option<i64>,
    /// The changes.
    pub changes: Vec<Change>,
}

impl From<domain::Event> for HistoryEntry {
    fn from(event: domain::Event) -> Self {
        let by = event.by.as_ref();
        Self {
            at: event.at,
            run_id: by.map(|by| by.run),
            target: by.map(|by| by.target),
            script: by.map(|by| by.script.clone()),
            script_version: by.and_then(|by| by.script_version),
            applies_run_id: by.and_then(|by| by.applies),
            undoes_run_id: by.and_then(|by| by.undoes),
            administrator: event.administrator,
            changes: event.changes.into_iter().map(Change::from).collect(),
        }
    }
}
