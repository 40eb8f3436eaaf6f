//! The parts of a run's page that change while the run goes on. Pages without JavaScript show them once; with it the
//! element `<run-progress>` loads them again and again, so the texts are made here only.

use askama::Template;
use askama::filters::HtmlSafe;
use axum::http::StatusCode;
use axum::response::Response;
use rollcall_domain::{Outcome, Run, RunId, RunState};
use serde::Deserialize;

use super::layout::Visitor;
use super::template::{filters, routes};
use super::view::{Badge, Bar};
use super::{html, messages};
use crate::blocking;
use crate::extract::{Path, Query};
use crate::problem::Problem;
use rollcall_domain::per_second;

/// The working time that a run needs before its rate is shown, in milliseconds.
const MEASURED_MS: i64 = 500;

/// The number of targets with one outcome.
pub(super) struct Chip {
    pub(super) outcome: Outcome,
    pub(super) badge: Badge,
    pub(super) count: u64,
}

/// The outcomes so far, as a bar and as links that filter the targets.
#[derive(Template)]
#[template(path = "part_counters.html")]
pub(super) struct Counters {
    run: RunId,
    targets: u64,
    bar: Bar,
    pub(super) chips: Vec<Chip>,
    /// The outcome that the targets are filtered by; empty: none.
    chosen: String,
}

impl HtmlSafe for Counters {}

impl Counters {
    pub(super) fn of(run: &Run, chosen: &str) -> Self {
        let chip = |(outcome, count)| {
            (count > 0).then(|| Chip { outcome, badge: Badge::of_outcome(outcome), count })
        };
        Self {
            run: run.id,
            targets: run.targets,
            bar: Bar::of(run),
            chips: run.final_tally().iter().filter_map(chip).collect(),
            chosen: chosen.to_owned(),
        }
    }
}

/// The rate of a run and its remaining time.
struct Pace {
    per_second: String,
    left: String,
}

impl Pace {
    fn of(run: &Run, done: u64) -> Option<Self> {
        if run.millis < MEASURED_MS || done == 0 || run.state != RunState::Running {
            return None;
        }
        let per_second = per_second(done as f64 * 1_000.0 / run.millis as f64)?;
        let millis = u64::try_from(run.millis).ok()?;
        let left = run.left().saturating_mul(millis).div_ceil(done).div_ceil(1_000);
        Some(Self { per_second, left: messages::duration(left) })
    }
}

/// The progress of a run, as a part of its page.
#[derive(Template)]
#[template(path = "part_progress.html")]
pub(super) struct Progress {
    state: Badge,
    targets: u64,
    /// Targets with an outcome.
    done: u64,
    pub(super) percent: u64,
    pace: Option<Pace>,
}

impl HtmlSafe for Progress {}

impl Progress {
    pub(super) fn of(run: &Run) -> Self {
        let done = run.tally.total();
        Self {
            state: Badge::of_run(run),
            targets: run.targets,
            percent: done * 100 / run.targets.max(1),
            pace: Pace::of(run, done),
            done,
        }
    }
}

/// Everything of a run's page that changes while the run goes on.
#[derive(Template)]
#[template(path = "run_progress.html")]
struct Page {
    run: Run,
    badge: Badge,
    progress: Progress,
    counters: Counters,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    outcome: String,
}

/// The parts of a run's page that change, for `<run-progress>`.
pub(super) async fn page(
    visitor: Visitor,
    Path(run): Path<RunId>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let run = blocking(move || visitor.app.runs().find(run)).await?;
    let page = Page {
        badge: Badge::of_run(&run),
        progress: Progress::of(&run),
        counters: Counters::of(&run, &asked.outcome),
        run,
    };
    Ok(html(StatusCode::OK, &page))
}
