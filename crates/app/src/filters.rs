use rollcall_domain::filter::{self, Filter};
use rollcall_domain::{
    Right, SavedFilter, SavedName, Timestamp, check_saved_name, did_you_mean, is_saved_name,
};
use rollcall_store::StoreError;

use crate::expected::{Expected, revision};
use crate::{App, AppError};

/// A filter that is ready to be used.
#[derive(Debug, Clone)]
pub struct ReadFilter {
    /// The name under which it is saved, where it was asked for by name.
    pub name: Option<String>,
    /// Its text.
    pub text: String,
    /// What it means now.
    pub tree: Filter,
}

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterFault {
    /// So many characters of the text stand before the fault.
    pub at: usize,
    /// What is wrong there.
    pub message: String,
}

/// How many users there are, as far as they were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Counted {
    /// So many.
    pub users: u64,
    /// There are more.
    pub more: bool,
}

impl App {
    /// Reads a filter: its text, or the name of a saved one.
    pub fn filter(&self, text: &str) -> Result<ReadFilter, AppError> {
        self.filter_at(text, self.clock.now())
    }

    /// The same for somebody who is writing it: where it is wrong is an answer, too.
    pub fn check_filter(&self, text: &str) -> Result<Result<ReadFilter, FilterFault>, AppError> {
        self.may(Right::Look)?;
        let blanks = text.chars().take_while(|c| c.is_whitespace()).count();
        match self.filter(text) {
            Ok(read) => Ok(Ok(read)),
            Err(AppError::Filter(error)) => {
                let (at, message) = (blanks + error.column() - 1, error.message().to_owned());
                Ok(Err(FilterFault { at, message }))
            }
            // A single word.
            Err(AppError::NoSuchFilter(message)) => Ok(Err(FilterFault { at: blanks, message })),
            Err(error) => Err(error),
        }
    }

    /// The same, where `now` is the present moment.
    pub(crate) fn filter_at(&self, text: &str, now: Timestamp) -> Result<ReadFilter, AppError> {
        let text = text.trim();
        // One word is never a filter, and neither are two with a colon between them.
        let SavedName { organization, name } = SavedName::read(text);
        let is_name = is_saved_name(name)
            && organization
                .is_none_or(|text| text.is_empty() || is_saved_name(text) || self.is_organization(text));
        // A saved filter selects the same users for every caller, whatever zone a caller has chosen.
        let (name, text, zone) = if is_name {
            let saved = self.saved_filter(text)?;
            (Some(saved.full_name()), saved.filter, self.installation_zone())
        } else {
            (None, text.to_owned(), &self.zone)
        };
        let tree = filter::parse(&text, zone, now)?;
        Ok(ReadFilter { name, text, tree })
    }

    fn is_organization(&self, name: &str) -> bool {
        self.organizations().is_ok_and(|seen| seen.iter().any(|organization| organization.name == name))
    }

    /// Saves a filter under a name; it, and the one that it replaces.
    pub fn save_filter(
        &self,
        name: &str,
        text: &str,
    ) -> Result<(SavedFilter, Option<SavedFilter>), AppError> {
        self.replace_filter(name, text, Expected::Anything)
    }

    /// The same, if what it replaces is as `expected`.
    pub fn replace_filter(
        &self,
        name: &str,
        text: &str,
        expected: Expected<'_>,
    ) -> Result<(SavedFilter, Option<SavedFilter>), AppError> {
        let SavedName { organization, name } = SavedName::read(name);
        let (permit, organization) = self.may_own(Right::EditScripts, organization)?;
        check_saved_name("a filter", name)?;
        let now = self.clock.now();
        let tree = filter::parse(text, &self.zone, now)?;
        let is_read_alike =
            filter::parse(text, self.installation_zone(), now)?.to_string() == tree.to_string();
        // What was meant in another zone than the installation's is kept with its moments in UTC.
        let text = if is_read_alike { text.trim().to_owned() } else { tree.to_string() };
        let new = SavedFilter {
            name: name.to_owned(),
            organization,
            filter: text,
            administrator: self.actor.name().to_owned(),
            saved_at: now,
        };
        let what = format!("filter {:?}", new.full_name());
        let find = || -> Result<_, AppError> {
            let named = permit.filters_named(name)?;
            Ok(named.into_iter().find(|filter| filter.organization == new.organization))
        };
        let found = find()?;
        let seen = expected.seen(&what, found.as_ref(), revision)?;
        match permit.save_filter(&new, seen, &self.act()) {
            Err(error @ StoreError::Stale(_)) => {
                expected.seen(&what, find()?.as_ref(), revision)?;
                Err(error.into())
            }
            saved => Ok((new, saved?)),
        }
    }

    /// The filter that is saved under this name.
    pub fn saved_filter(&self, name: &str) -> Result<SavedFilter, AppError> {
        let read = SavedName::read(name);
        let found = self.may(Right::Look)?.filters_named(read.name)?;
        let meant = self.meant(read, found, |filter| filter.organization.as_ref())?;
        meant.ok_or_else(|| self.no_such_filter(name))
    }

    fn no_such_filter(&self, name: &str) -> AppError {
        let saved = match self.saved_filters() {
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

    /// Every saved filter that can be seen, by name.
    pub fn saved_filters(&self) -> Result<Vec<SavedFilter>, AppError> {
        let permit = self.may(Right::Look)?;
        let all = permit.saved_filters()?.into_iter();
        Ok(all.filter(|each| permit.shows(each.organization.as_ref())).collect())
    }

    /// The next of them after the one with this full name.
    pub fn saved_filters_after(&self, after: Option<&str>, limit: u32) -> Result<Vec<SavedFilter>, AppError> {
        let permit = self.may(Right::Look)?;
        Ok(permit.saved_filters_page(&permit.scope, SavedName::read(after.unwrap_or_default()), limit)?)
    }

    /// Removes a saved filter. Runs keep the text that they were started with.
    pub fn remove_filter(&self, name: &str) -> Result<(), AppError> {
        self.remove_filter_as(name, Expected::Anything)
    }

    /// The same, if it is as `expected`.
    pub fn remove_filter_as(&self, name: &str, expected: Expected<'_>) -> Result<(), AppError> {
        self.may(Right::EditScripts)?;
        let filter = self.saved_filter(name)?;
        expected.seen(&format!("filter {:?}", filter.full_name()), Some(&filter), revision)?;
        let permit = self.may_change(Right::EditScripts, filter.organization.as_ref())?;
        if permit.remove_filter(&filter, &self.act())? { Ok(()) } else { Err(self.no_such_filter(name)) }
    }

    /// How many users a filter selects; none: all.
    pub fn count_users(&self, filter: Option<&Filter>) -> Result<u64, AppError> {
        let permit = self.may(Right::Look)?;
        Ok(permit.count_users(permit.narrow(filter).as_ref())?)
    }

    /// The same for whoever cannot wait: counting ends at `most`.
    pub fn count_users_to(&self, filter: Option<&Filter>, most: u64) -> Result<Counted, AppError> {
        let permit = self.may(Right::Look)?;
        let users = permit.count_users_to(permit.narrow(filter).as_ref(), most.saturating_add(1))?;
        Ok(Counted { users: users.min(most), more: users > most })
    }
}
