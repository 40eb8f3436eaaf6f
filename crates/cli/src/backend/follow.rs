//! Following a run on a server, by its events for as long as they come, else by its state.

use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use rollcall_api::Run;
use rollcall_app::runs::{Progress, Stop};
use rollcall_client::{Client, Event, Events, Heard};
use rollcall_domain::{RunId, RunState};

use super::RunObserver;
use crate::style::tell;

/// The time between two looks at whether to stop.
const LOOK: Duration = Duration::from_millis(100);
/// A server shows that it is there more often than this.
const SILENCE: Duration = Duration::from_secs(60);
/// The time between two attempts to reach a server.
const RETRY: Duration = Duration::from_secs(1);

/// The longest time without an answer from the server before following a run fails: a restart takes less.
fn longest_absence() -> Duration {
    const RETURN: Duration = Duration::from_secs(120);
    fail::fail_point!("longest_absence", |millis| {
        millis.and_then(|millis| millis.parse().ok()).map_or(RETURN, Duration::from_millis)
    });
    RETURN
}

/// The reason why reading events ended, except for a failure before the first event.
enum End {
    /// The server has no more, or is gone.
    Over,
    /// The caller wants no more.
    Enough,
}

pub(super) fn progress_of(run: &Run) -> Progress {
    Progress { targets: run.targets, tally: run.tally() }
}

/// Follows run `id` until it needs somebody, or `stop` is set: that ends the following, not the run.
pub(super) fn follow(
    client: &Client,
    id: RunId,
    stop: &Stop,
    observer: &mut dyn RunObserver,
) -> anyhow::Result<Run> {
    let mut run = client.run(id)?;
    observer.begins(&run);
    let (mut seen, mut reached, mut warned) = (None, Instant::now(), false);
    while !stop.load(Ordering::Relaxed) && goes_on(client, &run)? {
        let after = seen.clone();
        let mut on_event = |event: Event| {
            seen = Some(event.id);
            run = Run { details: run.details.take(), ..event.run };
            observer.progress(progress_of(&run));
        };
        let events = client.events(id, after.as_deref()).map_err(anyhow::Error::from);
        match events.and_then(|events| listen(&events, stop, &mut on_event)) {
            Ok(End::Enough) => break,
            Ok(End::Over) => reached = Instant::now(),
            Err(error) if is_final(&error) => return Err(error.context(how_to_follow(id))),
            Err(error) if !warned => {
                warned = true;
                tell(format_args!(
                    "warning: live events of run {id} failed: {error:#}; its state is read every second instead"
                ));
            }
            Err(_) => {}
        }
        if !run.state.ended() {
            pause(RETRY, stop);
        }
        match client.run(id) {
            Ok(found) => {
                (run, reached) = (found, Instant::now());
                observer.progress(progress_of(&run));
            }
            Err(error) if error.is_final() => return Err(anyhow!(error).context(how_to_follow(id))),
            Err(error) if reached.elapsed() > longest_absence() => {
                let seconds = reached.elapsed().as_secs();
                let gone = format!("no answer for {seconds} s; {}", how_to_follow(id));
                return Err(anyhow!(error).context(gone));
            }
            Err(_) => {}
        }
    }
    let run = client.run(id)?;
    observer.progress(progress_of(&run));
    Ok(run)
}

/// Follows a run that this command has started; if that stops early, says that the run goes on.
pub(super) fn see_to_its_end(
    client: &Client,
    id: RunId,
    stop: &Stop,
    observer: &mut dyn RunObserver,
) -> anyhow::Result<Run> {
    let run = follow(client, id, stop, observer)?;
    if stop.load(Ordering::Relaxed) && !run.state.at_rest() {
        tell(format_args!(
            "run {id} goes on: 'rollcall runs watch {id}' follows it, 'rollcall runs cancel {id}' ends it"
        ));
    }
    Ok(run)
}

/// Whether more happens to a run by itself.
fn goes_on(client: &Client, run: &Run) -> anyhow::Result<bool> {
    let confirmed = run.details.as_ref().is_some_and(|details| details.confirmed);
    Ok(match run.state {
        // Nothing waits for workers that are not there: the report says so.
        RunState::Queued => is_attended(client)?,
        RunState::Selecting | RunState::Running => true,
        RunState::Interrupted => confirmed && is_attended(client)?,
        RunState::Stopped | RunState::Cancelled | RunState::Finished => false,
    })
}

/// Whether there are workers, as far as that can be told.
fn is_attended(client: &Client) -> anyhow::Result<bool> {
    client.has_workers().or_else(|error| if error.is_final() { Err(error.into()) } else { Ok(true) })
}

/// Whether the server has decided something, as opposed to being away or overloaded for now.
fn is_final(error: &anyhow::Error) -> bool {
    error.downcast_ref().is_some_and(rollcall_client::Error::is_final)
}

fn how_to_follow(id: RunId) -> String {
    format!("run {id} goes on: 'rollcall runs watch {id}' follows it")
}

/// Passes events to `on_event` until the answer ends or `stop` is set.
///
/// # Errors
/// The reason why not a single event came.
fn listen(events: &Events, stop: &Stop, on_event: &mut dyn FnMut(Event)) -> anyhow::Result<End> {
    let (mut heard, mut any) = (Instant::now(), false);
    let over = |any: bool, why: String| if any { Ok(End::Over) } else { Err(anyhow!(why)) };
    loop {
        match events.next(LOOK) {
            Ok(Heard::Event(event)) => {
                (heard, any) = (Instant::now(), true);
                on_event(*event);
            }
            Ok(Heard::Alive) => heard = Instant::now(),
            Ok(Heard::Failed(why)) => return over(any, why),
            Err(RecvTimeoutError::Disconnected) => {
                return over(any, "the answer ended before the first event".to_owned());
            }
            Err(RecvTimeoutError::Timeout) if stop.load(Ordering::Relaxed) => return Ok(End::Enough),
            // A connection can be dead without a sign.
            Err(RecvTimeoutError::Timeout) if heard.elapsed() > SILENCE => {
                return over(any, format!("nothing came for {} s", SILENCE.as_secs()));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Waits for a time, or until `stop` is set.
fn pause(time: Duration, stop: &Stop) {
    let began = Instant::now();
    while began.elapsed() < time && !stop.load(Ordering::Relaxed) {
        thread::park_timeout(LOOK);
    }
}
