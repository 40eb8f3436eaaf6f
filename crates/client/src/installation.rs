//! Requests about settings, pruning and workers.

use rollcall_api::{Page, PruneResult, Setting, Worker};
use serde_json::json;
use ureq::http::Method;

use crate::{Address, Client, Error};

/// Settings, pruning and workers.
impl Client {
    /// Lists the settings, with their values.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn settings(&self) -> Result<Vec<Setting>, Error> {
        Ok(self.get::<Page<Setting>>(&Address::of(&["settings"]))?.items)
    }

    /// Sets a setting; none: back to its default.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn set_setting(&self, name: &str, value: Option<&str>) -> Result<(), Error> {
        let address = Address::of(&["settings", name]);
        match value {
            Some(value) => self.call::<Setting>(Method::PUT, &address, &json!({ "value": value })).map(drop),
            None => self.delete(&address).map(drop),
        }
    }

    /// Removes the outcomes and journals of runs that ended longer ago than `older_than`, such as `90d`; none: as the
    /// setting has it.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn prune(&self, older_than: Option<&str>) -> Result<PruneResult, Error> {
        self.call(Method::POST, &Address::of(&["prune"]), &json!({ "older_than": older_than }))
    }

    /// Lists the workers.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn workers(&self) -> Result<Vec<Worker>, Error> {
        self.list(Address::of(&["workers"]))
    }

    /// Whether a worker can take a queued run. Administrators who may not list workers get true.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn has_workers(&self) -> Result<bool, Error> {
        match self.workers() {
            Ok(workers) => Ok(workers.iter().any(|worker| worker.alive && !worker.draining)),
            Err(error) if error.refused().is_some_and(crate::Refused::is_forbidden) => Ok(true),
            Err(error) => Err(error),
        }
    }
}
