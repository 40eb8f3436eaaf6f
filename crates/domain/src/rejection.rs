//! The error of the rules in this crate: a sentence for people.

use std::fmt;

use crate::Suggestion;

/// The reason why something may not be done, as a complete sentence, with suggestions for the administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    message: String,
    suggestions: Vec<Suggestion>,
}

impl Rejection {
    /// Creates a rejection without suggestions.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), suggestions: Vec::new() }
    }

    /// Adds a suggestion after those that it has.
    #[must_use]
    pub fn suggest(mut self, suggestion: Suggestion) -> Self {
        self.suggestions.push(suggestion);
        self
    }

    /// The suggestions, in the order in which they are to be followed.
    #[must_use]
    pub fn suggestions(&self) -> &[Suggestion] {
        &self.suggestions
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Rejection {}
