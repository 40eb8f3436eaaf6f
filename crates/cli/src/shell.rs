//! Texts as shells take them.

use std::borrow::Cow;

/// Quotes a text as one word of a command that can be copied into a shell.
///
/// Returns a text with a NUL byte as it is: no shell takes one, and no argument of a command has one.
pub(crate) fn shell_word(text: &str) -> String {
    shlex::try_quote(text).map_or_else(|_| text.to_owned(), Cow::into_owned)
}
