use rollcall_domain::{
    MAX_SCRIPT_BYTES, Organization, Refusal, Right, SavedName, ScriptVersion, Zone, check_saved_name,
    did_you_mean,
};
use rollcall_store::{SavedScript, StoreError};

use super::{Source, read};
use crate::expected::Expected;
use crate::{App, AppError};

/// Whether a script can be saved as a draft only: its text has errors, so it cannot run.
pub fn is_draft(source: &str) -> bool {
    read(source, &Zone::utc()).is_err()
}

impl App {
    /// Reads a script without executing it; `name` is what errors call it.
    pub fn read_script(&self, name: &str, source: &str) -> Result<Source, AppError> {
        read(source, &self.zone).map_err(|faults| AppError::BadScript { name: name.to_owned(), faults })
    }

    /// Saves a script as the next version of the one of that name, or as the first. A script that is not Python is
    /// refused with everything that is wrong with it.
    pub fn save_script(
        &self,
        name: &str,
        source: &str,
        note: &str,
    ) -> Result<(ScriptVersion, Source), AppError> {
        self.save_script_after(name, source, note, Expected::Anything)
    }

    /// The same, if the latest version that is on the list is as `expected`.
    pub fn save_script_after(
        &self,
        name: &str,
        source: &str,
        note: &str,
        expected: Expected<'_>,
    ) -> Result<(ScriptVersion, Source), AppError> {
        let SavedName { organization, name } = SavedName::read(name);
        let (_, organization) = self.may_own(Right::EditScripts, organization)?;
        self.save_version(name, organization, source, note, expected, || self.read_script(name, source))
    }

    /// Saves a script as the next version of the one of that name, or as the first, even if its text has errors. A
    /// version with errors is a draft: it cannot run, and says why. Fails with [`AppError::Outdated`] if the latest
    /// version is not `expected`.
    pub fn save_script_draft(
        &self,
        name: &str,
        source: &str,
        note: &str,
        expected: Expected<'_>,
    ) -> Result<ScriptVersion, AppError> {
        let SavedName { organization, name } = SavedName::read(name);
        let (_, organization) = self.may_own(Right::EditScripts, organization)?;
        Ok(self.save_version(name, organization, source, note, expected, || Ok(()))?.0)
    }

    /// The number of the latest version of a script of this owner that is on the list.
    fn current_version(
        &self,
        name: &str,
        organization: Option<&Organization>,
    ) -> Result<Option<i64>, AppError> {
        let permit = self.may(Right::Look)?;
        let named = permit.scripts_named(name)?;
        let found = named.into_iter().find(|script| script.organization.as_ref() == organization);
        Ok(match found {
            Some(script) => permit.script(script.id, None)?.map(|latest| latest.version),
            None => None,
        })
    }

    /// Saves a version after `check` has accepted its text, whose result comes back.
    fn save_version<T>(
        &self,
        name: &str,
        organization: Option<Organization>,
        source: &str,
        note: &str,
        expected: Expected<'_>,
        check: impl FnOnce() -> Result<T, AppError>,
    ) -> Result<(ScriptVersion, T), AppError> {
        let permit = self.may_change(Right::EditScripts, organization.as_ref())?;
        check_saved_name("a script", name)?;
        ScriptVersion::check_note(note)?;
        if source.len() > MAX_SCRIPT_BYTES {
            return Err(Refusal::new(format!("a script has at most {} KiB", MAX_SCRIPT_BYTES >> 10)).into());
        }
        let checked = check()?;
        let mut new = ScriptVersion {
            script: name.to_owned(),
            organization,
            version: 0,
            administrator: self.actor.name().to_owned(),
            saved_at: self.clock.now(),
            note: note.to_owned(),
            source: source.to_owned(),
        };
        let what = format!("script {:?}", new.full_name());
        let current = || self.current_version(name, new.organization.as_ref());
        let found = current()?;
        let seen = expected.seen(&what, found.as_ref(), i64::to_string)?;
        match permit.save_script(&new, seen, &self.act()) {
            Err(error @ StoreError::Stale(_)) => {
                expected.seen(&what, current()?.as_ref(), i64::to_string)?;
                Err(error.into())
            }
            saved => {
                new.version = saved?;
                Ok((new, checked))
            }
        }
    }

    /// The script that is meant by a name: rather one that is on the list than one that was removed.
    fn named_script(&self, name: &str) -> Result<Option<SavedScript>, AppError> {
        let read = SavedName::read(name);
        let found = self.may(Right::Look)?.scripts_named(read.name)?;
        let (removed, there) = found.into_iter().partition(|script| script.removed);
        let owner: fn(&SavedScript) -> Option<&Organization> = |script| script.organization.as_ref();
        match self.meant(read, there, owner)? {
            Some(script) => Ok(Some(script)),
            None => self.meant(read, removed, owner),
        }
    }

    /// The latest version of the script that is saved under this name, if there is one.
    pub fn find_script(&self, name: &str) -> Result<Option<ScriptVersion>, AppError> {
        let permit = self.may(Right::Look)?;
        let Some(script) = self.named_script(name)? else { return Ok(None) };
        Ok(permit.script(script.id, None)?)
    }

    /// A version of a saved script: the latest, or the one of this number, which is there even if the script was
    /// removed.
    pub fn script(&self, name: &str, version: Option<i64>) -> Result<ScriptVersion, AppError> {
        let permit = self.may(Right::Look)?;
        let script = self.named_script(name)?;
        let history = match &script {
            Some(script) => match permit.script(script.id, version)? {
                Some(found) => return Ok(found),
                None => permit.script_history(script.id)?,
            },
            None => Vec::new(),
        };
        let why = match (version, history.first()) {
            (Some(version), Some(latest)) => {
                format!("version {version} of script {name:?}: the latest is {}", latest.version)
            }
            (None, Some(latest)) => format!(
                "script {name:?} any more: it was removed; 'rollcall scripts restore {name} {}' brings it back",
                latest.version
            ),
            (_, None) => {
                let names: Vec<_> = self.scripts()?.iter().map(ScriptVersion::full_name).collect();
                let close = did_you_mean(name, names.iter().map(String::as_str));
                let hint = close.map_or_else(String::new, |close| format!("; did you mean {close}?"));
                format!("saved script {name:?}{hint}")
            }
        };
        Err(StoreError::NoSuch(why).into())
    }

    /// The latest version of every saved script that can be seen, by name.
    pub fn scripts(&self) -> Result<Vec<ScriptVersion>, AppError> {
        let permit = self.may(Right::Look)?;
        let all = permit.scripts()?.into_iter();
        Ok(all.filter(|each| permit.shows(each.organization.as_ref())).collect())
    }

    /// The next of them after the one with this full name.
    pub fn scripts_after(&self, after: Option<&str>, limit: u32) -> Result<Vec<ScriptVersion>, AppError> {
        let permit = self.may(Right::Look)?;
        Ok(permit.scripts_page(&permit.scope, SavedName::read(after.unwrap_or_default()), limit)?)
    }

    /// The next versions of a script after version `after`, newest first.
    pub fn script_history_after(
        &self,
        name: &str,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<ScriptVersion>, AppError> {
        let permit = self.may(Right::Look)?;
        match self.named_script(name)? {
            Some(script) => Ok(permit.script_history_page(script.id, after.unwrap_or(i64::MAX), limit)?),
            None => Ok(vec![self.script(name, None)?]),
        }
    }

    /// Every version of a script, newest first.
    pub fn script_history(&self, name: &str) -> Result<Vec<ScriptVersion>, AppError> {
        let permit = self.may(Right::Look)?;
        match self.named_script(name)? {
            Some(script) => Ok(permit.script_history(script.id)?),
            None => Ok(vec![self.script(name, None)?]),
        }
    }

    /// Makes a new version that is the same as an earlier one.
    pub fn restore_script(&self, name: &str, version: i64, note: &str) -> Result<ScriptVersion, AppError> {
        self.may(Right::EditScripts)?;
        let old = self.script(name, Some(version))?;
        let note = if note.is_empty() { format!("version {version} restored") } else { note.to_owned() };
        // A draft is restored as the draft that it was.
        let anything = Expected::Anything;
        Ok(self.save_version(&old.script, old.organization, &old.source, &note, anything, || Ok(()))?.0)
    }

    /// Takes a script off the list. Its versions stay, for the runs that name them and to be restored.
    pub fn remove_script(&self, name: &str) -> Result<(), AppError> {
        self.remove_script_as(name, Expected::Anything)
    }

    /// The same, if its latest version is as `expected`.
    pub fn remove_script_as(&self, name: &str, expected: Expected<'_>) -> Result<(), AppError> {
        self.may(Right::EditScripts)?;
        let latest = self.script(name, None)?;
        if let Some(script) = self.named_script(name)? {
            let permit = self.may_change(Right::EditScripts, script.organization.as_ref())?;
            let what = format!("script {:?}", latest.full_name());
            let seen = expected.seen(&what, Some(&latest.version), i64::to_string)?;
            permit.remove_script(&script, seen, &self.act())?;
        }
        Ok(())
    }
}
