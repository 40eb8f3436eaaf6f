use std::borrow::Cow;

use rollcall_domain as domain;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What FreeRADIUS answers to a user who comes with the right password, as far as the user's items and the profiles say:
/// counters, and what other modules add, are not in it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Reply {
    /// Why it is a reject, whatever the password; null: it accepts.
    pub(crate) rejected: Option<String>,
    /// What the request has to be like: the user's check attributes that compare.
    #[serde(rename = "if")]
    pub(crate) conditions: Vec<String>,
    /// What is set for the session, such as limits.
    pub(crate) checks: Vec<String>,
    /// What the NAS is told, in order.
    pub(crate) items: Vec<Answered>,
}

/// An attribute of an answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Answered {
    pub(crate) attr: String,
    pub(crate) value: String,
    /// What the request has to be like for it to be there: the conditions of its profile.
    #[serde(rename = "if", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) conditions: Vec<String>,
}

/// What FreeRADIUS answers to a user now, and once a preview is applied.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct PlannedReply {
    pub(crate) before: Reply,
    pub(crate) after: Reply,
}

impl From<domain::Reply> for Reply {
    fn from(reply: domain::Reply) -> Self {
        let domain::Reply { rejected, conditions, checks, items } = reply;
        let answered = |domain::Answered { attr, value, conditions }| Answered { attr, value, conditions };
        let items = items.into_iter().map(answered).collect();
        Self { rejected: rejected.map(Cow::into_owned), conditions, checks, items }
    }
}
