//! Colours, and lines for people on standard error. `anstream` leaves the colours out where no terminal shows them.

use std::fmt::Arguments;
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};
use rollcall_domain::{Clock as _, SystemClock};
use serde_json::json;

use crate::lines;

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const STRONG: Style = Style::new().bold();
pub(crate) const OLD: Style = AnsiColor::Red.on_default();
pub(crate) const NEW: Style = AnsiColor::Green.on_default();

/// `text` in `style`.
pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Whether what is told is for programs.
static FOR_PROGRAMS: AtomicBool = AtomicBool::new(false);

/// From now on whatever is told is a JSON object a line.
pub(crate) fn tell_programs() {
    FOR_PROGRAMS.store(true, Ordering::Relaxed);
}

/// A line on standard error, for whoever watches. That it cannot be written changes nothing about the work.
pub(crate) fn tell(line: Arguments<'_>) {
    lines::write(told(line.to_string()));
}

/// From now on nobody waits until what they tell is read.
pub(crate) fn tell_apart() {
    lines::write_apart(|lost| told(format!("warning: {lost} lines are missing here: nobody has read them")));
}

fn told(line: String) -> String {
    if FOR_PROGRAMS.load(Ordering::Relaxed) { as_object(&line) } else { line }
}

fn as_object(line: &str) -> String {
    let line = anstream::adapter::strip_str(line).to_string();
    let told =
        |level, message: &str| json!({"time": SystemClock.now(), "level": level, "message": message.trim()});
    let object = match line.split_once(": ") {
        Some((level @ ("error" | "warning"), message)) => told(level, message),
        _ => told("info", &line),
    };
    object.to_string()
}

/// `1,234,567`
pub(crate) fn grouped(n: u64) -> String {
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
pub(crate) fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(n), if n == 1 { "" } else { "s" })
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
    fn programs_are_told_how_bad_it_is() {
        for (line, level, message) in [
            ("Rollcall listens", "info", "Rollcall listens"),
            ("warning: a \"b\"", "warning", "a \"b\""),
            ("\u{1b}[1merror:\u{1b}[0m c: d", "error", "c: d"),
            ("  http://127.0.0.1/", "info", "http://127.0.0.1/"),
        ] {
            let told: serde_json::Value = serde_json::from_str(&as_object(line)).unwrap();
            assert_eq!((&told["level"], &told["message"]), (&json!(level), &json!(message)));
            assert!(told["time"].as_str().unwrap().ends_with('Z'));
        }
    }
}
