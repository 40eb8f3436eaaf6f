//! Durations as people write them: `90d`, `12h`, `500ms`.

use std::time::Duration;

use jiff::fmt::friendly::{Spacing, SpanParser, SpanPrinter};
use jiff::{Span, SpanRelativeTo, SpanRound, ToSpan, Unit};

/// Days of a year in a duration, which knows no calendar.
const DAYS_OF_YEAR: i64 = 365;

/// Reads a duration in the friendly format of `jiff`: `90d`, `8w`, `2h30m`, `1.5s` or `9 days`.
///
/// A day has 24 hours, a week 7 days and a year 365 days. Returns `None` for another form, for months, whose length
/// differs, and for a negative duration.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use rollcall_domain::parse_duration;
///
/// assert_eq!(parse_duration("2h 30m"), Some(Duration::from_secs(9_000)));
/// assert_eq!(parse_duration("1mo"), None);
/// ```
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let span = SpanParser::new().parse_span(text).ok()?;
    if span.get_months() != 0 {
        return None;
    }
    let days_of_years = i64::from(span.get_years()).checked_mul(DAYS_OF_YEAR)?;
    let rest = span.years(0).to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    let whole =
        rest.checked_add(days_of_years.days().to_duration(SpanRelativeTo::days_are_24_hours()).ok()?)?;
    Duration::try_from(whole).ok()
}

/// Writes a duration in whole seconds as `90d`, `1d12h` or `45m`, which [`parse_duration`] reads.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use rollcall_domain::format_duration;
///
/// assert_eq!(format_duration(Duration::from_secs(36 * 3_600)), "1d12h");
/// ```
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    let largest = SpanRound::new().largest(Unit::Day).days_are_24_hours();
    let span = Span::new().try_seconds(seconds).and_then(|span| span.round(largest));
    let printer = SpanPrinter::new().spacing(Spacing::None);
    span.map_or_else(|_| format!("{seconds}s"), |span| printer.span_to_string(&span))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, seconds) in [
            ("7s", 7.0),
            ("500ms", 0.5),
            ("1.5s", 1.5),
            ("45m", 2_700.0),
            ("45min", 2_700.0),
            ("1.5h", 5_400.0),
            ("2h30m", 9_000.0),
            ("0d", 0.0),
            ("9 days", 777_600.0),
            ("8w", 4_838_400.0),
            ("1y", 31_536_000.0),
        ] {
            assert_eq!(parse_duration(text).map(|time| time.as_secs_f64()), Some(seconds), "{text}");
        }
        for text in ["", "90", "d", "-1d", "1d ago", "1.5d", "1mo", "0x1d", "99999999999d", "yesterday"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_written_as_they_are_read() {
        for text in ["90d", "12h", "1d12h", "45m", "1h0m7s", "7s", "0s", "365000d"] {
            let read = parse_duration(text).unwrap();
            assert_eq!(parse_duration(&format_duration(read)), Some(read));
            if text != "1h0m7s" {
                assert_eq!(format_duration(read), text);
            }
        }
    }
}
