//! Following a run on a server: it tells wherever the run is as Server-Sent Events, for as long as it goes on.

use std::io::{BufRead, BufReader};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use rollcall_app::runs::{Observer, Progress, Stop};
use rollcall_domain::{Run, RunId, RunState};
use ureq::Body;
use ureq::http::header::CONTENT_TYPE;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::{Address, Client, Refused};
use crate::contract;
use crate::style::tell;

/// Between two looks whether somebody wants to stop.
const LOOK: Duration = Duration::from_millis(100);
/// A server shows that it is there more often than this.
const SILENCE: Duration = Duration::from_secs(60);
/// Between two tries to reach a server that is away.
pub(super) const RETRY: Duration = Duration::from_secs(1);
/// A server that is started anew is there again within this time.
pub(super) const RETURN: Duration = Duration::from_secs(120);

/// The longest time without an answer from the server before following a run fails.
fn longest_absence() -> Duration {
    fail::fail_point!("longest_absence", |millis| {
        millis.and_then(|millis| millis.parse().ok()).map_or(RETURN, Duration::from_millis)
    });
    RETURN
}

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What a server has told.
struct Event {
    id: String,
    run: contract::Run,
}

/// A message of the thread that reads an answer.
enum Heard {
    Event(Box<Event>),
    /// Something that shows that the server is there.
    Alive,
    /// The reason why the thread stopped reading.
    Failed(String),
}

/// The reason why reading events ended, except for a failure before the first event.
enum End {
    /// The server has no more, or is gone.
    Over,
    /// Whoever watches has seen enough.
    Enough,
}

impl Client {
    /// Follows run `id` until nobody is at it any more, or `stop` is set: that ends the following, not the run.
    pub(super) fn follow(&self, id: RunId, stop: &Stop, observer: &mut dyn Observer) -> anyhow::Result<Run> {
        let mut run = self.find_run(id)?;
        observer.begins(&run);
        let (mut seen, mut reached, mut warned) = (None, Instant::now(), false);
        while !stop.load(Ordering::Relaxed) && self.goes_on(&run)? {
            let from = seen.clone();
            let mut told = |event: Event| {
                seen = Some(event.id);
                run = event.run.into();
                observer.progress(Progress { targets: run.targets, tally: run.tally });
            };
            let events = self.events(id, from.as_deref());
            match events.and_then(|events| listen(&events, stop, &mut told)) {
                Ok(End::Enough) => break,
                Ok(End::Over) => reached = Instant::now(),
                Err(error) if is_meant(&error) => return Err(error.context(how_to_follow(id))),
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
            match self.find_run(id) {
                Ok(found) => {
                    (run, reached) = (found, Instant::now());
                    observer.progress(Progress { targets: run.targets, tally: run.tally });
                }
                Err(error) if is_meant(&error) => return Err(error.context(how_to_follow(id))),
                Err(error) if reached.elapsed() > longest_absence() => {
                    let seconds = reached.elapsed().as_secs();
                    let gone = format!("no answer for {seconds} s; {}", how_to_follow(id));
                    return Err(error.context(gone));
                }
                Err(_) => {}
            }
        }
        let run = self.find_run(id)?;
        observer.progress(Progress { targets: run.targets, tally: run.tally });
        Ok(run)
    }

    /// The same for whoever has started it, who is told that it goes on without them.
    pub(super) fn see_to_its_end(
        &self,
        id: RunId,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> anyhow::Result<Run> {
        let run = self.follow(id, stop, observer)?;
        if stop.load(Ordering::Relaxed) && !run.state.at_rest() {
            tell(format_args!(
                "run {id} goes on: 'rollcall runs watch {id}' follows it, 'rollcall runs cancel {id}' ends it"
            ));
        }
        Ok(run)
    }

    /// Whether more happens to a run without anybody's doing.
    fn goes_on(&self, run: &Run) -> anyhow::Result<bool> {
        Ok(match run.state {
            // Nobody waits for somebody who is not there: the report says so.
            RunState::Queued => self.is_attended()?,
            RunState::Selecting | RunState::Running => true,
            RunState::Interrupted => run.confirmed && self.is_attended()?,
            RunState::Stopped | RunState::Cancelled | RunState::Finished => false,
        })
    }

    /// Whether there are workers, as far as that can be told.
    fn is_attended(&self) -> anyhow::Result<bool> {
        self.has_workers().or_else(|error| if is_meant(&error) { Err(error) } else { Ok(true) })
    }

    /// The events of a run after the one that was seen last. A thread reads them, since whoever waits for one has to see
    /// that it is to stop; it ends with the answer, or with the process.
    fn events(&self, id: RunId, seen: Option<&str>) -> anyhow::Result<Receiver<Heard>> {
        let seen = seen.and_then(|seen| HeaderValue::from_str(seen).ok());
        let headers: HeaderMap = seen.into_iter().map(|seen| (LAST_EVENT_ID, seen)).collect();
        let answer = self.send(Method::GET, &Address::of_run(id, &["events"]), &headers, ())?;
        let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("text/event-stream") {
            bail!("{} answers {kind:?} instead of events", self.at());
        }
        let (heard, told) = sync_channel(16);
        thread::spawn(move || {
            if let Err(error) = read(answer.into_body(), &heard) {
                let _ = heard.send(Heard::Failed(error.to_string()));
            }
        });
        Ok(told)
    }
}

/// Whether the server has decided something, as opposed to being away or overloaded for now.
fn is_meant(error: &anyhow::Error) -> bool {
    error.downcast_ref().is_some_and(|refused: &Refused| !refused.is_for_now())
}

fn how_to_follow(id: RunId) -> String {
    format!("run {id} goes on: 'rollcall runs watch {id}' follows it")
}

/// Reads events to the end of an answer, or of whoever wants them.
fn read(answer: Body, heard: &SyncSender<Heard>) -> anyhow::Result<()> {
    let (mut id, mut data) = (String::new(), String::new());
    for line in BufReader::new(answer.into_reader()).lines() {
        let line = line?;
        let found = if let Some(text) = line.strip_prefix("id:") {
            text.trim_start().clone_into(&mut id);
            continue;
        } else if let Some(text) = line.strip_prefix("data:") {
            data.push_str(text.trim_start());
            continue;
        } else if line.is_empty() && !data.is_empty() {
            let run = serde_json::from_str(&data).context("an event cannot be read")?;
            data.clear();
            Heard::Event(Box::new(Event { id: id.clone(), run }))
        } else {
            Heard::Alive
        };
        if heard.send(found).is_err() {
            break;
        }
    }
    Ok(())
}

/// Passes events to `told` until the answer ends or `stop` is set.
///
/// # Errors
///
/// Why there was none at all.
fn listen(events: &Receiver<Heard>, stop: &Stop, told: &mut dyn FnMut(Event)) -> anyhow::Result<End> {
    let (mut heard, mut any) = (Instant::now(), false);
    let over = |any: bool, why: String| if any { Ok(End::Over) } else { Err(anyhow!(why)) };
    loop {
        match events.recv_timeout(LOOK) {
            Ok(Heard::Event(event)) => {
                (heard, any) = (Instant::now(), true);
                told(*event);
            }
            Ok(Heard::Alive) => heard = Instant::now(),
            Ok(Heard::Failed(why)) => return over(any, why),
            Err(RecvTimeoutError::Disconnected) => {
                return over(any, "the answer ended before the first event".to_owned());
            }
            Err(RecvTimeoutError::Timeout) if stop.load(Ordering::Relaxed) => return Ok(End::Enough),
            // A connection can be dead without anybody being told.
            Err(RecvTimeoutError::Timeout) if heard.elapsed() > SILENCE => {
                return over(any, format!("nothing came for {} s", SILENCE.as_secs()));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Waits a while, or until somebody wants to stop.
pub(super) fn pause(time: Duration, stop: &Stop) {
    let began = Instant::now();
    while began.elapsed() < time && !stop.load(Ordering::Relaxed) {
        thread::park_timeout(LOOK);
    }
}
