//! The audit log.

use rollcall_domain::{Action, AuditEntry, AuditQuery, Head};
use serde_json::json;
use ureq::http::Method;

use super::{Address, Items, Site, here, there};
use crate::contract::{Entry, HeadNow, Verdict};

impl Site {
    /// The rows of the audit log that `query` asks for, newest first.
    pub(crate) fn audit<'a>(&'a self, query: &'a AuditQuery) -> anyhow::Result<Items<'a, AuditEntry>> {
        match self {
            Self::Here(app) => Ok(here(app.audit(query)?)),
            Self::There(client) => {
                let address = Address::of(&["audit"])
                    .with("who", query.who.as_ref())
                    .with("action", query.action.map(Action::name))
                    .with("since", query.since);
                Ok(there(client.pages::<Entry>(address)?))
            }
        }
    }

    /// The head of the audit log, to be kept elsewhere.
    pub(crate) fn audit_head(&self) -> anyhow::Result<Head> {
        match self {
            Self::Here(app) => Ok(app.audit_head()?),
            Self::There(client) => {
                Ok(client.get::<HeadNow>(&Address::of(&["audit", "head"]))?.head.parse()?)
            }
        }
    }

    /// Whether all of the audit log is what it was; `kept` is a head that it had once.
    pub(crate) fn verify_audit(
        &self,
        kept: Option<&Head>,
        mut progress: impl FnMut(u64),
    ) -> anyhow::Result<Verdict> {
        match self {
            Self::Here(app) => {
                let mut rows = 0;
                let verdict = app.verify_audit(kept, |read| {
                    rows = read;
                    progress(read);
                })?;
                Ok(Verdict::of(rows, &verdict))
            }
            Self::There(client) => {
                let body = json!({ "head": kept.map(ToString::to_string) });
                client.tell(Method::POST, &Address::of(&["audit-checks"]), &body)
            }
        }
    }
}
