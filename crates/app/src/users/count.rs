use rollcall_domain::Right;
use rollcall_domain::filter::Filter;

use crate::error::AppError;
use crate::operations::UserOperations;

/// A number of users, as far as they were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Counted {
    /// The users that were counted.
    pub users: u64,
    /// Whether there are more.
    pub more: bool,
}

impl UserOperations<'_> {
    /// Counts the users that a filter selects; none: all.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn count(self, filter: Option<&Filter>) -> Result<u64, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        Ok(permit.users().count(permit.narrow(filter).as_ref())?)
    }

    /// Counts the users that a filter selects up to `most`, for callers that cannot wait for the whole count.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn count_up_to(self, filter: Option<&Filter>, most: u64) -> Result<Counted, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        let users = permit.users().count_to(permit.narrow(filter).as_ref(), most.saturating_add(1))?;
        Ok(Counted { users: users.min(most), more: users > most })
    }
}
