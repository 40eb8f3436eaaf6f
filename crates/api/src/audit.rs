//! The audit log.

use rollcall_domain::{self as domain, AuditEntry, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A row of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// From 1, without gaps.
    pub number: i64,
    /// When it was done.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The account or administrator who did it.
    pub who: String,
    /// The ID of the administrator; null: an account of the operating system.
    pub administrator_id: Option<i64>,
    /// The ID of the organization that it is about, if it is about one.
    pub organization_id: Option<i64>,
    /// What was done.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// What more is worth knowing: the text of a JSON object, as it was hashed.
    pub detail: String,
    /// Where it came from.
    pub address: Option<String>,
    /// The hash of the row before.
    pub previous: String,
    /// The hash of this row.
    pub hash: String,
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

/// A head of the log: the number of its last row and that row's hash.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HeadNow {
    /// `NUMBER:HASH`, to be kept where nobody who can write the database can write.
    #[schema(example = "17:3f1c…")]
    pub head: String,
}

/// What a look at the whole log has come to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    /// Whether all rows are what they were.
    pub whole: bool,
    /// How many were looked at.
    pub rows: u64,
    /// The head now, if it is whole.
    pub head: Option<String>,
    /// The first row that is not.
    pub row: Option<i64>,
    /// What is wrong with it.
    pub problem: Option<String>,
}

impl Verdict {
    /// Of so many rows.
    pub fn of(rows: u64, verdict: &domain::Verdict) -> Self {
        let (head, flaw) = (verdict.as_ref().ok(), verdict.as_ref().err());
        Self {
            whole: flaw.is_none(),
            rows,
            head: head.map(ToString::to_string),
            row: flaw.map(domain::Flaw::number),
            problem: flaw.map(ToString::to_string),
        }
    }
}
