//! Replies of FreeRADIUS to users.

use std::borrow::Cow;

use rollcall_domain as domain;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The reply of FreeRADIUS to a user with the right password, by the user's items and the profiles:
/// counters, and what other modules add, are not in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RadiusReply {
    /// Why it is a reject, whatever the password; null: it accepts.
    pub rejected: Option<String>,
    /// The conditions on the request: the user's check attributes that compare.
    pub conditions: Vec<String>,
    /// Attributes that are set for the session, such as limits.
    pub checks: Vec<String>,
    /// The reply attributes for the NAS, in order.
    pub items: Vec<ReplyAttribute>,
}

/// An attribute of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplyAttribute {
    /// The attribute's dictionary name.
    pub attr: String,
    /// The value.
    pub value: String,
    /// The conditions on the request under which it is sent: those of its profile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
}

/// The replies of FreeRADIUS to a user now, and once a preview is applied.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PlannedReply {
    /// The answer now.
    pub before: RadiusReply,
    /// The answer once the preview is applied.
    pub after: RadiusReply,
}

impl From<domain::Reply> for RadiusReply {
    fn from(reply: domain::Reply) -> Self {
        let domain::Reply { rejected, conditions, checks, items } = reply;
        let answered =
            |domain::Answered { attr, value, conditions }| ReplyAttribute { attr, value, conditions };
        let items = items.into_iter().map(answered).collect();
        Self { rejected: rejected.map(Cow::into_owned), conditions, checks, items }
    }
}

impl From<RadiusReply> for domain::Reply {
    fn from(reply: RadiusReply) -> Self {
        let RadiusReply { rejected, conditions, checks, items } = reply;
        let answered =
            |ReplyAttribute { attr, value, conditions }| domain::Answered { attr, value, conditions };
        let items = items.into_iter().map(answered).collect();
        Self { rejected: rejected.map(Cow::Owned), conditions, checks, items }
    }
}

impl RadiusReply {
    /// The answer for people, a fact a line.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        domain::Reply::from(self.clone()).lines()
    }
}
