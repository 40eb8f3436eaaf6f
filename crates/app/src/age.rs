use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rollcall_domain::Refusal;

/// The seconds of a day.
const DAY: u64 = 86_400;

/// An age, written with a unit: `12h`, `90d`, `8w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    seconds: u64,
}

impl Age {
    /// The age as a duration.
    #[must_use]
    pub fn time(self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

impl FromStr for Age {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
        let wrong = || Refusal::new(format!("{text:?} is not an age: write 90d, 8w or 12h"));
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        let unit = match &text[digits.len()..] {
            "s" => 1,
            "m" | "min" => 60,
            "h" => 3_600,
            "d" => DAY,
            "w" => 7 * DAY,
            "y" => 365 * DAY,
            _ => return Err(wrong()),
        };
        let seconds = number.checked_mul(unit).filter(|seconds| *seconds <= 1_000 * 365 * DAY);
        seconds.map(|seconds| Self { seconds }).ok_or_else(wrong)
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(DAY, "d"), (3_600, "h"), (60, "m"), (1, "s")];
        let fits = units.into_iter().find(|(unit, _)| self.seconds.is_multiple_of(*unit));
        let (unit, letter) = fits.unwrap_or((1, "s"));
        write!(f, "{}{letter}", self.seconds / unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_and_written_with_their_unit() {
        for text in ["90d", "12h", "45m", "7s", "0d"] {
            assert_eq!(text.parse::<Age>().unwrap().to_string(), text);
        }
        assert_eq!("8w".parse::<Age>().unwrap().to_string(), "56d");
        for text in ["", "90", "d", "-1d", "1.5d", "9 days", "99999999999d", "1001y"] {
            assert!(text.parse::<Age>().is_err(), "{text}");
        }
    }
}
