//! The audit log.

use rollcall_domain::{self as domain, AuditEntry, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A row of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditEvent {
    /// From 1, without gaps.
    pub number: i64,
    /// When it was done.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The account or administrator who did it.
    pub actor: String,
    /// The ID of the administrator; null: an account of the operating system.
    pub administrator_id: Option<i64>,
    /// The ID of the organization that it is about, if it is about one.
    pub organization_id: Option<i64>,
    /// The action.
    pub action: String,
    /// The object of the action.
    pub subject: String,
    /// Details: the text of a JSON object, as it was hashed.
    pub detail: String,
    /// Where it came from.
    pub address: Option<String>,
    /// The hash of the row before.
    pub previous: String,
    /// The hash of this row.
    pub hash: String,
}

impl From<AuditEntry> for AuditEvent {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry {
            number, at, who, administrator_id, organization_id, action, subject, detail, ..
        } = entry;
        let AuditEntry { address, previous, hash, .. } = entry;
        Self {
            number,
            at,
            actor: who,
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

/// A head of the log: the number of its last row and that row's hash.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditHead {
    /// `NUMBER:HASH`. Keep it where those who can write the database cannot write.
    #[schema(example = "17:3f1c…")]
    pub head: String,
}

/// The result of verifying the whole log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditVerification {
    /// Whether all rows are what they were.
    pub intact: bool,
    /// The number of verified rows.
    pub events: u64,
    /// The head now, if it is whole.
    pub head: Option<String>,
    /// The first row that is not.
    pub first_bad_event: Option<i64>,
    /// The fault of that row.
    pub problem: Option<String>,
}

impl AuditVerification {
    /// The result for a log of `rows` rows.
    pub fn of(rows: u64, verdict: &domain::Verdict) -> Self {
        let (head, flaw) = (verdict.as_ref().ok(), verdict.as_ref().err());
        Self {
            intact: flaw.is_none(),
            events: rows,
            head: head.map(ToString::to_string),
            first_bad_event: flaw.map(domain::Flaw::number),
            problem: flaw.map(ToString::to_string),
        }
    }
}
