use rollcall_domain::{Act, Action, AuditEntry, AuditQuery, Deed, Head, Right, Verdict};

use crate::pages::pages;
use crate::{App, AppError};

/// Rows are read in pages of this many.
const PAGE: u32 = 500;

impl App {
    /// What is done now is done by this administrator.
    pub(crate) fn act(&self) -> Act<'_> {
        Act {
            at: self.clock.now(),
            who: self.actor.name(),
            administrator_id: self.actor.id(),
            address: self.actor.address(),
        }
    }

    /// The rows of the audit log that `query` asks for, newest first. Only a page of them is in memory at any time.
    pub fn audit<'a>(
        &'a self,
        query: &'a AuditQuery,
    ) -> Result<impl Iterator<Item = Result<AuditEntry, AppError>> + 'a, AppError> {
        let permit = self.may_everywhere(Right::Administer)?;
        let page = move |before| Ok(permit.audit_page(query, before, PAGE)?);
        Ok(pages(i64::MAX, page, |entry: &AuditEntry| entry.number))
    }

    /// The next rows of the audit log after row `after`, oldest first.
    pub fn audit_after(
        &self,
        query: &AuditQuery,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, AppError> {
        let permit = self.may_everywhere(Right::Administer)?;
        Ok(permit.audit_after(query, after.unwrap_or(0), limit)?)
    }

    /// The next rows of the audit log before row `before`, newest first.
    pub fn audit_before(
        &self,
        query: &AuditQuery,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, AppError> {
        let permit = self.may_everywhere(Right::Administer)?;
        Ok(permit.audit_page(query, before.unwrap_or(i64::MAX), limit)?)
    }

    /// The head of the audit log, to be kept elsewhere.
    pub fn audit_head(&self) -> Result<Head, AppError> {
        Ok(self.may_everywhere(Right::Administer)?.audit_head()?)
    }

    /// Whether all of the audit log is what it was; `kept` is a head that it had once.
    pub fn verify_audit(&self, kept: Option<&Head>, progress: impl FnMut(u64)) -> Result<Verdict, AppError> {
        Ok(self.may_everywhere(Right::Administer)?.verify_audit(kept, progress)?)
    }

    /// The whole audit log, oldest first, and its head. That it is exported, `to` where, is its last row.
    pub fn export_audit(
        &self,
        to: &str,
    ) -> Result<(Head, impl Iterator<Item = Result<AuditEntry, AppError>> + '_), AppError> {
        let permit = self.may_everywhere(Right::Administer)?;
        permit.record(&self.act(), &Deed::new(Action::AuditExport, "audit log").with("to", to))?;
        let head = self.audit_head()?;
        let last = head.number;
        let page = move |after| Ok(permit.audit_after(&AuditQuery::default(), after, PAGE)?);
        let entries = pages(0, page, |entry: &AuditEntry| entry.number);
        Ok((head, entries.take_while(move |entry| !matches!(entry, Ok(entry) if entry.number > last))))
    }
}
