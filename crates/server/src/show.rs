//! Users, changes and outcomes as lines for people. What programs read is in [`crate::contract`].

use std::time::Duration;

use rollcall_domain::{
    Change, Field, FieldChange, Item, Kind, Outcome, Run, ScriptError, TargetOutcome, Timestamp, Value,
    ValueRef, Zone,
};

use crate::output::{Format, one_line};
use crate::style::{self, grouped, paint};

/// The format of moments: their zone, and whether they are for people or for programs.
#[derive(Debug, Clone)]
pub(crate) struct Times {
    zone: Zone,
    for_people: bool,
}

impl Times {
    /// For a listing in `format`.
    pub(crate) fn new(format: Format, zone: &Zone) -> Self {
        Self { zone: zone.clone(), for_people: format == Format::Table }
    }

    /// `2027-01-31 00:00 CET`
    pub(crate) fn for_people(zone: &Zone) -> Self {
        Self { zone: zone.clone(), for_people: true }
    }

    /// `2027-01-31T00:00:00+01:00`, which imports read back.
    pub(crate) fn for_programs(zone: &Zone) -> Self {
        Self { zone: zone.clone(), for_people: false }
    }

    /// A moment, with every fraction of a second.
    pub(crate) fn exact(&self, time: Timestamp) -> String {
        if self.for_people { self.zone.show(time) } else { self.zone.rfc3339(time) }
    }

    /// A moment to the second, such as when something was done: the whole value is in the JSON.
    pub(crate) fn short(&self, time: Timestamp) -> String {
        self.exact(time.to_second())
    }

    /// A value of a field; nothing for an absent time.
    pub(crate) fn value(&self, value: ValueRef<'_>) -> String {
        match value {
            ValueRef::Time(Some(time)) => self.exact(time),
            other => other.to_string(),
        }
    }

    /// Formats the moments in a change that users have in common. [`rollcall_app::runs::Histogram`] gives it
    /// in UTC: `expiration none → 2027-01-31T00:00:00Z`.
    pub(crate) fn grouped_change(&self, text: &str) -> String {
        let Some((field, rest)) = text.split_once(' ') else { return text.to_owned() };
        if !field.parse::<Field>().is_ok_and(|field| field.kind() == Kind::Time) {
            return text.to_owned();
        }
        let shown = |word: &str| match Timestamp::parse(word, &Zone::utc()) {
            Ok(time) => self.exact(time),
            Err(_) => word.to_owned(),
        };
        format!("{field} {}", rest.split(' ').map(shown).collect::<Vec<_>>().join(" "))
    }

    /// All that a group of users has in common.
    pub(crate) fn grouped_changes(&self, changes: &[String]) -> String {
        changes.iter().map(|text| self.grouped_change(text)).collect::<Vec<_>>().join(", ")
    }
}

/// How long a run was executed.
pub(crate) fn seconds(run: &Run) -> f64 {
    run.millis as f64 / 1_000.0
}

/// A number a second for people, `1,234` or `0.4`; none where that would be 0.
pub(crate) fn per_second(rate: f64) -> Option<String> {
    match rate {
        rate if !rate.is_finite() || rate < 0.05 => None,
        rate if rate < 9.95 => Some(format!("{rate:.1}")),
        rate => Some(grouped(Duration::from_secs_f64((rate + 0.5).min(1e15)).as_secs())),
    }
}

/// A change as one coloured line.
pub(crate) fn change_line(change: &Change, times: &Times) -> String {
    let value = |value| value_text(value, times);
    let added = |what: String| paint(style::NEW, &one_line(&format!("+ {what}")));
    let removed = |what: String| paint(style::OLD, &one_line(&format!("− {what}")));
    match change {
        Change::Set(FieldChange { field, before, after }) => {
            format!("{field}: {} → {}", paint(style::OLD, &value(before)), paint(style::NEW, &value(after)))
        }
        Change::ProfileAdd(profile) => added(format!("profile {}", profile.short_name)),
        Change::ProfileRemove(profile) => removed(format!("profile {}", profile.short_name)),
        Change::AttributeAdd(row) => added(format!("attribute {row}")),
        Change::AttributeRemove(row) => removed(format!("attribute {row}")),
        Change::CheckAttributeAdd(row) => added(format!("check attribute {row}")),
        Change::CheckAttributeRemove(row) => removed(format!("check attribute {row}")),
    }
}

fn value_text(value: &Value, times: &Times) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Time(None) => "none".to_owned(),
        other => times.value(other.as_ref()),
    }
}

/// All changes of an outcome in one cell.
pub(crate) fn changes_cell(outcome: &TargetOutcome, times: &Times) -> String {
    let lines: Vec<_> = outcome.changes.iter().map(|change| change_line(change, times)).collect();
    anstream::adapter::strip_str(&lines.join("; ")).to_string()
}

/// Why a target has not simply worked, in one cell.
pub(crate) fn why_cell(outcome: &TargetOutcome) -> String {
    match (&outcome.error, &outcome.reason) {
        // The line first: a table may cut the rest.
        (Some(error @ ScriptError { line: Some(line), .. }), _) => {
            let bare = ScriptError { line: None, ..error.clone() };
            format!("line {line}: {}", error_text(&bare))
        }
        (Some(error), _) => error_text(error),
        (None, Some(reason)) => reason.clone(),
        (None, None) => String::new(),
    }
}

/// `OverflowError: date value out of range (line 9)`
pub(crate) fn error_text(error: &ScriptError) -> String {
    let line = error.line.map_or_else(String::new, |line| format!(" (line {line})"));
    let text = if error.message.is_empty() {
        format!("{}{line}", error.kind)
    } else {
        format!("{}: {}{line}", error.kind, error.message)
    };
    one_line(&text)
}

/// Items as one cell.
pub(crate) fn items_cell(items: &[Item]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The counts of a run: `changed 9 · failed 1`.
pub(crate) fn tally_line(tally: &rollcall_domain::Tally) -> String {
    let shown = tally.iter().filter(|(_, n)| *n > 0).map(|(outcome, n)| {
        let style = match outcome {
            Outcome::Changed => style::GOOD,
            Outcome::Unchanged | Outcome::Skipped => style::FAINT,
            Outcome::Failed | Outcome::TimedOut | Outcome::Conflict => style::BAD,
            Outcome::NotRun => style::WARN,
        };
        paint(style, &format!("{} {}", outcome.name().replace('_', " "), style::grouped(n)))
    });
    let shown: Vec<_> = shown.collect();
    if shown.is_empty() { "nothing to do".to_owned() } else { shown.join(" · ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_never_shown_as_zero() {
        let shown = [0.0, 0.01, 0.05, 0.4, 1.0, 9.94, 9.96, 1234.5, f64::NAN, f64::INFINITY].map(per_second);
        let shown: Vec<_> = shown.iter().map(|shown| shown.as_deref().unwrap_or("-")).collect();
        assert_eq!(shown, ["-", "-", "0.1", "0.4", "1.0", "9.9", "10", "1,235", "-", "-"]);
    }
}
