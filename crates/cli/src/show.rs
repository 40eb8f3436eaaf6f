//! Changes, items and counts as lines for people.

use rollcall_api::{Change, ChangeSide, RadiusItem, Run};
use rollcall_domain::{Outcome, Tally, Times, Zone, grouped};

use crate::output::Format;
use crate::style::{self, paint};

/// The format of moments in a listing.
pub(crate) fn times(format: Format, zone: &Zone) -> Times {
    if format == Format::Table { Times::for_people(zone) } else { Times::for_programs(zone) }
}

/// A change as one coloured line.
pub(crate) fn change_line(change: &Change, times: &Times) -> String {
    change.describe(times, |side, text| match side {
        ChangeSide::Before => paint(style::OLD, text),
        ChangeSide::After => paint(style::NEW, text),
    })
}

/// A change as one line without colours.
pub(crate) fn plain_change(change: &Change, times: &Times) -> String {
    change.describe(times, |_, text| text.to_owned())
}

/// Items as one cell.
pub(crate) fn items_cell(items: &[RadiusItem]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The noun for the targets of a run.
pub(crate) fn noun(run: &Run) -> &'static str {
    if run.columns().is_some() { "row" } else { "user" }
}

/// The counts of a run: `changed 9 · failed 1`.
pub(crate) fn tally_line(tally: &Tally) -> String {
    let shown = tally.iter().filter(|(_, n)| *n > 0).map(|(outcome, n)| {
        let style = match outcome {
            Outcome::Changed => style::GOOD,
            Outcome::Unchanged | Outcome::Skipped => style::FAINT,
            Outcome::Failed | Outcome::TimedOut | Outcome::Conflict => style::BAD,
            Outcome::NotRun => style::WARN,
        };
        paint(style, &format!("{} {}", outcome.name().replace('_', " "), grouped(n)))
    });
    let shown: Vec<_> = shown.collect();
    if shown.is_empty() { "nothing to do".to_owned() } else { shown.join(" · ") }
}
