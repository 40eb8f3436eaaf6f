//! Requests that add and change users.

use rollcall_domain::Operator;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::RadiusItem;

/// An item that is to be removed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemovedItem {
    /// The attribute's dictionary name.
    pub attr: String,
    /// The value that it has.
    pub value: String,
    /// Only with this operator; null or missing: with any.
    #[serde(default)]
    #[schema(schema_with = super::operators)]
    pub operation: Option<Operator>,
}

/// A new user. In addition to these members, it takes every field under its name; `username` is required.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct CreateUserRequest {
    /// The name of the organization; null or missing: the only one, or `default`.
    pub organization: Option<String>,
    /// The names of the profiles, by priority.
    pub profiles: Vec<String>,
    /// Reply items, in order.
    pub attributes: Vec<RadiusItem>,
    /// Check items, in order.
    pub check_attributes: Vec<RadiusItem>,
    /// In clear, or with its scheme before it, such as `{ssha512}…`. It is never shown.
    #[schema(value_type = Option<String>, format = Password)]
    pub password: Option<HiddenText>,
    /// Fields by name.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// Changes to a user. In addition to these members, it takes every writable field under its name.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct UpdateUserRequest {
    /// Profiles to be taken away, by name.
    pub remove_profiles: Vec<String>,
    /// Profiles to be assigned, by name, last in priority.
    pub add_profiles: Vec<String>,
    /// Reply items to be removed.
    pub remove_attributes: Vec<RemovedItem>,
    /// Reply items to be added.
    pub add_attributes: Vec<RadiusItem>,
    /// Check items to be removed.
    pub remove_check_attributes: Vec<RemovedItem>,
    /// Check items to be added.
    pub add_check_attributes: Vec<RadiusItem>,
    /// Another password, in clear or with its scheme before it, such as `{ssha512}…`; an empty one: none. It is never
    /// shown.
    #[schema(value_type = Option<String>, format = Password)]
    pub password: Option<HiddenText>,
    /// Fields by name.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// A text that no log shows.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct HiddenText(pub String);

impl std::fmt::Debug for HiddenText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}
