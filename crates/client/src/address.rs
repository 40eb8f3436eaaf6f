//! The address of a server.

use std::fmt::Display;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The characters that need no encoding in any part of an address (RFC 3986, section 2.3).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A path of the API with its query.
#[derive(Debug, Clone)]
pub struct Address {
    text: String,
    has_query: bool,
}

impl Address {
    /// The path whose segments are these names, whatever characters are in them.
    #[must_use]
    pub fn of(parts: &[&str]) -> Self {
        let mut text = String::new();
        for part in parts {
            text.push('/');
            match *part {
                // Proxies would take these for the parent.
                "." | ".." => text.push_str(&part.replace('.', "%2E")),
                part => text.extend(utf8_percent_encode(part, PLAIN)),
            }
        }
        Self { text, has_query: false }
    }

    /// The path of a run, and of what belongs to it.
    pub(crate) fn of_run(run: i64, parts: &[&str]) -> Self {
        Self::of(&[&["runs", &run.to_string()], parts].concat())
    }

    /// Adds a parameter to the query, if it has a value.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<impl Display>) -> Self {
        let Some(value) = value else { return self };
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.text.push_str(name);
        self.text.push('=');
        self.text.extend(utf8_percent_encode(&value.to_string(), PLAIN));
        self
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_one_part() {
        let shown = |parts: &[&str]| Address::of(parts).text;
        assert_eq!(shown(&["users.csv"]), "/users.csv");
        assert_eq!(shown(&["users", "a/b?c#d e%é"]), "/users/a%2Fb%3Fc%23d%20e%25%C3%A9");
        assert_eq!(shown(&["scripts", ".."]), "/scripts/%2E%2E");
        let asked = Address::of(&["users"]).with("filter", Some("a eq \"x&y\"")).with("limit", Some(7));
        assert_eq!(asked.with("raw", None::<bool>).text, "/users?filter=a%20eq%20%22x%26y%22&limit=7");
    }
}
