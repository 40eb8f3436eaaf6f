//! How users are added and changed.

use rollcall_domain::Operator;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Item;

/// An item that is to be removed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemovedItem {
    pub(crate) attr: String,
    pub(crate) value: String,
    /// Only with this operator; null or missing: with any.
    #[serde(default)]
    #[schema(schema_with = super::operators)]
    pub(crate) operation: Option<Operator>,
}

/// A user who is to be. Beside these, every field may be given under its name, `username` must be.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct NewUser {
    /// The name of the organization; null or missing: the only one, or `default`.
    pub(crate) organization: Option<String>,
    /// The names of the profiles, by priority.
    pub(crate) profiles: Vec<String>,
    /// Reply items, in order.
    pub(crate) attributes: Vec<Item>,
    /// Check items, in order.
    pub(crate) check_attributes: Vec<Item>,
    /// In clear, or with its scheme before it, such as `{ssha512}…`. It is never shown.
    #[schema(value_type = Option<String>, format = Password)]
    pub(crate) password: Option<Hidden>,
    /// Fields by name.
    #[serde(flatten)]
    pub(crate) fields: Map<String, Value>,
}

/// What is to be changed of a user. Beside these, every field that may be written, under its name.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct UserPatch {
    /// Profiles to be taken away, by name.
    pub(crate) remove_profiles: Vec<String>,
    /// Profiles to be assigned, by name, last in priority.
    pub(crate) add_profiles: Vec<String>,
    /// Reply items to be removed.
    pub(crate) remove_attributes: Vec<RemovedItem>,
    /// Reply items to be added.
    pub(crate) add_attributes: Vec<Item>,
    /// Check items to be removed.
    pub(crate) remove_check_attributes: Vec<RemovedItem>,
    /// Check items to be added.
    pub(crate) add_check_attributes: Vec<Item>,
    /// Another password, in clear or with its scheme before it, such as `{ssha512}…`; an empty one: none. It is never
    /// shown.
    #[schema(value_type = Option<String>, format = Password)]
    pub(crate) password: Option<Hidden>,
    /// Fields by name.
    #[serde(flatten)]
    pub(crate) fields: Map<String, Value>,
}

/// A text that no log shows.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hidden(pub(crate) String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}
