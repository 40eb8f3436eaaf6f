//! The outcomes of a run over time as a picture, and in words for whoever does not see it.

use askama::Template;
use askama::filters::HtmlSafe;
use rollcall_domain::{Tally, Timestamp};
use rollcall_store as store;

use super::course::{HEIGHT, Piece, WIDTH, pile};

/// As many parts as are told apart at a glance.
pub(super) const PARTS: u32 = 60;

/// What came in one part of the time, as a column.
struct Column {
    from: Timestamp,
    at: u64,
    width: u64,
    pieces: Vec<Piece>,
    /// Targets a second.
    speed: u64,
}

#[derive(Template)]
#[template(path = "part_timeline.html")]
pub(super) struct Timeline {
    begin: Timestamp,
    end: Timestamp,
    /// How long a column is.
    seconds: String,
    /// Targets a second where it was fastest.
    most: u64,
    columns: Vec<Column>,
    width: u64,
    height: u64,
}

impl HtmlSafe for Timeline {}

impl Timeline {
    /// Nothing if all came so fast that there is nothing to see.
    pub(super) fn of(timeline: &store::Timeline) -> Option<Self> {
        let store::Timeline { begin, millis, parts } = timeline;
        if parts.len() < 3 {
            return None;
        }
        let count = parts.len() as u64;
        let moment = |part: u64| begin.plus(std::time::Duration::from_millis(part * millis));
        let most = parts.iter().map(Tally::total).max().unwrap_or(0).max(1);
        let speed = |targets: u64| targets.saturating_mul(1_000).div_ceil(*millis);
        let column = |(part, tally): (u64, &Tally)| {
            let at = part * WIDTH / count;
            Column {
                from: moment(part),
                at,
                width: ((part + 1) * WIDTH / count).saturating_sub(at + 1).max(1),
                pieces: pile(tally, most),
                speed: speed(tally.total()),
            }
        };
        Some(Self {
            begin: *begin,
            end: moment(count),
            seconds: (*millis as f64 / 1_000.0).to_string(),
            most: speed(most),
            columns: (0..).zip(parts).filter(|(_, tally)| tally.total() > 0).map(column).collect(),
            width: WIDTH,
            height: HEIGHT,
        })
    }
}

#[cfg(test)]
mod tests {
    use rollcall_domain::{Outcome, Zone};

    use super::*;

    fn drawn(parts: &[&[(Outcome, u64)]]) -> Option<String> {
        let tally = |counts: &&[(Outcome, u64)]| {
            let mut tally = Tally::default();
            counts.iter().for_each(|(outcome, count)| tally.add(*outcome, *count));
            tally
        };
        let begin = Timestamp::parse("2026-03-01 23:59:58", &Zone::utc()).unwrap();
        let parts = parts.iter().map(tally).collect();
        Timeline::of(&store::Timeline { begin, millis: 500, parts }).map(|drawn| drawn.render().unwrap())
    }

    #[test]
    fn each_part_is_a_column_and_a_row() {
        let page = drawn(&[
            &[(Outcome::Changed, 10_000), (Outcome::Failed, 1)],
            &[],
            &[],
            &[(Outcome::Changed, 5_000)],
        ])
        .unwrap();
        assert_eq!(page.matches("<g>").count(), 2, "{page}");
        // Whatever is there is seen, however little it is.
        assert!(page.contains(r#"<rect class="failed" x="0" y="0" width="299" height="2"/>"#), "{page}");
        assert!(page.contains(r#"<rect class="changed" x="900" y="51" width="299" height="49"/>"#), "{page}");
        let note =
            "From 2026-03-01 23:59:58 to 2026-03-02 UTC, each column 0.5 s; the tallest is 20,002 a second.";
        assert!(page.contains(note), "{page}");
        let row = r#"<th scope="row" class="nowrap">2026-03-01 23:59:59</th><td>changed 5,000</td><td class="number">10,000</td>"#;
        assert!(page.contains(row), "{page}");
    }

    #[test]
    fn what_came_all_at_once_is_no_picture() {
        assert!(drawn(&[&[(Outcome::Changed, 9)], &[(Outcome::Changed, 1)]]).is_none());
    }
}
