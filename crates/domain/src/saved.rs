//! Filters and scripts that administrators save under a name.

use serde::Serialize;

use crate::{Organization, Rejection, Scope, Timestamp};

/// The longest name, in characters.
const MAX_NAME: usize = 64;
/// The longest note on a script's version, in bytes.
const MAX_NOTE_BYTES: usize = 4_096;
/// The longest script, in bytes.
pub const MAX_SCRIPT_BYTES: usize = 1 << 20;

/// A named condition that selects users. Its text is read when it is used, so `now` in it is the moment of its use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SavedFilter {
    /// Its name, unique among those of its organization.
    pub name: String,
    /// Whose it is; none: everybody's.
    pub organization: Option<Organization>,
    /// The condition.
    pub filter: String,
    /// Who saved it last.
    pub administrator: String,
    /// When.
    pub saved_at: Timestamp,
}

/// One saved state of a script. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScriptVersion {
    /// The script's name, unique among those of its organization.
    pub script: String,
    /// Whose it is; none: everybody's.
    pub organization: Option<Organization>,
    /// Its number in the script, counted from 1.
    pub version: i64,
    /// Who saved it.
    pub administrator: String,
    /// When.
    pub saved_at: Timestamp,
    /// Why, in the administrator's words.
    pub note: String,
    /// The Python source.
    pub source: String,
}

impl SavedFilter {
    /// Its name with its organization's.
    #[must_use]
    pub fn full_name(&self) -> String {
        full_name(self.organization.as_ref(), &self.name)
    }
}

impl ScriptVersion {
    /// The script's name with its organization's.
    #[must_use]
    pub fn full_name(&self) -> String {
        full_name(self.organization.as_ref(), &self.script)
    }

    /// Checks the note of a saved version.
    ///
    /// # Errors
    ///
    /// The note is too long, or would break a line of a listing.
    pub fn check_note(note: &str) -> Result<(), Rejection> {
        if note.len() > MAX_NOTE_BYTES {
            return Err(Rejection::new(format!("a note has at most {MAX_NOTE_BYTES} bytes")));
        }
        if note.chars().any(char::is_control) {
            return Err(Rejection::new("a note is one line without control characters"));
        }
        Ok(())
    }
}

/// What is said to be whose: `North:gold` is North's, `:gold` is everybody's. Without a colon it is the nearest: see
/// [`nearest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavedName<'a> {
    /// The organization's name, empty for everybody's, if one is given.
    pub organization: Option<&'a str>,
    /// The name there.
    pub name: &'a str,
}

impl<'a> SavedName<'a> {
    /// Reads a name that may have an organization's before it, which may have colons itself.
    #[must_use]
    pub fn read(text: &'a str) -> Self {
        match text.rsplit_once(':') {
            Some((organization, name)) => Self { organization: Some(organization), name },
            None => Self { organization: None, name: text },
        }
    }
}

/// How something is called for those who see more than one organization's.
#[must_use]
pub fn full_name(organization: Option<&Organization>, name: &str) -> String {
    organization.map_or_else(|| name.to_owned(), |organization| format!("{}:{name}", organization.name))
}

/// Chooses one of several things with one name, by their owners. In the scope of all organizations it is the one that
/// belongs to all; in others it is their own one. The other kind is chosen only if there is none.
///
/// # Errors
///
/// The name is that of things of several organizations.
pub fn nearest<T>(
    found: Vec<T>,
    owner: fn(&T) -> Option<&Organization>,
    scope: &Scope,
) -> Result<Option<T>, Rejection> {
    let seen = found.into_iter().filter(|one| scope.shows(owner(one).map(|organization| organization.id)));
    let (shared, mut own): (Vec<_>, Vec<_>) = seen.partition(|one| owner(one).is_none());
    let mut shared = shared.into_iter();
    if *scope == Scope::Everywhere
        && let Some(one) = shared.next()
    {
        return Ok(Some(one));
    }
    if own.len() > 1 {
        let names: Vec<_> =
            own.iter().filter_map(owner).map(|organization| organization.name.as_str()).collect();
        return Err(Rejection::new(format!(
            "that is the name of one of each of these organizations: {}; write one of them and a colon before it",
            names.join(", ")
        )));
    }
    Ok(own.pop().or_else(|| shared.next()))
}

/// Whether a text has the form of a saved thing's name, which no filter and no path with a folder has.
#[must_use]
pub fn is_saved_name(text: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    text.chars().next().is_some_and(char::is_alphanumeric)
        && text.chars().all(fits)
        && text.chars().count() <= MAX_NAME
}

/// Names that no saved filter or script may have: paths of the HTTP API below `/filters` and `/scripts`.
const RESERVED_NAMES: [&str; 3] = ["check", "count", "parse"];

/// Checks a name by [`is_saved_name`], and that it is not reserved; `what` is "a filter" or "a script".
///
/// # Errors
///
/// The name is not allowed.
pub fn check_saved_name(what: &str, name: &str) -> Result<(), Rejection> {
    if RESERVED_NAMES.contains(&name) {
        return Err(Rejection::new(format!("{name:?} cannot be the name of {what}: this name is reserved")));
    }
    if is_saved_name(name) {
        return Ok(());
    }
    Err(Rejection::new(format!(
        "{name:?} cannot be the name of {what}: use up to {MAX_NAME} letters, digits, dots, dashes and underscores, \
         starting with a letter or a digit"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_api_paths_are_reserved() {
        for name in RESERVED_NAMES {
            let rejection = check_saved_name("a filter", name).unwrap_err().to_string();
            assert_eq!(rejection, format!("{name:?} cannot be the name of a filter: this name is reserved"));
        }
        assert!(check_saved_name("a script", "checks").is_ok());
    }

    #[test]
    fn names_cannot_be_taken_for_filters_paths_or_versions() {
        for name in ["a", "march-customers", "no_email.v2", "Übersicht", "1st"] {
            assert!(is_saved_name(name), "{name}");
        }
        for name in ["", "a b", "./a", "-a", ".a", "a@3", "klass eq \"x\"", &"x".repeat(65), "a\n"] {
            assert!(!is_saved_name(name), "{name}");
        }
    }
}
