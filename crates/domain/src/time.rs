use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time, date};
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Refusal;

const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

/// A moment in microseconds since 1970-01-01T00:00:00Z, from year 1 to the end of year 9999: exactly what a
/// Python `datetime` holds. (`jiff::Timestamp` ends a day short of the `9999-12-31` that operators write for
/// "never".)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 0001-01-01T00:00:00Z.
    pub const MIN: Self = Self(-62_135_596_800_000_000);
    /// 9999-12-31T23:59:59.999999Z.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// The moment `micros` microseconds after the epoch; `None` outside the years 1 to 9999.
    #[must_use]
    pub fn from_micros(micros: i64) -> Option<Self> {
        (Self::MIN.0..=Self::MAX.0).contains(&micros).then_some(Self(micros))
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// So much later; the calendar's end where that is after it.
    #[must_use]
    pub fn plus(self, time: Duration) -> Self {
        let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros).min(Self::MAX.0))
    }

    /// So much earlier; the calendar's start where that is before it.
    #[must_use]
    pub fn minus(self, time: Duration) -> Self {
        let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(micros).max(Self::MIN.0))
    }

    /// Reads RFC 3339 / ISO 8601: `2026-12-01T00:00:00Z`, with any offset, a space for the `T`, without
    /// seconds, or a date alone. Without an offset the time is taken to be in `zone`.
    pub fn parse(text: &str, zone: &Zone) -> Result<Self, Refusal> {
        let wrong = || {
            Refusal::new(format!(
                "{text:?} is not a date and time: write 2026-12-01, 2026-12-01T18:30:00 or 2026-12-01T18:30:00Z"
            ))
        };
        let pieces = DateTimeParser::new().parse_pieces(text.trim()).map_err(|_| wrong())?;
        if pieces.time_zone_annotation().is_some() {
            return Err(wrong()); // `2026-12-01T00:00[Europe/Paris]` is RFC 9557; offsets say it without a zone's rules
        }
        let local = pieces.date().to_datetime(pieces.time().unwrap_or(Time::midnight()));
        let utc = match pieces.to_numeric_offset() {
            Some(offset) => micros_of(local) - i64::from(offset.seconds()) * 1_000_000,
            None => zone.utc_micros(local),
        };
        Self::from_micros(utc).ok_or_else(wrong)
    }

    fn civil(self) -> DateTime {
        EPOCH.checked_add(SignedDuration::from_micros(self.0)).expect("years 1 to 9999 are civil dates")
    }

    /// The date in UTC.
    #[must_use]
    pub fn date(self) -> Date {
        self.civil().date()
    }
}

fn micros_of(local: DateTime) -> i64 {
    i64::try_from(local.duration_since(EPOCH).as_micros()).expect("civil dates are within 2^63 microseconds")
}

/// RFC 3339 in UTC, with a fraction only where there is one: `2026-12-01T00:00:00Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Z", self.civil())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text, &Zone::utc()).map_err(serde::de::Error::custom)
    }
}

/// A day of the calendar, from year 1 to 9999: what a Python `date` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CivilDate(Date);

/// Reads `2026-12-31` and no other form.
impl FromStr for CivilDate {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let shaped = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        match text.parse::<Date>() {
            Ok(day) if shaped && day.year() >= 1 => Ok(Self(day)),
            _ => Err(Refusal::new(format!("{text:?} is not a date such as 2026-12-31"))),
        }
    }
}

/// ISO 8601: `2026-12-31`.
impl fmt::Display for CivilDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The installation's time zone: how dates without an offset are read, by scripts and files alike.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

impl Zone {
    /// UTC, the default.
    #[must_use]
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The zone's IANA name, such as `Europe/Paris`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// What clocks in the zone show at `time`; none in the last days of year 9999.
    pub(crate) fn local(&self, time: Timestamp) -> Option<DateTime> {
        let moment = jiff::Timestamp::from_microsecond(time.as_micros()).ok()?;
        Some(self.0.to_datetime(moment))
    }

    /// The moment at which clocks in the zone show `local`; none outside the years 1 to 9999.
    pub(crate) fn moment(&self, local: DateTime) -> Option<Timestamp> {
        Timestamp::from_micros(self.utc_micros(local))
    }

    /// A time that a change of clocks skips or repeats is read as the earlier offset, as Python does (PEP 495).
    fn utc_micros(&self, local: DateTime) -> i64 {
        let offset = self.0.to_ambiguous_timestamp(local).offset();
        let offset = match offset {
            jiff::tz::AmbiguousOffset::Unambiguous { offset } => offset,
            jiff::tz::AmbiguousOffset::Gap { before, .. }
            | jiff::tz::AmbiguousOffset::Fold { before, .. } => before,
        };
        micros_of(local) - i64::from(offset.seconds()) * 1_000_000
    }
}

impl FromStr for Zone {
    type Err = Refusal;

    fn from_str(name: &str) -> Result<Self, Refusal> {
        if name == "UTC" {
            return Ok(Self::utc());
        }
        jiff::tz::TimeZoneDatabase::bundled().get(name).map(Self).map_err(|_| {
            Refusal::new(format!("{name:?} is not a time zone: write an IANA name such as Europe/Paris"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> String {
        Timestamp::parse(text, &Zone::utc()).unwrap().to_string()
    }

    #[test]
    fn reads_the_usual_forms_and_the_ends_of_the_calendar() {
        assert_eq!(utc("2026-12-01"), "2026-12-01T00:00:00Z");
        assert_eq!(utc("2026-12-01 18:30"), "2026-12-01T18:30:00Z");
        assert_eq!(utc("2026-12-01T18:30:00.25+02:00"), "2026-12-01T16:30:00.25Z");
        assert_eq!(utc("9999-12-31T23:59:59.999999Z"), "9999-12-31T23:59:59.999999Z");
        assert_eq!(utc("0001-01-01T00:00:00Z"), "0001-01-01T00:00:00Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp::MIN.to_string(), "0001-01-01T00:00:00Z");
    }

    #[test]
    fn refuses_what_is_no_date_or_lies_outside() {
        for text in [
            "",
            "soon",
            "2026-13-01",
            "2026-02-30",
            "01/02/2026",
            "2026-07-01T00:00[Europe/Paris]",
            "9999-12-31T23:59:59-01:00",
        ] {
            assert!(Timestamp::parse(text, &Zone::utc()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_naive_time_is_in_the_installations_zone() {
        let paris: Zone = "Europe/Paris".parse().unwrap();
        assert_eq!(Timestamp::parse("2026-07-01", &paris).unwrap().to_string(), "2026-06-30T22:00:00Z");
        assert_eq!(
            Timestamp::parse("9999-12-31T23:59:59", &paris).unwrap().to_string(),
            "9999-12-31T22:59:59Z"
        );
        assert!("Mars/Olympus".parse::<Zone>().is_err());
    }
}
