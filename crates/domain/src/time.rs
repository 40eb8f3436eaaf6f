//! Moments from year 1 to 9999 in microseconds, as in Python. They are read and shown in a time zone.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time, date};
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Rejection, did_you_mean};

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

    /// Reads RFC 3339 / ISO 8601: `2026-12-01T00:00:00Z`, with any offset, a space for the `T`, without seconds, or a
    /// date alone, which is its first moment. `2026-12-01 24:00` is the end of that day: the first moment of the next
    /// one. Without an offset the time is in `zone`; one that a change of clocks skips or repeats is read with the
    /// offset before the change.
    ///
    /// # Errors
    ///
    /// The text has another form, or the moment lies outside the years 1 to 9999.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), rollcall_domain::Rejection> {
    /// use rollcall_domain::{Timestamp, Zone};
    ///
    /// let berlin: Zone = "Europe/Berlin".parse()?;
    /// let new_year = Timestamp::parse("2027-01-01", &berlin)?;
    /// assert_eq!(new_year, Timestamp::parse("2026-12-31T23:00:00Z", &Zone::utc())?);
    /// assert_eq!(new_year, Timestamp::parse("2026-12-31 24:00", &berlin)?);
    /// assert_eq!(berlin.show(new_year), "2027-01-01 00:00 CET");
    /// # Ok(())
    /// # }
    /// ```
    pub fn parse(text: &str, zone: &Zone) -> Result<Self, Rejection> {
        let wrong = || {
            Rejection::new(format!(
                "{text:?} is not a date and time: write 2026-12-01, 2026-12-01T18:30:00 or 2026-12-01T18:30:00Z"
            ))
        };
        let (day, ends) = start_of_ended_day(text.trim());
        let pieces = DateTimeParser::new().parse_pieces(day.as_ref()).map_err(|_| wrong())?;
        if pieces.time_zone_annotation().is_some() {
            return Err(wrong()); // `2026-12-01T00:00[Europe/Paris]` is RFC 9557; offsets say it without a zone's rules
        }
        let date = if ends { pieces.date().tomorrow().map_err(|_| wrong())? } else { pieces.date() };
        let local = date.to_datetime(pieces.time().unwrap_or(Time::midnight()));
        let utc = match pieces.to_numeric_offset() {
            Some(offset) => micros_of(local) - i64::from(offset.seconds()) * 1_000_000,
            None => zone.utc_micros(local),
        };
        Self::from_micros(utc).ok_or_else(wrong)
    }

    /// The second that it lies in.
    #[must_use]
    pub fn to_second(self) -> Self {
        Self(self.0 - self.0.rem_euclid(1_000_000))
    }

    fn civil(self) -> DateTime {
        EPOCH.checked_add(SignedDuration::from_micros(self.0)).expect("years 1 to 9999 are civil dates")
    }
}

/// `2026-12-01T24:00` as `2026-12-01T00:00`, and whether the text was written like that. ISO 8601 has it, `jiff` does not.
fn start_of_ended_day(text: &str) -> (Cow<'_, str>, bool) {
    let (Some(day), Some(clock)) = (text.get(..11), text.get(11..)) else { return (text.into(), false) };
    let is_end =
        |rest: &str| rest.trim_start_matches([':', '0', '.', ',']).starts_with(['+', '-', 'Z', 'z', '[']);
    match clock.strip_prefix("24") {
        Some(rest) if rest.bytes().all(|byte| b":0.,".contains(&byte)) || is_end(rest) => {
            (format!("{day}00{rest}").into(), true)
        }
        _ => (text.into(), false),
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
    type Err = Rejection;

    fn from_str(text: &str) -> Result<Self, Rejection> {
        let shaped = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        match text.parse::<Date>() {
            Ok(day) if shaped && day.year() >= 1 => Ok(Self(day)),
            _ => Err(Rejection::new(format!("{text:?} is not a date such as 2026-12-31"))),
        }
    }
}

/// ISO 8601: `2026-12-31`.
impl fmt::Display for CivilDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A time zone: how dates without an offset are read, by scripts and files alike, and moments are shown.
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

    /// The names of all zones.
    #[must_use]
    pub fn names() -> Vec<String> {
        let known = jiff::tz::TimeZoneDatabase::bundled();
        known.available().map(|name| name.as_str().to_owned()).collect()
    }

    /// A moment for people, with the zone's abbreviation: `2027-01-31 00:00 CET`. Seconds are shown unless they are zero.
    #[must_use]
    pub fn show(&self, time: Timestamp) -> String {
        match self.local_clock(time) {
            Some((local, _, abbreviation)) => format!("{} {abbreviation}", Clock(local)),
            None => format!("{} UTC", Clock(time.civil())),
        }
    }

    /// A moment for programs, in RFC 3339 with the zone's offset: `2027-01-31T00:00:00+01:00`. [`Timestamp::parse`] reads it
    /// back, whatever zone that is given.
    #[must_use]
    pub fn rfc3339(&self, time: Timestamp) -> String {
        match self.local_clock(time) {
            // RFC 3339 has no seconds in offsets, which clocks had until about 1900.
            Some((local, offset, _)) if offset != 0 && offset % 60 == 0 => {
                let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
                format!("{local}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
            _ => time.to_string(),
        }
    }

    /// Writes a moment as people type it: without an offset, `2027-01-31 00:00`, where [`Timestamp::parse`]
    /// reads that back in this zone; else as [`Zone::rfc3339`] has it.
    #[must_use]
    pub fn typed(&self, time: Timestamp) -> String {
        let short = self.local_clock(time).map(|(local, ..)| Clock(local).to_string());
        let reads_back = |text: &String| Timestamp::parse(text, self).is_ok_and(|read| read == time);
        short.filter(reads_back).unwrap_or_else(|| self.rfc3339(time))
    }

    /// The number of days between two moments at which clocks in the zone show the same time, negative where
    /// the second comes first. None where they show different times, or the same day. Days on which clocks
    /// change count as any other.
    #[must_use]
    pub fn whole_days(&self, from: Timestamp, to: Timestamp) -> Option<i64> {
        let micros = micros_of(self.local(to)?) - micros_of(self.local(from)?);
        let (days, rest) = (micros / DAY, micros % DAY);
        (days != 0 && rest == 0).then_some(days)
    }

    /// The date in the zone; that in UTC where it lies outside the years 1 to 9999.
    #[must_use]
    pub fn date(&self, time: Timestamp) -> Date {
        self.local(time).unwrap_or_else(|| time.civil()).date()
    }

    /// The date and time that clocks in the zone show at `time`; none outside the years 1 to 9999.
    pub(crate) fn local(&self, time: Timestamp) -> Option<DateTime> {
        self.local_clock(time).map(|(local, ..)| local)
    }

    /// The date and time that clocks in the zone show at `time`, the seconds they are ahead of UTC, and the
    /// abbreviation of that offset. None outside the years 1 to 9999.
    fn local_clock(&self, time: Timestamp) -> Option<(DateTime, i32, String)> {
        let moment = |micros| jiff::Timestamp::from_microsecond(micros);
        // `jiff` ends a day early. The calendar repeats itself, weekdays and all.
        let known = moment(time.0).or_else(|_| moment(time.0 - CALENDAR_CYCLE)).ok()?;
        let info = self.0.to_offset_info(known);
        let ahead = info.offset().seconds();
        let local = Timestamp::from_micros(time.0 + i64::from(ahead) * 1_000_000)?.civil();
        Some((local, ahead, info.abbreviation().to_owned()))
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

/// After 400 years, in microseconds, each date has the weekday that it had.
const CALENDAR_CYCLE: i64 = 146_097 * DAY;

/// A day of 24 hours, in microseconds.
const DAY: i64 = 86_400_000_000;

/// A clock's reading for people: `2027-01-31 00:00`, with seconds and their fraction where there are some.
struct Clock(DateTime);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, time) = (self.0.date(), self.0.time());
        if time.second() == 0 && time.subsec_nanosecond() == 0 {
            write!(f, "{date} {:02}:{:02}", time.hour(), time.minute())
        } else {
            write!(f, "{date} {time}")
        }
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl FromStr for Zone {
    type Err = Rejection;

    fn from_str(name: &str) -> Result<Self, Rejection> {
        if name == "UTC" {
            return Ok(Self::utc());
        }
        jiff::tz::TimeZoneDatabase::bundled().get(name).map(Self).map_err(|_| {
            let names = Self::names();
            let close = if name.chars().all(char::is_alphabetic) {
                // A city alone is what people remember.
                let city = |zone: &String| zone.rsplit('/').next().unwrap_or_default().to_lowercase();
                let cities: Vec<_> = names.iter().map(city).collect();
                let close = did_you_mean(&name.to_lowercase(), cities.iter().map(String::as_str));
                close.and_then(|close| cities.iter().position(|city| city == close)).map(|at| &names[at])
            } else {
                None
            };
            let close = close.map(String::as_str);
            let hint = match close.or_else(|| did_you_mean(name, names.iter().map(String::as_str))) {
                Some(close) => format!("; did you mean {close}?"),
                None => ": write an IANA name such as Europe/Paris".to_owned(),
            };
            Rejection::new(format!("{name:?} is not a time zone{hint}"))
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
    }

    #[test]
    fn the_end_of_a_day_is_the_next_midnight() {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        for (text, moment) in [
            ("2027-01-31 24:00", "2027-01-31T23:00:00Z"),
            ("2026-12-31T24:00:00", "2026-12-31T23:00:00Z"),
            ("2026-12-31T24:00:00.000Z", "2027-01-01T00:00:00Z"),
            ("2028-02-28 24:00+02:00", "2028-02-28T22:00:00Z"),
        ] {
            assert_eq!(Timestamp::parse(text, &berlin).unwrap().to_string(), moment, "{text}");
        }
        for text in [
            "2027-01-31 24:01",
            "2027-01-31 24:00:00.5",
            "2027-01-31T24:00:01Z",
            "9999-12-31T24:00Z",
            "2027-01-31T240",
        ] {
            assert!(Timestamp::parse(text, &berlin).is_err(), "{text}");
        }
    }

    #[test]
    fn moments_are_shown_in_the_zone_and_read_back() {
        let read = |text| Timestamp::parse(text, &Zone::utc()).unwrap();
        for (zone, moment, shown, exported, typed) in [
            ("UTC", "2027-01-31", "2027-01-31 00:00 UTC", "2027-01-31T00:00:00Z", "2027-01-31 00:00"),
            (
                "Europe/Berlin",
                "2027-01-30T23:00:00Z",
                "2027-01-31 00:00 CET",
                "2027-01-31T00:00:00+01:00",
                "2027-01-31 00:00",
            ),
            (
                "Europe/Berlin",
                "2027-07-01T10:30:05.25Z",
                "2027-07-01 12:30:05.25 CEST",
                "2027-07-01T12:30:05.25+02:00",
                "2027-07-01 12:30:05.25",
            ),
            // The hour that there is twice: the second one has to be told by its offset.
            (
                "Europe/Berlin",
                "2026-10-25T01:30:00Z",
                "2026-10-25 02:30 CET",
                "2026-10-25T02:30:00+01:00",
                "2026-10-25T02:30:00+01:00",
            ),
            (
                "Europe/Berlin",
                "2026-10-25T00:30:00Z",
                "2026-10-25 02:30 CEST",
                "2026-10-25T02:30:00+02:00",
                "2026-10-25 02:30",
            ),
            (
                "America/Sao_Paulo",
                "2027-01-31T03:00:00Z",
                "2027-01-31 00:00 -03",
                "2027-01-31T00:00:00-03:00",
                "2027-01-31 00:00",
            ),
            (
                "Asia/Kathmandu",
                "2027-01-30T18:15:00Z",
                "2027-01-31 00:00 +0545",
                "2027-01-31T00:00:00+05:45",
                "2027-01-31 00:00",
            ),
            // Local mean time, with seconds in its offset.
            (
                "Europe/Berlin",
                "1850-01-01T00:00:00Z",
                "1850-01-01 00:53:28 LMT",
                "1850-01-01T00:00:00Z",
                "1850-01-01 00:53:28",
            ),
        ] {
            let (zone, moment): (Zone, _) = (zone.parse().unwrap(), read(moment));
            assert_eq!(zone.show(moment), shown);
            assert_eq!(
                (zone.rfc3339(moment).as_str(), zone.typed(moment).as_str()),
                (exported, typed),
                "{shown}"
            );
            assert_eq!(read(exported), moment);
        }
    }

    #[test]
    fn days_are_those_of_the_calendar_also_where_clocks_change() {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        let days = |from, to| {
            let read = |text| Timestamp::parse(text, &berlin).unwrap();
            berlin.whole_days(read(from), read(to))
        };
        assert_eq!(days("2026-10-20", "2026-11-19"), Some(30));
        assert_eq!(days("2026-04-14", "2026-03-15"), Some(-30));
        assert_eq!(days("2026-10-20", "2026-10-20 12:00"), None);
        // The same time by the clock, an hour later.
        assert_eq!(days("2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"), None);
    }

    #[test]
    fn the_ends_of_the_calendar_are_shown_and_read_back_in_every_zone() {
        for name in Zone::names() {
            let zone: Zone = name.parse().unwrap();
            for moment in
                [Timestamp::MIN, Timestamp::MAX, Timestamp::MAX.minus(Duration::from_secs(2 * 86_400))]
            {
                assert_eq!(Timestamp::parse(&zone.rfc3339(moment), &zone).unwrap(), moment, "{name}");
                assert_eq!(Timestamp::parse(&zone.typed(moment), &zone).unwrap(), moment, "{name}");
                assert!(zone.show(moment).len() >= "9999-12-31 00:00 ".len());
            }
        }
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        let never = Timestamp::parse("9999-12-31", &berlin).unwrap();
        assert_eq!(berlin.show(never), "9999-12-31 00:00 CET");
        assert_eq!(berlin.show(Timestamp::MAX), "9999-12-31 23:59:59.999999 UTC");
    }

    #[test]
    fn what_is_no_zone_is_answered_with_the_closest() {
        let why = |name: &str| name.parse::<Zone>().unwrap_err().to_string();
        assert_eq!(why("Europe/Berln"), "\"Europe/Berln\" is not a time zone; did you mean Europe/Berlin?");
        assert_eq!(why("berlin"), "\"berlin\" is not a time zone; did you mean Europe/Berlin?");
        assert_eq!(why("Tokio"), "\"Tokio\" is not a time zone; did you mean Asia/Tokyo?");
        assert_eq!(why("+02:00"), "\"+02:00\" is not a time zone: write an IANA name such as Europe/Paris");
        assert_eq!("europe/paris".parse::<Zone>().unwrap().name(), "Europe/Paris");
    }
}
