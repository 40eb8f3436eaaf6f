//! How the first administrator comes about, where nobody can sign in yet.

use std::time::Duration;

use rollcall_domain::{AdministratorId, Secret, check_administrator_name, check_password};
use rollcall_store::SetUp;

use super::{Credentials, Denied, random};
use crate::AppError;

/// A link that nobody has used counts for so long: whoever was too late lets another one be made.
const LIFE: Duration = Duration::from_secs(86_400);

impl Credentials {
    /// The secret of a link with which the first administrator can be made, once. Links that were made before count no
    /// more. None: there is an administrator already.
    pub fn set_up_link(&self) -> Result<Option<Secret>, AppError> {
        let link = Secret::new(random::letters::<32>()?);
        let made = self.store.make_set_up_link(&random::hash(&link), self.clock.now().plus(LIFE))?;
        Ok(made.then_some(link))
    }

    /// Refuses a link that does not count.
    pub fn check_set_up_link(&self, link: &Secret) -> Result<(), AppError> {
        match self.store.is_set_up_link(&random::hash(link), self.clock.now())? {
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
        let password = &self.hasher.hash(password)?;
        let made =
            self.store.set_up(&SetUp { link: &random::hash(link), name, password }, self.clock.now())?;
        Ok(made.ok_or(Denied::Link)?)
    }
}
