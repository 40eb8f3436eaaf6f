//! A run's progress while it goes on, as Server-Sent Events.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use rollcall_app::App;
use rollcall_domain::{self as domain, RunId};

use crate::auth::Caller;
use crate::blocking;
use crate::extract::Path;
use crate::problem::Problem;
use rollcall_api::Run;

/// Between two looks at a run.
const EVERY: Duration = Duration::from_millis(400);
/// A reader of whom nothing is heard keeps a connection; this shows whether it is there.
const ALIVE: Duration = Duration::from_secs(15);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Streams the state of a run as server-sent events: an event `run` with the run as its data for each
/// change, until the run ends or is interrupted.
///
/// `Last-Event-ID` resumes a stream.
#[utoipa::path(get, path = "/runs/{run_id}/events", operation_id = "watchRun", tag = "runs", params(("run_id" = i64, Path),
    ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen")),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
pub(super) async fn events(
    Caller(app): Caller,
    Path(run): Path<RunId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    fail::fail_point!("http_events", |_| Err(Problem::new(
        axum::http::StatusCode::BAD_GATEWAY,
        "events are not passed on"
    )));
    let seen = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
    // Whether there is such a run is told before the events begin.
    let first = look(&app, run).await?;
    let watched = Watched { app, run, seen, next: Some(first) };
    let events = Sse::new(events_of(watched)).keep_alive(KeepAlive::new().interval(ALIVE));
    Ok(events.into_response())
}

struct Watched {
    app: App,
    run: RunId,
    /// The last event that was told.
    seen: Option<String>,
    /// What was seen and is to be told, if that is new.
    next: Option<domain::Run>,
}

async fn look(app: &App, run: RunId) -> Result<domain::Run, Problem> {
    let app = app.clone();
    blocking(move || app.runs().find(run)).await
}

/// What tells one place of a run from another.
fn place(run: &domain::Run) -> String {
    format!("{}-{}-{}", run.token, run.tally.total(), run.state.name())
}

impl Watched {
    /// The next thing to tell; none when there will be no more.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let run = match self.next.take() {
                Some(run) => run,
                None => {
                    tokio::time::sleep(EVERY).await;
                    // A database that is away comes back, or the reader goes.
                    let Ok(run) = look(&self.app, self.run).await else { continue };
                    run
                }
            };
            let place = place(&run);
            if self.seen.as_ref() == Some(&place) {
                if run.state.at_rest() {
                    return None;
                }
                continue;
            }
            self.seen = Some(place.clone());
            self.next = run.state.at_rest().then(|| run.clone());
            match Event::default().event("run").id(place).json_data(Run::from(run)) {
                Ok(event) => return Some(event),
                Err(_) => return None,
            }
        }
    }
}

fn events_of(watched: Watched) -> impl Stream<Item = Result<Event, Infallible>> {
    futures_util::stream::unfold(watched, async |mut watched| {
        let event = watched.next().await?;
        Some((Ok(event), watched))
    })
}
