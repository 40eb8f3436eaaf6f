//! Saved scripts. A script's text is read here, whichever backend it is for.

use rollcall_api::ScriptVersion;
use rollcall_app::scripts::{self, Source};
use rollcall_app::{AppError, Expected, wire};

use super::Backend;

impl Backend {
    /// Reads a script without executing it; `name` is what errors call it.
    pub(crate) fn read_script(&self, name: &str, source: &str) -> anyhow::Result<Source> {
        let read = scripts::read(source, self.zone()?);
        Ok(read.map_err(|faults| AppError::BadScript { name: name.to_owned(), faults })?)
    }

    /// Saves a script as the next version of the one of that name, or as its first. Only as a `draft` it may have errors.
    pub(crate) fn save_script(
        &self,
        name: &str,
        source: &str,
        note: &str,
        draft: bool,
    ) -> anyhow::Result<ScriptVersion> {
        match self {
            Self::Local(app) if draft => {
                Ok(wire::script(app.scripts().save_draft(name, source, note, Expected::Anything)?))
            }
            Self::Local(app) => Ok(wire::script(app.scripts().save(name, source, note)?.0)),
            Self::Remote(client) => Ok(client.save_script(name, source, note, draft)?),
        }
    }

    /// The latest version of the script of this name, if there is one.
    pub(crate) fn find_script(&self, name: &str) -> anyhow::Result<Option<ScriptVersion>> {
        match self {
            Self::Local(app) => Ok(app.scripts().find_latest(name)?.map(wire::script)),
            Self::Remote(client) => Ok(client.find_script(name)?),
        }
    }

    /// A version of a script: the latest, or the one of this number.
    pub(crate) fn script(&self, name: &str, version: Option<i64>) -> anyhow::Result<ScriptVersion> {
        match self {
            Self::Local(app) => Ok(wire::script(app.scripts().find_version(name, version)?)),
            Self::Remote(client) => Ok(client.script(name, version)?),
        }
    }

    /// Lists the scripts, each with its latest version.
    pub(crate) fn scripts(&self) -> anyhow::Result<Vec<ScriptVersion>> {
        match self {
            Self::Local(app) => Ok(app.scripts().list()?.into_iter().map(wire::script).collect()),
            Self::Remote(client) => Ok(client.scripts()?),
        }
    }

    /// Every version of a script, newest first.
    pub(crate) fn script_history(&self, name: &str) -> anyhow::Result<Vec<ScriptVersion>> {
        match self {
            Self::Local(app) => {
                Ok(app.scripts().list_versions(name)?.into_iter().map(wire::script).collect())
            }
            Self::Remote(client) => Ok(client.script_history(name)?),
        }
    }

    /// Creates a new version with the source of an earlier one.
    pub(crate) fn restore_script(
        &self,
        name: &str,
        version: i64,
        note: &str,
    ) -> anyhow::Result<ScriptVersion> {
        match self {
            Self::Local(app) => Ok(wire::script(app.scripts().restore_version(name, version, note)?)),
            Self::Remote(client) => Ok(client.restore_script(name, version, note)?),
        }
    }

    /// Archives a script.
    pub(crate) fn remove_script(&self, name: &str) -> anyhow::Result<()> {
        match self {
            Self::Local(app) => Ok(app.scripts().remove(name)?),
            Self::Remote(client) => Ok(client.remove_script(name)?),
        }
    }
}
