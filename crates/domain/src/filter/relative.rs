//! Moments relative to now, such as `now+30d`.

use std::fmt;

use jiff::Span;

use crate::{Rejection, Timestamp, Zone};

/// What times can be moved by, and what each unit is called.
pub const UNITS: [(&str, &str); 6] =
    [("min", "minutes"), ("h", "hours"), ("d", "days"), ("w", "weeks"), ("mo", "months"), ("y", "years")];

/// A moment in a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Which.
    pub at: Timestamp,
    /// How it was written, where that was relative to the present, such as `now+30d`.
    pub written: Option<String>,
}

impl Moment {
    /// Reads `now`, `today` (its first moment), and either moved by a number of [`UNITS`]: `now+30d`, `today-1mo+1d`.
    /// Days and longer ones are the calendar's, in `zone`. None if the text is something else.
    pub(super) fn relative(text: &str, zone: &Zone, now: Timestamp) -> Option<Result<Self, Rejection>> {
        let start = ["now", "today"].into_iter().find(|start| {
            text.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', '-']))
        })?;
        Some(Self::moved(text, start, zone, now))
    }

    fn moved(text: &str, start: &str, zone: &Zone, now: Timestamp) -> Result<Self, Rejection> {
        let out = || Rejection::new(format!("{text} lies outside the years 1 to 9999"));
        let mut at = now;
        if start == "today" {
            at = zone.local(now).and_then(|local| zone.moment(local.start_of_day())).ok_or_else(out)?;
        }
        let mut rest = &text[start.len()..];
        while !rest.is_empty() {
            let end = rest[1..].find(['+', '-']).map_or(rest.len(), |end| end + 1);
            let digits = rest[1..end].bytes().take_while(u8::is_ascii_digit).count();
            let (number, unit) = rest[1..end].split_at(digits);
            let number: i64 = number.parse().map_err(|_| wrong(text))?;
            let number = if rest.starts_with('-') { -number } else { number };
            at = if let Some(minutes) =
                EXACT.iter().find(|(name, _)| *name == unit).map(|(_, minutes)| minutes)
            {
                let micros = number.checked_mul(minutes * 60_000_000);
                let moved = micros.and_then(|micros| at.as_micros().checked_add(micros));
                moved.and_then(Timestamp::from_micros).ok_or_else(out)?
            } else {
                let span = match unit {
                    "d" => Span::new().try_days(number),
                    "w" => Span::new().try_weeks(number),
                    "mo" => Span::new().try_months(number),
                    "y" => Span::new().try_years(number),
                    _ => return Err(wrong(text)),
                };
                let moved =
                    span.ok().zip(zone.local(at)).and_then(|(span, local)| local.checked_add(span).ok());
                moved.and_then(|local| zone.moment(local)).ok_or_else(out)?
            };
            rest = &rest[end..];
        }
        Ok(Self { at, written: Some(text.to_owned()) })
    }
}

/// Units that are always as long, in minutes; the others are the calendar's.
const EXACT: [(&str, i64); 2] = [("min", 1), ("h", 60)];

fn wrong(text: &str) -> Rejection {
    let units: Vec<_> = UNITS.iter().map(|(unit, name)| format!("{unit} ({name})")).collect();
    Rejection::new(format!(
        "{text:?} is not a time: after now or today come + or -, a number and one of {}",
        units.join(", ")
    ))
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self { at, written: None }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.written {
            Some(written) => f.write_str(written),
            None => write!(f, "\"{}\"", self.at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, zone: &str) -> Option<Result<String, Rejection>> {
        let now = Timestamp::parse("2026-03-31T22:30:00Z", &Zone::utc()).unwrap();
        let moment = Moment::relative(text, &zone.parse().unwrap(), now)?;
        Some(moment.map(|moment| moment.at.to_string()))
    }

    #[test]
    fn moments_move_with_the_calendar_of_the_zone() {
        for (text, zone, expected) in [
            ("now", "UTC", "2026-03-31T22:30:00Z"),
            ("now+30d", "UTC", "2026-04-30T22:30:00Z"),
            ("now-90min", "UTC", "2026-03-31T21:00:00Z"),
            ("now-1mo", "UTC", "2026-02-28T22:30:00Z"),
            ("today", "UTC", "2026-03-31T00:00:00Z"),
            ("today", "Europe/Paris", "2026-03-31T22:00:00Z"),
            ("today-1w+1d", "UTC", "2026-03-25T00:00:00Z"),
            ("now-3d", "Europe/Paris", "2026-03-28T23:30:00Z"), // a clock change lies between
            ("now+1y", "UTC", "2027-03-31T22:30:00Z"),
        ] {
            assert_eq!(at(text, zone), Some(Ok(expected.to_owned())), "{text} in {zone}");
        }
        for text in [
            "now+",
            "now+d",
            "now+5",
            "now+5x",
            "now++5d",
            "now+9999y",
            "today-3000y",
            "now+99999999999999999999d",
        ] {
            assert!(at(text, "UTC").unwrap().is_err(), "{text}");
        }
        for text in ["nowhere", "soon", "", "tomorrow"] {
            assert!(at(text, "UTC").is_none(), "{text}");
        }
    }
}
