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

/// Whether lines are JSON objects.
pub(crate) fn is_for_programs() -> bool {
    FOR_PROGRAMS.load(Ordering::Relaxed)
}

/// From now on each line is a JSON object.
pub(crate) fn tell_programs() {
    FOR_PROGRAMS.store(true, Ordering::Relaxed);
}

/// A line on standard error, for whoever watches. That it cannot be written changes nothing about the work.
pub(crate) fn tell(line: Arguments<'_>) {
    lines::write(told(line.to_string()));
}

/// From now on a thread writes the lines, for which nothing waits.
pub fn write_log_apart() {
    lines::write_apart(|lost| told(format!("warning: {lost} lines are missing here: nobody has read them")));
}

fn told(line: String) -> String {
    if is_for_programs() { as_object(&line) } else { line }
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

#[cfg(test)]
mod tests {
    use super::*;

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
