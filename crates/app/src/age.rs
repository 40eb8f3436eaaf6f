use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rollcall_domain::{Rejection, format_duration, parse_duration};

/// The longest age.
const MAX: Duration = Duration::from_secs(1_000 * 365 * 86_400);

/// An age in whole seconds, written with units: `12h`, `90d`, `8w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age(Duration);

impl Age {
    /// Returns the age as a duration.
    #[must_use]
    pub fn time(self) -> Duration {
        self.0
    }
}

impl FromStr for Age {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<Self, Rejection> {
        let text = text.trim();
        let age = parse_duration(text).filter(|age| *age <= MAX && age.subsec_nanos() == 0);
        age.map(Self).ok_or_else(|| Rejection::new(format!("{text:?} is not an age: write 90d, 8w or 12h")))
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_duration(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_and_written_with_their_unit() {
        for text in ["90d", "12h", "45m", "7s", "0s", "1d12h"] {
            assert_eq!(text.parse::<Age>().unwrap().to_string(), text);
        }
        assert_eq!("8w".parse::<Age>().unwrap().to_string(), "56d");
        for text in ["", "90", "d", "-1d", "1.5d", "0.5s", "1mo", "99999999999d", "1001y"] {
            assert!(text.parse::<Age>().is_err(), "{text}");
        }
    }
}
