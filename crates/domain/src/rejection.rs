//! The error of the rules in this crate: a sentence for people.

use std::fmt;

/// Why something asked for may not be done: one sentence for the person who asked, in their words. What does about it is told
/// to whoever works on the command line, and to nobody else: see [`Rejection::on_the_command_line`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    why: String,
    /// Where in the sentence the command line says more, and what.
    commands: Vec<(usize, String)>,
}

impl Rejection {
    /// A rejection that says `why`.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), commands: Vec::new() }
    }

    /// The same, where the command line says `how` here, such as ` with --key COLUMN`.
    #[must_use]
    pub fn by(mut self, how: impl Into<String>) -> Self {
        self.commands.push((self.why.len(), how.into()));
        self
    }

    /// The same sentence, going on.
    #[must_use]
    pub fn and(mut self, more: &str) -> Self {
        self.why.push_str(more);
        self
    }

    /// With the commands and options that do something about it.
    #[must_use]
    pub fn on_the_command_line(&self) -> String {
        let mut told = self.why.clone();
        // From the end, so that the places before stay where they are.
        for (place, how) in self.commands.iter().rev() {
            told.insert_str(*place, how);
        }
        told
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Rejection {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_command_line_hears_of_commands() {
        let why = Rejection::new("go on with it").by(", with 'a'").and(", or end it").by(", with 'b'");
        assert_eq!(why.to_string(), "go on with it, or end it");
        assert_eq!(why.on_the_command_line(), "go on with it, with 'a', or end it, with 'b'");
    }
}
