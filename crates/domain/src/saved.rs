//! What administrators keep under a name: filters and scripts.

use serde::Serialize;

use crate::{Refusal, Timestamp};

/// The longest name, in characters.
const MAX_NAME: usize = 64;
/// The longest note on a script's version, in bytes.
const MAX_NOTE_BYTES: usize = 4_096;
/// The longest script, in bytes.
pub const MAX_SCRIPT_BYTES: usize = 1 << 20;

/// A named condition that selects users. Its text is read when it is used, so `now` in it is the moment of its use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SavedFilter {
    /// Its unique name.
    pub name: String,
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
    /// The script's unique name.
    pub script: String,
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

impl ScriptVersion {
    /// Refuses what is too long to be a note, or would break a line of a listing.
    pub fn check_note(note: &str) -> Result<(), Refusal> {
        if note.len() > MAX_NOTE_BYTES {
            return Err(Refusal::new(format!("a note has at most {MAX_NOTE_BYTES} bytes")));
        }
        if note.chars().any(char::is_control) {
            return Err(Refusal::new("a note is one line without control characters"));
        }
        Ok(())
    }
}

/// Whether a text has the form of a saved thing's name, which no filter and no path with a folder has.
#[must_use]
pub fn is_saved_name(text: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    text.chars().next().is_some_and(char::is_alphanumeric)
        && text.chars().all(fits)
        && text.chars().count() <= MAX_NAME
}

/// Refuses what [`is_saved_name`] does not allow; `what` is "a filter" or "a script".
pub fn check_saved_name(what: &str, name: &str) -> Result<(), Refusal> {
    if is_saved_name(name) {
        return Ok(());
    }
    Err(Refusal::new(format!(
        "{name:?} cannot be the name of {what}: use up to {MAX_NAME} letters, digits, dots, dashes and underscores, \
         starting with a letter or a digit"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

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
