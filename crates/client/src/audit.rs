//! Requests about the audit log.

use std::io::Write;

use rollcall_api::{AuditEvent, AuditHead, AuditVerification};
use rollcall_domain::{Action, AuditQuery};
use serde_json::json;
use ureq::http::Method;

use crate::{Address, Client, Error, Items};

/// The audit log.
impl Client {
    /// The rows of the audit log that match, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn audit(&self, query: &AuditQuery) -> Result<Items<'_, AuditEvent>, Error> {
        let address = Address::of(&["audit"])
            .with("actor", query.who.as_ref())
            .with("action", query.action.map(Action::name))
            .with("since", query.since);
        self.pages(address)
    }

    /// The head of the audit log, to be kept elsewhere.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn audit_head(&self) -> Result<AuditHead, Error> {
        self.get(&Address::of(&["audit", "head"]))
    }

    /// Verifies the whole audit log; `head` is one that it had earlier.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn verify_audit(&self, head: Option<&str>) -> Result<AuditVerification, Error> {
        self.call(Method::POST, &Address::of(&["audit", "verify"]), &json!({ "head": head }))
    }

    /// Writes the whole audit log as JSON lines, oldest first, its head last.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn export_audit(&self, out: &mut dyn Write) -> Result<(), Error> {
        self.copy(&Address::of(&["audit.jsonl"]), out)
    }
}
