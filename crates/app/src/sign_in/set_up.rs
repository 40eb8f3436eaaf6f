//! How the first administrator comes about, where nobody can sign in yet.

use std::time::Duration;

use rollcall_domain::{AdministratorId, Secret, check_administrator_name, check_password};
use rollcall_store::SetUp;

use super::credentials::Credentials;
use super::denied::Denied;
use super::random;
use crate::error::AppError;

/// A link that nobody has used counts for so long: whoever was too late lets another one be made.
const LIFE: Duration = Duration::from_secs(86_400);

impl Credentials {
    /// The secret of a link with which the first administrator can be made, once. Links that were made before count no
    /// more. None: there is an administrator already.
    pub fn set_up_link(&self) -> Result<Option<Secret>, AppError> {
        let link = Secret::new(random::letters::<32>()?);
        let made = self
            .shared
            .store_unchecked()
            .set_up()
            .make(&random::hash(&link), self.shared.now().plus(LIFE))?;
        Ok(made.then_some(link))
    }

    /// Refuses a link that does not count.
    pub fn check_set_up_link(&self, link: &Secret) -> Result<(), AppError> {
        match self.shared.store_unchecked().set_up().is_valid(&random::hash(link), self.shared.now())? {
            true => Ok(()),
            false => Err(Denied::Link.into()),
        }
    }

    /// Makes the first administrator, who may do everything. However many use the link at once, one of them does.
    pub fn set_up(&self, link: &Secret, name: &str, password: &Secret) -> Result<AdministratorId, AppError> {
        // Before any work that a stranger could cause.
        self.check_set_up_link(link)?;
        check_administrator_name(name)?;
        check_password(name, password)?;
        let password = &self.shared.hasher.hash(password)?;
        let made = self
            .shared
            .store_unchecked()
            .set_up()
            .complete(&SetUp { link: &random::hash(link), name, password }, self.shared.now())?;
        Ok(made.ok_or(Denied::Link)?)
    }
}
