//! The outcomes of a run over time as a picture, with a text alternative.

use askama::Template;
use askama::filters::HtmlSafe;
use rollcall_app::runs;
use rollcall_domain::Tally;

use super::course::{HEIGHT, Piece, WIDTH, pile};
use super::template::filters;
use super::view::number;

/// As many parts as are told apart at a glance.
pub(super) const PARTS: u32 = 60;
/// With fewer parts in which something came there is nothing to see.
const FEWEST: usize = 3;

/// What came in one part of the time, as a column.
struct Column {
    from: String,
    to: String,
    at: u64,
    width: u64,
    pieces: Vec<Piece>,
    speed: String,
}

#[derive(Template)]
#[template(path = "part_timeline.html")]
pub(super) struct Timeline {
    whole: String,
    /// Targets a second where it was fastest.
    most: String,
    columns: Vec<Column>,
    width: u64,
    height: u64,
}

impl HtmlSafe for Timeline {}

impl Timeline {
    /// Nothing if all came so fast that there is nothing to see.
    pub(super) fn of(timeline: &runs::Timeline) -> Option<Self> {
        let runs::Timeline { millis, parts } = timeline;
        let filled = || (0..).zip(parts).filter(|(_, tally)| tally.total() > 0);
        if filled().count() < FEWEST {
            return None;
        }
        let count = parts.len() as u64;
        let most = parts.iter().map(Tally::total).max().unwrap_or(0).max(1);
        let column = |(part, tally): (u64, &Tally)| {
            let at = part * WIDTH / count;
            Column {
                from: since(part * millis, *millis),
                to: since((part + 1) * millis, *millis),
                at,
                width: ((part + 1) * WIDTH / count).saturating_sub(at + 1).max(1),
                pieces: pile(tally, most),
                speed: speed(tally.total(), *millis),
            }
        };
        Some(Self {
            whole: since(count * millis, *millis),
            most: speed(most, *millis),
            columns: filled().map(column).collect(),
            width: WIDTH,
            height: HEIGHT,
        })
    }
}

/// Targets a second, as exactly as it says something.
fn speed(targets: u64, millis: u64) -> String {
    match targets * 1_000 / millis {
        0..10 => format!("{:.1}", targets as f64 * 1_000.0 / millis as f64),
        whole => number(whole),
    }
}

/// A time since the beginning, `1:02:03` or `2:03`; with tenths of seconds where parts are not of whole ones.
fn since(millis: u64, part: u64) -> String {
    let (hours, minutes, seconds) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1_000 % 60);
    let tenths = if part.is_multiple_of(1_000) { String::new() } else { format!(".{}", millis / 100 % 10) };
    match hours {
        0 => format!("{minutes}:{seconds:02}{tenths}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}{tenths}"),
    }
}

#[cfg(test)]
mod tests {
    use rollcall_domain::Outcome;

    use super::*;

    fn drawn(millis: u64, parts: &[&[(Outcome, u64)]]) -> Option<String> {
        let tally = |counts: &&[(Outcome, u64)]| {
            let mut tally = Tally::default();
            counts.iter().for_each(|(outcome, count)| tally.add(*outcome, *count));
            tally
        };
        let parts = parts.iter().map(tally).collect();
        Timeline::of(&runs::Timeline { millis, parts })
            .map(|drawn| rollcall_testkit::compact_html(&drawn.render().unwrap()))
    }

    #[test]
    fn each_part_is_a_column_and_a_row() {
        let changed = |count| vec![(Outcome::Changed, count)];
        let (first, last, few) =
            ([changed(10_000), vec![(Outcome::Failed, 1)]].concat(), changed(5_000), changed(3));
        let page = drawn(500, &[&first, &[], &last, &few]).unwrap();
        assert_eq!(page.matches("<g>").count(), 3, "{page}");
        // Whatever is there is seen, however little it is.
        assert!(page.contains(r#"<rect class="failed" x="0" y="0" width="299" height="2" />"#), "{page}");
        assert!(
            page.contains(r#"<rect class="changed" x="600" y="51" width="299" height="49" />"#),
            "{page}"
        );
        for told in [
            "0:02.0 of work",
            "20,002 a second",
            r#"<th scope="row" class="nowrap">0:01.0–0:01.5</th><td>changed 5,000</td><td class="number">10,000</td>"#,
            r#"<td>changed 3</td><td class="number">6.0</td>"#,
        ] {
            assert!(page.contains(told), "{told} in {page}");
        }
        let hours = drawn(600_000, &[&few, &last, &first, &[], &[], &[], &few]).unwrap();
        assert!(hours.contains("1:10:00 of work") && hours.contains(">1:00:00–1:10:00<"), "{hours}");
    }

    #[test]
    fn what_came_all_at_once_is_no_picture() {
        let few: &[(Outcome, u64)] = &[(Outcome::Changed, 9)];
        assert!(drawn(100, &[few, &[], &[], few]).is_none());
        assert!(drawn(100, &[few, few, few]).is_some());
    }
}
