use rollcall_domain::filter::{self, Filter};
use rollcall_domain::{Right, SavedFilter, Timestamp, check_saved_name, did_you_mean, is_saved_name};

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

impl App {
    /// Reads a filter: its text, or the name of a saved one.
    pub fn filter(&self, text: &str) -> Result<ReadFilter, AppError> {
        self.filter_at(text, self.clock.now())
    }

    /// The same, where `now` is the present moment.
    pub(crate) fn filter_at(&self, text: &str, now: Timestamp) -> Result<ReadFilter, AppError> {
        let text = text.trim();
        // One word is never a filter.
        let (name, text) = if is_saved_name(text) {
            let saved =
                self.may(Right::Look)?.saved_filter(text)?.ok_or_else(|| self.no_such_filter(text))?;
            (Some(text.to_owned()), saved.filter)
        } else {
            (None, text.to_owned())
        };
        let tree = filter::parse(&text, &self.zone, now)?;
        Ok(ReadFilter { name, text, tree })
    }

    /// Saves a filter under a name; the one that it replaces comes back.
    pub fn save_filter(&self, name: &str, text: &str) -> Result<Option<SavedFilter>, AppError> {
        let permit = self.may_everywhere(Right::EditScripts)?;
        check_saved_name("a filter", name)?;
        let now = self.clock.now();
        filter::parse(text, &self.zone, now)?;
        Ok(permit.save_filter(
            &SavedFilter {
                name: name.to_owned(),
                filter: text.trim().to_owned(),
                administrator: self.actor.name().to_owned(),
                saved_at: now,
            },
            &self.act(),
        )?)
    }

    /// The filter that is saved under this name.
    pub fn saved_filter(&self, name: &str) -> Result<SavedFilter, AppError> {
        self.may(Right::Look)?.saved_filter(name)?.ok_or_else(|| self.no_such_filter(name))
    }

    fn no_such_filter(&self, name: &str) -> AppError {
        let saved = match self.saved_filters() {
            Ok(saved) => saved,
            Err(error) => return error,
        };
        let hint = match did_you_mean(name, saved.iter().map(|filter| filter.name.as_str())) {
            Some(close) => format!("; did you mean {close}?"),
            None => "; a filter itself reads like 'klass eq \"gold\"'".to_owned(),
        };
        AppError::NoSuchFilter(format!("there is no saved filter {name:?}{hint}"))
    }

    /// Every saved filter, by name.
    pub fn saved_filters(&self) -> Result<Vec<SavedFilter>, AppError> {
        Ok(self.may(Right::Look)?.saved_filters()?)
    }

    /// Removes a saved filter. Runs keep the text that they were started with.
    pub fn remove_filter(&self, name: &str) -> Result<(), AppError> {
        if self.may_everywhere(Right::EditScripts)?.remove_filter(name, &self.act())? {
            Ok(())
        } else {
            Err(self.no_such_filter(name))
        }
    }

    /// How many users a filter selects; none: all.
    pub fn count_users(&self, filter: Option<&Filter>) -> Result<u64, AppError> {
        let permit = self.may(Right::Look)?;
        Ok(permit.count_users(permit.narrow(filter).as_ref())?)
    }
}
