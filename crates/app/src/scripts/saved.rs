use rollcall_domain::{MAX_SCRIPT_BYTES, Refusal, Right, ScriptVersion, check_saved_name, did_you_mean};
use rollcall_store::StoreError;

use super::{Source, read};
use crate::{App, AppError};

impl App {
    /// Reads a script without executing it; `name` is what errors call it.
    pub fn read_script(&self, name: &str, source: &str) -> Result<Source, AppError> {
        read(source, &self.zone).map_err(|faults| AppError::BadScript { name: name.to_owned(), faults })
    }

    /// Saves a script as the next version of the one of that name, or as the first. A script that is not Python is
    /// refused with everything that is wrong with it.
    pub fn save_script(&self, name: &str, source: &str, note: &str) -> Result<(i64, Source), AppError> {
        let permit = self.may_everywhere(Right::EditScripts)?;
        check_saved_name("a script", name)?;
        ScriptVersion::check_note(note)?;
        if source.len() > MAX_SCRIPT_BYTES {
            return Err(Refusal::new(format!("a script has at most {} KiB", MAX_SCRIPT_BYTES >> 10)).into());
        }
        let read = self.read_script(name, source)?;
        let version = permit.save_script(
            &ScriptVersion {
                script: name.to_owned(),
                version: 0,
                administrator: self.actor.name().to_owned(),
                saved_at: self.clock.now(),
                note: note.to_owned(),
                source: source.to_owned(),
            },
            &self.act(),
        )?;
        Ok((version, read))
    }

    /// The latest version of the script that is saved under this name, if there is one.
    pub fn find_script(&self, name: &str) -> Result<Option<ScriptVersion>, AppError> {
        Ok(self.may(Right::Look)?.script(name, None)?)
    }

    /// A version of a saved script: the latest, or the one of this number, which is there even if the script was
    /// removed.
    pub fn script(&self, name: &str, version: Option<i64>) -> Result<ScriptVersion, AppError> {
        let permit = self.may(Right::Look)?;
        if let Some(found) = permit.script(name, version)? {
            return Ok(found);
        }
        let history = permit.script_history(name)?;
        let why = match (version, history.first()) {
            (Some(version), Some(latest)) => {
                format!("version {version} of script {name:?}: the latest is {}", latest.version)
            }
            (None, Some(latest)) => format!(
                "script {name:?} any more: it was removed; 'rollcall scripts restore {name} {}' brings it back",
                latest.version
            ),
            (_, None) => {
                let saved = permit.scripts()?;
                let close = did_you_mean(name, saved.iter().map(|script| script.script.as_str()));
                let hint = close.map_or_else(String::new, |close| format!("; did you mean {close}?"));
                format!("saved script {name:?}{hint}")
            }
        };
        Err(StoreError::NoSuch(why).into())
    }

    /// The latest version of every saved script, by name.
    pub fn scripts(&self) -> Result<Vec<ScriptVersion>, AppError> {
        Ok(self.may(Right::Look)?.scripts()?)
    }

    /// Every version of a script, newest first.
    pub fn script_history(&self, name: &str) -> Result<Vec<ScriptVersion>, AppError> {
        let history = self.may(Right::Look)?.script_history(name)?;
        if history.is_empty() {
            self.script(name, None)?;
        }
        Ok(history)
    }

    /// Makes a new version that is the same as an earlier one; its number comes back.
    pub fn restore_script(&self, name: &str, version: i64, note: &str) -> Result<i64, AppError> {
        let old = self.script(name, Some(version))?;
        let note = if note.is_empty() { format!("version {version} restored") } else { note.to_owned() };
        Ok(self.save_script(name, &old.source, &note)?.0)
    }

    /// Takes a script off the list. Its versions stay, for the runs that name them and to be restored.
    pub fn remove_script(&self, name: &str) -> Result<(), AppError> {
        let permit = self.may_everywhere(Right::EditScripts)?;
        self.script(name, None)?;
        permit.remove_script(name, &self.act())?;
        Ok(())
    }
}
