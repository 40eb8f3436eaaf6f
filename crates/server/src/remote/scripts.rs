//! Scripts under names. What a text says about itself is found out here, whichever site it is for.

use rollcall_app::scripts::{self, Source};
use rollcall_app::{AppError, Expected};
use rollcall_domain::ScriptVersion;
use serde_json::json;
use ureq::http::{HeaderMap, Method};

use super::{Address, Site};
use crate::contract;

impl Site {
    /// Reads a script without executing it; `name` is what errors call it.
    pub(crate) fn read_script(&self, name: &str, source: &str) -> anyhow::Result<Source> {
        let read = scripts::read(source, self.zone()?);
        Ok(read.map_err(|faults| AppError::BadScript { name: name.to_owned(), faults })?)
    }

    /// Saves a script as the next version of the one of that name, or as the first.
    pub(crate) fn save_script(
        &self,
        name: &str,
        source: &str,
        note: &str,
    ) -> anyhow::Result<(ScriptVersion, Source)> {
        match self {
            Self::Here(app) => Ok(app.save_script(name, source, note)?),
            Self::There(client) => {
                let body = json!({ "source": source, "note": note });
                let saved: contract::Script =
                    client.tell(Method::PUT, &Address::of(&["scripts", name]), &body)?;
                let read = self.read_script(name, source)?;
                Ok((saved.into(), read))
            }
        }
    }

    /// Saves a script as the next version of the one of that name, or as the first, even if its text has errors.
    pub(crate) fn save_script_draft(
        &self,
        name: &str,
        source: &str,
        note: &str,
    ) -> anyhow::Result<ScriptVersion> {
        match self {
            Self::Here(app) => Ok(app.save_script_draft(name, source, note, Expected::Anything)?),
            Self::There(client) => {
                let body = json!({ "source": source, "note": note, "draft": true });
                let saved: contract::Script =
                    client.tell(Method::PUT, &Address::of(&["scripts", name]), &body)?;
                Ok(saved.into())
            }
        }
    }

    /// The latest version of the script that is saved under this name, if there is one.
    pub(crate) fn find_script(&self, name: &str) -> anyhow::Result<Option<ScriptVersion>> {
        match self {
            Self::Here(app) => Ok(app.find_script(name)?),
            Self::There(client) => {
                let found = client.find::<contract::Script>(&Address::of(&["scripts", name]))?;
                Ok(found.map(ScriptVersion::from))
            }
        }
    }

    /// A version of a saved script: the latest, or the one of this number.
    pub(crate) fn script(&self, name: &str, version: Option<i64>) -> anyhow::Result<ScriptVersion> {
        let client = match self {
            Self::Here(app) => return Ok(app.script(name, version)?),
            Self::There(client) => client,
        };
        let address = match version {
            Some(version) => Address::of(&["scripts", name, "versions", &version.to_string()]),
            None => Address::of(&["scripts", name]),
        };
        Ok(client.get::<contract::Script>(&address)?.into())
    }

    /// The latest version of every saved script that can be seen, by name.
    pub(crate) fn scripts(&self) -> anyhow::Result<Vec<ScriptVersion>> {
        match self {
            Self::Here(app) => Ok(app.scripts()?),
            Self::There(client) => {
                let all = client.list::<contract::Script>(Address::of(&["scripts"]))?;
                Ok(all.into_iter().map(ScriptVersion::from).collect())
            }
        }
    }

    /// Every version of a script, newest first.
    pub(crate) fn script_history(&self, name: &str) -> anyhow::Result<Vec<ScriptVersion>> {
        match self {
            Self::Here(app) => Ok(app.script_history(name)?),
            Self::There(client) => {
                let all = client.list::<contract::Script>(Address::of(&["scripts", name, "versions"]))?;
                Ok(all.into_iter().map(ScriptVersion::from).collect())
            }
        }
    }

    /// Makes a new version that is the same as an earlier one.
    pub(crate) fn restore_script(
        &self,
        name: &str,
        version: i64,
        note: &str,
    ) -> anyhow::Result<ScriptVersion> {
        match self {
            Self::Here(app) => Ok(app.restore_script(name, version, note)?),
            Self::There(client) => {
                let address = Address::of(&["scripts", name, "versions", &version.to_string(), "restore"]);
                Ok(client.tell::<contract::Script>(Method::POST, &address, &json!({ "note": note }))?.into())
            }
        }
    }

    /// Takes a script off the list.
    pub(crate) fn remove_script(&self, name: &str) -> anyhow::Result<()> {
        match self {
            Self::Here(app) => Ok(app.remove_script(name)?),
            Self::There(client) => {
                client.remove(&Address::of(&["scripts", name]), &HeaderMap::new())?;
                Ok(())
            }
        }
    }
}
