//! Numbers and untrusted text as people read them, alike on terminals, pages and in exported tables.

use std::borrow::Cow;

/// `1,234,567`
///
/// ```
/// assert_eq!(rollcall_domain::grouped(1_234_567), "1,234,567");
/// ```
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 user`, `2 users`
///
/// ```
/// assert_eq!(rollcall_domain::counted(1_000, "user"), "1,000 users");
/// ```
#[must_use]
pub fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// A rate per second, `1,234` or `0.4`; none where that would be 0.
///
/// # Examples
///
/// ```
/// use rollcall_domain::per_second;
///
/// assert_eq!(per_second(1_234.4).as_deref(), Some("1,234"));
/// assert_eq!(per_second(0.42).as_deref(), Some("0.4"));
/// assert_eq!(per_second(0.01), None);
/// ```
#[must_use]
pub fn per_second(rate: f64) -> Option<String> {
    match rate {
        rate if !rate.is_finite() || rate < 0.05 => None,
        rate if rate < 9.95 => Some(format!("{rate:.1}")),
        rate => Some(grouped(std::time::Duration::from_secs_f64((rate + 0.5).min(1e15)).as_secs())),
    }
}

fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// Text for a cell that a spreadsheet reads. A spreadsheet takes a cell that starts with one of a few characters for a
/// formula and may execute it, so such a text gets an apostrophe in front, which spreadsheets take for "this is text".
///
/// Source: OWASP, "CSV Injection".
///
/// # Examples
///
/// ```
/// use rollcall_domain::{defuse, restore};
///
/// assert_eq!(defuse("=1+1"), "'=1+1");
/// assert_eq!(restore(&defuse("=1+1")), "=1+1");
/// assert_eq!(defuse("gold"), "gold");
/// ```
#[must_use]
pub fn defuse(text: &str) -> Cow<'_, str> {
    if is_formula(text) { format!("'{text}").into() } else { text.into() }
}

/// The text that was given to [`defuse`].
#[must_use]
pub fn restore(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|_| is_formula(cell)).unwrap_or(cell)
}

/// Text from users and scripts, safe for a terminal: on one line and without control characters.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '␤' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let shown: Vec<_> = [0, 12, 999, 1_000, 12_345_678].map(grouped).into();
        assert_eq!(shown, ["0", "12", "999", "1,000", "12,345,678"]);
    }

    #[test]
    fn rates_are_never_shown_as_zero() {
        let shown = [0.0, 0.01, 0.05, 0.4, 1.0, 9.94, 9.96, 1234.5, f64::NAN, f64::INFINITY].map(per_second);
        let shown: Vec<_> = shown.iter().map(|shown| shown.as_deref().unwrap_or("-")).collect();
        assert_eq!(shown, ["-", "-", "0.1", "0.4", "1.0", "9.9", "10", "1,235", "-", "-"]);
    }

    #[test]
    fn defused_text_is_restored() {
        for text in ["", "plain", "'quoted'", "=1+1", "+49 30", "-", "@x", "'=1", "''+", "\tx", "o'brien"] {
            assert_eq!(restore(&defuse(text)), text);
        }
        assert_eq!(defuse("=cmd()"), "'=cmd()");
        assert_eq!(restore("'tis"), "'tis");
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(one_line("a\u{1b}[2Jb\r\nc"), "a␤[2Jb␤␤c");
    }
}
