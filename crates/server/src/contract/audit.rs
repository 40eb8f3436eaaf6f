use rollcall_domain::{AuditEntry, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A row of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Entry {
    /// From 1, without gaps.
    pub(crate) number: i64,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    pub(crate) who: String,
    pub(crate) administrator_id: Option<i64>,
    pub(crate) organization_id: Option<i64>,
    /// What was done.
    pub(crate) action: String,
    /// What it was done to.
    pub(crate) subject: String,
    /// What more is worth knowing: the text of a JSON object, as it was hashed.
    pub(crate) detail: String,
    /// Where it came from.
    pub(crate) address: Option<String>,
    /// The hash of the row before.
    pub(crate) previous: String,
    /// The hash of this row.
    pub(crate) hash: String,
}

impl From<AuditEntry> for Entry {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry {
            number, at, who, administrator_id, organization_id, action, subject, detail, ..
        } = entry;
        let AuditEntry { address, previous, hash, .. } = entry;
        Self {
            number,
            at,
            who,
            administrator_id,
            organization_id,
            action,
            subject,
            detail,
            address,
            previous,
            hash,
        }
    }
}
