use rollcall_domain::filter::{self, Filter};
use rollcall_domain::{
    Right, SavedFilter, SavedName, Timestamp, check_saved_name, did_you_mean, is_saved_name,
};
use rollcall_store::StoreError;

use crate::error::AppError;
use crate::expected::{Expected, revision};
use crate::operations::FilterOperations;

/// A filter that is ready to be used.
#[derive(Debug, Clone)]
pub struct ReadFilter {
    /// The name under which it is saved, where it was asked for by name.
    pub name: Option<String>,
    /// Its text.
    pub text: String,
    /// The parsed filter, with relative times as of now.
    pub tree: Filter,
}

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterFault {
    /// The number of characters before the fault.
    pub at: usize,
    /// The fault.
    pub message: String,
}

/// The result of reading a text as a filter.
#[derive(Debug, Clone)]
pub enum FilterCheck {
    /// The text is a filter.
    Valid(ReadFilter),
    /// The text is no filter.
    Faulty(FilterFault),
}

impl<'a> FilterOperations<'a> {
    /// Reads a filter: its text, or the name of a saved one.
    ///
    /// # Errors
    /// [`AppError::Filter`] for a text that is no filter; [`AppError::NoSuchFilter`] for a single word that is no name;
    /// [`AppError::Denied`] for a name.
    pub fn parse(self, text: &str) -> Result<ReadFilter, AppError> {
        self.parse_at(text, self.app.now())
    }

    /// Reads a filter that is being written; a fault in it is a result, with its place.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn check(self, text: &str) -> Result<FilterCheck, AppError> {
        self.app.require_permission(Right::Look)?;
        let blanks = text.chars().take_while(|c| c.is_whitespace()).count();
        match self.parse(text) {
            Ok(read) => Ok(FilterCheck::Valid(read)),
            Err(AppError::Filter(error)) => {
                let (at, message) = (blanks + error.column() - 1, error.message().to_owned());
                Ok(FilterCheck::Faulty(FilterFault { at, message }))
            }
            // A single word.
            Err(AppError::NoSuchFilter(message)) => {
                Ok(FilterCheck::Faulty(FilterFault { at: blanks, message }))
            }
            Err(error) => Err(error),
        }
    }

    /// Reads a filter, where `now` is the present moment.
    pub(crate) fn parse_at(self, text: &str, now: Timestamp) -> Result<ReadFilter, AppError> {
        let text = text.trim();
        // One word is never a filter, and neither are two with a colon between them.
        let SavedName { organization, name } = SavedName::read(text);
        let is_name = is_saved_name(name)
            && organization
                .is_none_or(|text| text.is_empty() || is_saved_name(text) || self.is_organization(text));
        // A saved filter selects the same users for every caller, whatever zone a caller has chosen.
        let (name, text, zone) = if is_name {
            let saved = self.find(text)?;
            (Some(saved.full_name()), saved.filter, self.app.installation_zone())
        } else {
            (None, text.to_owned(), self.app.zone())
        };
        let tree = filter::parse(&text, zone, now)?;
        Ok(ReadFilter { name, text, tree })
    }

    fn is_organization(self, name: &str) -> bool {
        self.app
            .organizations()
            .list()
            .is_ok_and(|seen| seen.iter().any(|organization| organization.name == name))
    }

    /// Saves a filter under a name, in place of an earlier one: the new and the earlier filter.
    ///
    /// # Errors
    /// [`AppError::Denied`], [`AppError::Filter`], [`AppError::Rejected`] for a name that is not valid.
    pub fn save(self, name: &str, text: &str) -> Result<(SavedFilter, Option<SavedFilter>), AppError> {
        self.save_if_match(name, text, Expected::Anything)
    }

    /// Saves a filter if the one that it replaces is still as `expected`: the new and the earlier filter.
    ///
    /// # Errors
    /// [`AppError::Outdated`] if it is not; those of [`Self::save`].
    pub fn save_if_match(
        self,
        name: &str,
        text: &str,
        expected: Expected<'_>,
    ) -> Result<(SavedFilter, Option<SavedFilter>), AppError> {
        let SavedName { organization, name } = SavedName::read(name);
        let (permit, organization) =
            self.app.require_permission_as_owner(Right::EditScripts, organization)?;
        check_saved_name("a filter", name)?;
        let now = self.app.now();
        let tree = filter::parse(text, self.app.zone(), now)?;
        let is_read_alike =
            filter::parse(text, self.app.installation_zone(), now)?.to_string() == tree.to_string();
        // What was meant in another zone than the installation's is kept with its moments in UTC.
        let text = if is_read_alike { text.trim().to_owned() } else { tree.to_string() };
        let new = SavedFilter {
            name: name.to_owned(),
            organization,
            filter: text,
            administrator: self.app.actor().name().to_owned(),
            saved_at: now,
        };
        let what = format!("filter {:?}", new.full_name());
        let find = || -> Result<_, AppError> {
            let named = permit.filters().named(name)?;
            Ok(named.into_iter().find(|filter| filter.organization == new.organization))
        };
        let found = find()?;
        let seen = expected.seen(&what, found.as_ref(), revision)?;
        match permit.filters().save(&new, seen, &self.app.act()) {
            Err(error @ StoreError::Stale(_)) => {
                expected.seen(&what, find()?.as_ref(), revision)?;
                Err(error.into())
            }
            saved => Ok((new, saved?)),
        }
    }

    /// Finds the filter that is saved under this name.
    ///
    /// # Errors
    /// [`AppError::NoSuchFilter`], [`AppError::Denied`]
    pub fn find(self, name: &str) -> Result<SavedFilter, AppError> {
        let read = SavedName::read(name);
        let found = self.app.require_permission(Right::Look)?.filters().named(read.name)?;
        let meant = self.app.find_named(read, found, |filter| filter.organization.as_ref())?;
        meant.ok_or_else(|| self.not_found(name))
    }

    fn not_found(self, name: &str) -> AppError {
        let saved = match self.list() {
            Ok(saved) => saved,
            Err(error) => return error,
        };
        let names: Vec<_> = saved.iter().map(SavedFilter::full_name).collect();
        let hint = match did_you_mean(name, names.iter().map(String::as_str)) {
            Some(close) => format!("; did you mean {close}?"),
            None => "; a filter itself reads like 'klass eq \"gold\"'".to_owned(),
        };
        AppError::NoSuchFilter(format!("there is no saved filter {name:?}{hint}"))
    }

    /// Lists the saved filters that the actor can see, by name.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list(self) -> Result<Vec<SavedFilter>, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        let all = permit.filters().all()?.into_iter();
        Ok(all.filter(|each| permit.shows(each.organization.as_ref())).collect())
    }

    /// Lists at most `limit` saved filters after the one with this full name.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list_after(self, after: Option<&str>, limit: u32) -> Result<Vec<SavedFilter>, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        Ok(permit.filters().page(&permit.scope, SavedName::read(after.unwrap_or_default()), limit)?)
    }

    /// Removes a saved filter. Runs keep the text that they were started with.
    ///
    /// # Errors
    /// [`AppError::NoSuchFilter`], [`AppError::Denied`]
    pub fn remove(self, name: &str) -> Result<(), AppError> {
        self.remove_if_match(name, Expected::Anything)
    }

    /// Removes a saved filter if it is still as `expected`.
    ///
    /// # Errors
    /// [`AppError::Outdated`] if it is not; those of [`Self::remove`].
    pub fn remove_if_match(self, name: &str, expected: Expected<'_>) -> Result<(), AppError> {
        self.app.require_permission(Right::EditScripts)?;
        let filter = self.find(name)?;
        expected.seen(&format!("filter {:?}", filter.full_name()), Some(&filter), revision)?;
        let permit =
            self.app.require_permission_to_change(Right::EditScripts, filter.organization.as_ref())?;
        if permit.filters().remove(&filter, &self.app.act())? { Ok(()) } else { Err(self.not_found(name)) }
    }
}
