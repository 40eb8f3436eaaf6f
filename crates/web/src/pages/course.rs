//! The outcome distribution of a run along its targets as a picture, with a text alternative.

use super::template::filters;
use askama::Template;
use askama::filters::HtmlSafe;
use rollcall_app::runs::CoursePart;
use rollcall_domain::{Outcome, Run, Tally};

/// The width and the height of all of it.
pub(super) const WIDTH: u64 = 1_200;
pub(super) const HEIGHT: u64 = 100;
/// The height of the strip below it.
const STRIP: u64 = 28;

/// One part of the list, as a column.
struct Column {
    first: u64,
    last: u64,
    at: u64,
    width: u64,
    pieces: Vec<Piece>,
    /// Milliseconds a target.
    millis: String,
    /// The same as a height.
    slow: u64,
}

/// The targets of a column with one outcome.
pub(super) struct Piece {
    pub(super) outcome: Outcome,
    pub(super) targets: u64,
    pub(super) at: u64,
    pub(super) height: u64,
}

/// The outcomes of a column, one above the other; `full` of them reach its top.
pub(super) fn pile(tally: &Tally, full: u64) -> Vec<Piece> {
    let mut below = 0;
    let pieces = tally.iter().filter(|(_, targets)| *targets > 0).map(|(outcome, targets)| {
        let from = below * HEIGHT / full;
        below += targets;
        // Whatever is there is seen.
        let height = (below * HEIGHT / full).saturating_sub(from).max(2);
        Piece { outcome, targets, at: HEIGHT.saturating_sub(from + height), height }
    });
    pieces.collect()
}

#[derive(Template)]
#[template(path = "part_course.html")]
pub(super) struct Course {
    columns: Vec<Column>,
    width: u64,
    height: u64,
    /// For the strip; a plan that is written takes no time a target.
    room: u64,
}

impl HtmlSafe for Course {}

impl Course {
    /// `parts` are those that have outcomes, each as long as the others.
    pub(super) fn of(run: &Run, parts: &[CoursePart]) -> Self {
        let all = run.targets.max(1);
        let most = super::run::COURSE.min(all);
        // Where the next part begins: the first target whose number times the parts reaches it.
        let begin = |part: u64| (part * all).div_ceil(most);
        let pace = |part: &CoursePart| part.micros / part.tally.total().max(1);
        let slowest = parts.iter().map(pace).max().unwrap_or(0).max(1);
        let column = |part: &CoursePart| {
            let (first, last) = (begin(part.part), begin(part.part + 1));
            let at = first * WIDTH / all;
            Column {
                first: first + 1,
                last,
                at,
                width: (last * WIDTH / all).saturating_sub(at + 1).max(1),
                pieces: pile(&part.tally, (last - first).max(1)),
                millis: format!("{:.1}", pace(part) as f64 / 1_000.0),
                slow: (pace(part) * STRIP).div_ceil(slowest),
            }
        };
        let room = if parts.iter().any(|part| part.micros > 0) { STRIP + 6 } else { 0 };
        Self { columns: parts.iter().map(column).collect(), width: WIDTH, height: HEIGHT, room }
    }
}
