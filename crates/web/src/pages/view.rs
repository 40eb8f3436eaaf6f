//! Parts that several pages show.

use askama::Template;
use askama::filters::HtmlSafe;
use rollcall_domain::{Change, FieldChange, ItemRow, Outcome, Run, RunState, Status, Value, Zone};

pub(super) use super::address::Pager;
use super::messages;
use rollcall_domain::grouped;

/// Whether it stands for a user who was removed and whose name is not known, so that it leads nowhere.
pub(super) fn is_removed(example: &str) -> bool {
    example.starts_with("user #") && example.ends_with(" (removed)")
}

/// How something stands: by sign and word, not by colour alone.
#[derive(Template)]
#[template(path = "part_badge.html")]
pub(super) struct Badge {
    class: &'static str,
    sign: &'static str,
    text: String,
}

impl HtmlSafe for Badge {}

impl Badge {
    fn new(class: &'static str, sign: &'static str, name: &str) -> Self {
        Self { class, sign, text: name.replace('_', " ") }
    }

    pub(super) fn of_outcome(outcome: Outcome) -> Self {
        let (class, sign) = match outcome {
            Outcome::Changed => ("act", "✓"),
            Outcome::Unchanged => ("", "="),
            Outcome::Skipped => ("", "↷"),
            Outcome::Failed => ("bad", "✕"),
            Outcome::TimedOut => ("bad", "⧖"),
            Outcome::Conflict => ("bad", "≠"),
            Outcome::NotRun => ("warn", "○"),
        };
        Self::new(class, sign, outcome.name())
    }

    pub(super) fn of_run(run: &Run) -> Self {
        let (class, sign) = match run.state {
            RunState::Selecting => ("warn", "…"),
            RunState::Queued => ("", "…"),
            RunState::Running => ("act", "▶"),
            RunState::Interrupted => ("warn", "!"),
            RunState::Stopped | RunState::Cancelled => ("bad", "■"),
            RunState::Finished if run.tally.has_trouble() => ("warn", "✓"),
            RunState::Finished => ("good", "✓"),
        };
        let name = if run.is_held() { "held" } else { run.state.name() };
        Self::new(class, sign, name)
    }

    pub(super) fn of_user(status: Status) -> Self {
        let (class, sign) = match status {
            Status::Active => ("good", "✓"),
            Status::Expired => ("warn", "!"),
            Status::Inactive => ("bad", "✕"),
        };
        Self::new(class, sign, status.name())
    }
}

/// One change, as what was and what is.
struct Line {
    what: String,
    old: Option<String>,
    new: Option<String>,
}

/// Changes of one user.
#[derive(Template)]
#[template(path = "part_changes.html")]
pub(super) struct Changes(Vec<Line>);

impl HtmlSafe for Changes {}

impl Changes {
    /// Moments are shown in `zone`.
    pub(super) fn of(changes: &[Change], zone: &Zone) -> Self {
        Self(changes.iter().map(|change| line(change, zone)).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

fn line(change: &Change, zone: &Zone) -> Line {
    let value = |value| value_text(value, zone);
    let new = |what: &str, new: String| Line { what: what.to_owned(), old: None, new: Some(new) };
    let old = |what: &str, old: String| Line { what: what.to_owned(), old: Some(old), new: None };
    let item = |row: &ItemRow| row.to_string();
    match change {
        Change::Set(FieldChange { field, before, after }) => {
            Line { what: field.name().to_owned(), old: Some(value(before)), new: Some(value(after)) }
        }
        Change::ProfileAdd(profile) => new(messages::PROFILE, profile.short_name.clone()),
        Change::ProfileRemove(profile) => old(messages::PROFILE, profile.short_name.clone()),
        Change::AttributeAdd(row) => new(messages::ATTRIBUTE, item(row)),
        Change::AttributeRemove(row) => old(messages::ATTRIBUTE, item(row)),
        Change::CheckAttributeAdd(row) => new(messages::CHECK_ATTRIBUTE, item(row)),
        Change::CheckAttributeRemove(row) => old(messages::CHECK_ATTRIBUTE, item(row)),
    }
}

fn value_text(value: &Value, zone: &Zone) -> String {
    match value {
        Value::Text(text) if text.is_empty() => "\"\"".to_owned(),
        Value::Time(None) => messages::NONE.to_owned(),
        Value::Time(Some(time)) => zone.show(*time),
        other => other.as_ref().to_string(),
    }
}

/// A text of several lines that differs from another, line by line.
pub(super) struct DiffLine {
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// A unified difference as lines.
pub(super) fn diff_lines(old: (&str, &str), new: (&str, &str)) -> Vec<DiffLine> {
    let diff = similar::TextDiff::from_lines(old.1, new.1);
    let text = diff.unified_diff().header(old.0, new.0).to_string();
    let class = |line: &str| match line.as_bytes().first() {
        Some(b'+') if !line.starts_with("+++") => "plus",
        Some(b'-') if !line.starts_with("---") => "minus",
        Some(b'@') => "place",
        _ => "",
    };
    text.lines().map(|line| DiffLine { class: class(line), text: line.to_owned() }).collect()
}

/// Every line of two texts, those that differ marked.
pub(super) fn diff_all(old: &str, new: &str) -> Vec<DiffLine> {
    let diff = similar::TextDiff::from_lines(old, new);
    let line = |change: similar::Change<&str>| {
        let (sign, class) = match change.tag() {
            similar::ChangeTag::Equal => (' ', ""),
            similar::ChangeTag::Delete => ('-', "minus"),
            similar::ChangeTag::Insert => ('+', "plus"),
        };
        DiffLine { class, text: format!("{sign}{}", change.value().trim_end_matches('\n')) }
    };
    diff.iter_all_changes().map(line).collect()
}

/// A number for people.
pub(super) fn number(n: impl std::borrow::Borrow<u64>) -> String {
    grouped(*n.borrow())
}

/// The outcomes of a run as a picture: a bar that is divided as they are.
#[derive(Template)]
#[template(path = "part_bar.html")]
pub(super) struct Bar {
    parts: Vec<Part>,
    told: String,
    /// Whether nobody is at the run.
    at_rest: bool,
}

/// A part of a bar of a thousand.
struct Part {
    class: &'static str,
    at: u64,
    width: u64,
    told: String,
}

impl HtmlSafe for Bar {}

impl Bar {
    pub(super) fn of(run: &Run) -> Self {
        let tally = run.final_tally();
        let all = run.targets.max(1);
        let mut parts = Vec::new();
        let mut before = 0;
        for (outcome, n) in tally.iter().filter(|(_, n)| *n > 0) {
            let at = before * 1_000 / all;
            before += n;
            // Whatever is there is seen.
            let width = (before * 1_000 / all).saturating_sub(at).max(4);
            let told = format!("{} {}", outcome.name().replace('_', " "), grouped(n));
            parts.push(Part { class: outcome.name(), at, width, told });
        }
        let told = parts.iter().map(|part| part.told.as_str()).collect::<Vec<_>>().join(", ");
        Self { parts, told, at_rest: run.state.at_rest() }
    }
}

/// The time for which a run was executed, in seconds.
pub(super) fn seconds(run: &rollcall_domain::Run) -> f64 {
    run.millis as f64 / 1_000.0
}

/// The name of something, as words.
pub(super) fn words(name: &str) -> String {
    name.replace('_', " ")
}
