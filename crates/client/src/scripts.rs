//! Requests about scripts.

use std::collections::BTreeMap;

use rollcall_api::{Outcome, ScriptVersion};
use serde_json::{Value, json};
use ureq::http::Method;

use crate::{Address, Client, Error};

/// Saved scripts, with their versions.
impl Client {
    /// Saves a script as the next version of the one of that name, or as its first. Only as a `draft` it may have errors.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn save_script(
        &self,
        name: &str,
        source: &str,
        note: &str,
        draft: bool,
    ) -> Result<ScriptVersion, Error> {
        let mut body = json!({ "source": source, "note": note });
        if draft {
            body["draft"] = true.into();
        }
        self.call(Method::PUT, &Address::of(&["scripts", name]), &body)
    }

    /// The latest version of the script of this name, if there is one.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn find_script(&self, name: &str) -> Result<Option<ScriptVersion>, Error> {
        self.find(&Address::of(&["scripts", name]))
    }

    /// A version of a script: the latest, or the one of this number.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn script(&self, name: &str, version: Option<i64>) -> Result<ScriptVersion, Error> {
        match version {
            Some(version) => self.get(&Address::of(&["scripts", name, "versions", &version.to_string()])),
            None => self.get(&Address::of(&["scripts", name])),
        }
    }

    /// Lists the scripts, each with its latest version.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn scripts(&self) -> Result<Vec<ScriptVersion>, Error> {
        self.list(Address::of(&["scripts"]))
    }

    /// Every version of a script, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn script_history(&self, name: &str) -> Result<Vec<ScriptVersion>, Error> {
        self.list(Address::of(&["scripts", name, "versions"]))
    }

    /// Creates a new version with the source of an earlier one.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn restore_script(&self, name: &str, version: i64, note: &str) -> Result<ScriptVersion, Error> {
        let address = Address::of(&["scripts", name, "versions", &version.to_string(), "restore"]);
        self.call(Method::POST, &address, &json!({ "note": note }))
    }

    /// Archives a script; its versions stay for the runs that name them.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn remove_script(&self, name: &str) -> Result<(), Error> {
        self.delete(&Address::of(&["scripts", name])).map(drop)
    }

    /// Tests a script on one user, and keeps nothing of it. `source` is the text of a script that is not saved. The time
    /// limit is in seconds.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn test_script(
        &self,
        script: &str,
        source: Option<&str>,
        username: &str,
        params: &BTreeMap<String, Value>,
        row: &BTreeMap<String, String>,
        time_limit: f64,
    ) -> Result<Outcome, Error> {
        let body = json!({
            "script": script, "source": source, "user": username, "params": params, "row": row,
            "time_limit": time_limit,
        });
        self.call(Method::POST, &Address::of(&["script-tests"]), &body)
    }
}
