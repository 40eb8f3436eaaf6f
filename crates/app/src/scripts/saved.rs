use rollcall_domain::{
    MAX_SCRIPT_BYTES, Organization, Rejection, Right, SavedName, ScriptVersion, Zone, check_saved_name,
    did_you_mean,
};
use rollcall_store::{SavedScript, StoreError};

use super::source::{Source, read};
use crate::error::AppError;
use crate::expected::Expected;
use crate::operations::ScriptOperations;

/// Whether a script can be saved as a draft only: its text has errors, so it cannot run.
pub fn is_draft(source: &str) -> bool {
    read(source, &Zone::utc()).is_err()
}

impl<'a> ScriptOperations<'a> {
    /// Parses a script without executing it; `name` is its name in errors. It needs no permission.
    ///
    /// # Errors
    /// [`AppError::BadScript`] with everything that is wrong in it.
    pub fn parse(self, name: &str, source: &str) -> Result<Source, AppError> {
        read(source, self.app.zone()).map_err(|faults| AppError::BadScript { name: name.to_owned(), faults })
    }

    /// Saves a script as the first or the next version of the script of this name.
    ///
    /// # Errors
    /// [`AppError::BadScript`] with everything that is wrong in it; [`AppError::Denied`]; [`AppError::Rejected`] for a
    /// name or a note that is not valid.
    pub fn save(self, name: &str, source: &str, note: &str) -> Result<(ScriptVersion, Source), AppError> {
        self.save_if_match(name, source, note, Expected::Anything)
    }

    /// Saves a script as the next version if the latest one is still as `expected`.
    ///
    /// # Errors
    /// [`AppError::Outdated`] if it is not; those of [`Self::save`].
    pub fn save_if_match(
        self,
        name: &str,
        source: &str,
        note: &str,
        expected: Expected<'_>,
    ) -> Result<(ScriptVersion, Source), AppError> {
        let SavedName { organization, name } = SavedName::read(name);
        let (_, organization) = self.app.require_permission_as_owner(Right::EditScripts, organization)?;
        self.save_version(name, organization, source, note, expected, || self.parse(name, source))
    }

    /// Saves a script as the next version even if its text has errors, if the latest one is still as `expected`. A
    /// version with errors is a draft, which cannot run.
    ///
    /// # Errors
    /// [`AppError::Outdated`] if it is not; [`AppError::Denied`]; [`AppError::Rejected`] for a name or a note that is
    /// not valid.
    pub fn save_draft(
        self,
        name: &str,
        source: &str,
        note: &str,
        expected: Expected<'_>,
    ) -> Result<ScriptVersion, AppError> {
        let SavedName { organization, name } = SavedName::read(name);
        let (_, organization) = self.app.require_permission_as_owner(Right::EditScripts, organization)?;
        Ok(self.save_version(name, organization, source, note, expected, || Ok(()))?.0)
    }

    /// The number of the latest version of a script of this owner that is on the list.
    fn current_version(
        self,
        name: &str,
        organization: Option<&Organization>,
    ) -> Result<Option<i64>, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        let named = permit.scripts().named(name)?;
        let found = named.into_iter().find(|script| script.organization.as_ref() == organization);
        Ok(match found {
            Some(script) => permit.scripts().by_id(script.id, None)?.map(|latest| latest.version),
            None => None,
        })
    }

    /// Saves a version after `check` has accepted its text, whose result comes back.
    fn save_version<T>(
        self,
        name: &str,
        organization: Option<Organization>,
        source: &str,
        note: &str,
        expected: Expected<'_>,
        check: impl FnOnce() -> Result<T, AppError>,
    ) -> Result<(ScriptVersion, T), AppError> {
        let permit = self.app.require_permission_to_change(Right::EditScripts, organization.as_ref())?;
        check_saved_name("a script", name)?;
        ScriptVersion::check_note(note)?;
        if source.len() > MAX_SCRIPT_BYTES {
            return Err(Rejection::new(format!("a script has at most {} KiB", MAX_SCRIPT_BYTES >> 10)).into());
        }
        let checked = check()?;
        let mut new = ScriptVersion {
            script: name.to_owned(),
            organization,
            version: 0,
            administrator: self.app.actor().name().to_owned(),
            saved_at: self.app.now(),
            note: note.to_owned(),
            source: source.to_owned(),
        };
        let what = format!("script {:?}", new.full_name());
        let current = || self.current_version(name, new.organization.as_ref());
        let found = current()?;
        let seen = expected.seen(&what, found.as_ref(), i64::to_string)?;
        match permit.scripts().save(&new, seen, &self.app.act()) {
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
    fn find_named(self, name: &str) -> Result<Option<SavedScript>, AppError> {
        let read = SavedName::read(name);
        let found = self.app.require_permission(Right::Look)?.scripts().named(read.name)?;
        let (removed, there) = found.into_iter().partition(|script| script.removed);
        let owner: fn(&SavedScript) -> Option<&Organization> = |script| script.organization.as_ref();
        match self.app.find_named(read, there, owner)? {
            Some(script) => Ok(Some(script)),
            None => self.app.find_named(read, removed, owner),
        }
    }

    /// Finds the latest version of the script of this name, archived or not; none if there is no such script.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn find_latest(self, name: &str) -> Result<Option<ScriptVersion>, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        let Some(script) = self.find_named(name)? else { return Ok(None) };
        Ok(permit.scripts().by_id(script.id, None)?)
    }

    /// Finds a version of a saved script: the latest, or the one of this number, which exists even if the script is
    /// archived.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if there is no such script or version.
    pub fn find_version(self, name: &str, version: Option<i64>) -> Result<ScriptVersion, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        let script = self.find_named(name)?;
        let history = match &script {
            Some(script) => match permit.scripts().by_id(script.id, version)? {
                Some(found) => return Ok(found),
                None => permit.scripts().history(script.id)?,
            },
            None => Vec::new(),
        };
        let why = match (version, history.first()) {
            (Some(version), Some(latest)) => {
                format!("version {version} of script {name:?}: the latest is {}", latest.version)
            }
            (None, Some(latest)) => {
                return Err(AppError::ArchivedScript { name: name.to_owned(), version: latest.version });
            }
            (_, None) => {
                let names: Vec<_> = self.list()?.iter().map(ScriptVersion::full_name).collect();
                let close = did_you_mean(name, names.iter().map(String::as_str));
                let hint = close.map_or_else(String::new, |close| format!("; did you mean {close}?"));
                format!("saved script {name:?}{hint}")
            }
        };
        Err(StoreError::NoSuch(why).into())
    }

    /// Lists the latest version of every saved script that the actor can see, by name.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list(self) -> Result<Vec<ScriptVersion>, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        let all = permit.scripts().all()?.into_iter();
        Ok(all.filter(|each| permit.shows(each.organization.as_ref())).collect())
    }

    /// Lists at most `limit` of these scripts after the one with this full name.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list_after(self, after: Option<&str>, limit: u32) -> Result<Vec<ScriptVersion>, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        Ok(permit.scripts().page(&permit.scope, SavedName::read(after.unwrap_or_default()), limit)?)
    }

    /// Lists at most `limit` versions of a script after version `after`, newest first.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if there is no such script.
    pub fn list_versions_after(
        self,
        name: &str,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<ScriptVersion>, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        match self.find_named(name)? {
            Some(script) => Ok(permit.scripts().history_page(script.id, after.unwrap_or(i64::MAX), limit)?),
            None => Ok(vec![self.find_version(name, None)?]),
        }
    }

    /// Lists every version of a script, newest first.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if there is no such script.
    pub fn list_versions(self, name: &str) -> Result<Vec<ScriptVersion>, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        match self.find_named(name)? {
            Some(script) => Ok(permit.scripts().history(script.id)?),
            None => Ok(vec![self.find_version(name, None)?]),
        }
    }

    /// Saves an earlier version of a script as its next one.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if there is no such script or version.
    pub fn restore_version(self, name: &str, version: i64, note: &str) -> Result<ScriptVersion, AppError> {
        self.app.require_permission(Right::EditScripts)?;
        let old = self.find_version(name, Some(version))?;
        let note = if note.is_empty() { format!("version {version} restored") } else { note.to_owned() };
        // A draft is restored as the draft that it was.
        let anything = Expected::Anything;
        Ok(self.save_version(&old.script, old.organization, &old.source, &note, anything, || Ok(()))?.0)
    }

    /// Archives a script. Past runs keep their version, and it can be restored.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if there is no such script.
    pub fn remove(self, name: &str) -> Result<(), AppError> {
        self.remove_if_match(name, Expected::Anything)
    }

    /// Archives a script if its latest version is still as `expected`.
    ///
    /// # Errors
    /// [`AppError::Outdated`] if it is not; those of [`Self::remove`].
    pub fn remove_if_match(self, name: &str, expected: Expected<'_>) -> Result<(), AppError> {
        self.app.require_permission(Right::EditScripts)?;
        let latest = self.find_version(name, None)?;
        if let Some(script) = self.find_named(name)? {
            let permit =
                self.app.require_permission_to_change(Right::EditScripts, script.organization.as_ref())?;
            let what = format!("script {:?}", latest.full_name());
            let seen = expected.seen(&what, Some(&latest.version), i64::to_string)?;
            permit.scripts().remove(&script, seen, &self.app.act())?;
        }
        Ok(())
    }
}
