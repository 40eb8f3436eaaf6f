use rollcall_domain::{Action, AuditEntry, AuditQuery, Deed, Head, Right, Verdict};

use crate::error::AppError;
use crate::operations::AuditOperations;
use crate::pages::pages;

/// Rows are read in pages of this many.
const PAGE: u32 = 500;

impl<'a> AuditOperations<'a> {
    /// Lists the entries of the audit log that `query` selects, newest first. Only a page of them is in memory at any
    /// time.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list(
        self,
        query: &'a AuditQuery,
    ) -> Result<impl Iterator<Item = Result<AuditEntry, AppError>> + 'a, AppError> {
        let permit = self.app.require_permission_everywhere(Right::Administer)?;
        let page = move |before| Ok(permit.audit().page(query, before, PAGE)?);
        Ok(pages(i64::MAX, page, |entry: &AuditEntry| entry.number))
    }

    /// Lists at most `limit` entries after number `after`, oldest first.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list_after(
        self,
        query: &AuditQuery,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, AppError> {
        let permit = self.app.require_permission_everywhere(Right::Administer)?;
        Ok(permit.audit().after(query, after.unwrap_or(0), limit)?)
    }

    /// Lists at most `limit` entries before number `before`, newest first.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list_before(
        self,
        query: &AuditQuery,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, AppError> {
        let permit = self.app.require_permission_everywhere(Right::Administer)?;
        Ok(permit.audit().page(query, before.unwrap_or(i64::MAX), limit)?)
    }

    /// Gives the head of the audit log, to be stored elsewhere and verified later.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn head(self) -> Result<Head, AppError> {
        Ok(self.app.require_permission_everywhere(Right::Administer)?.audit().head()?)
    }

    /// Verifies the hash chain of the audit log, and that it contains `kept`, a head of earlier. `progress` gets the
    /// number of entries that were read.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn verify(self, kept: Option<&Head>, progress: impl FnMut(u64)) -> Result<Verdict, AppError> {
        Ok(self.app.require_permission_everywhere(Right::Administer)?.audit().verify(kept, progress)?)
    }

    /// Exports the audit log, oldest first, and its head. Its last entry records this export and its destination `to`.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn export(
        self,
        to: &str,
    ) -> Result<(Head, impl Iterator<Item = Result<AuditEntry, AppError>> + use<'a>), AppError> {
        let permit = self.app.require_permission_everywhere(Right::Administer)?;
        permit
            .audit()
            .record(&self.app.act(), &Deed::new(Action::AuditExport, "audit log").with("to", to))?;
        let head = self.head()?;
        let last = head.number;
        let page = move |after| Ok(permit.audit().after(&AuditQuery::default(), after, PAGE)?);
        let entries = pages(0, page, |entry: &AuditEntry| entry.number);
        Ok((head, entries.take_while(move |entry| !matches!(entry, Ok(entry) if entry.number > last))))
    }
}
