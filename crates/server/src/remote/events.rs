//! Following a run on a server: it tells wherever the run is as Server-Sent Events, for as long as it goes on.

use std::io::{BufRead, BufReader};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rollcall_app::runs::{Observer, Progress, Stop};
use rollcall_domain::{Run, RunId, RunState};
use ureq::Body;
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

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What a server has told.
struct Event {
    id: String,
    run: contract::Run,
}

/// Why there are no more events.
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
        let (mut seen, mut reached) = (None, Instant::now());
        while !stop.load(Ordering::Relaxed) && self.goes_on(&run)? {
            match self.events(id, seen.as_deref()) {
                Ok(events) => {
                    reached = Instant::now();
                    let mut told = |event: Event| {
                        seen = Some(event.id);
                        run = event.run.into();
                        observer.progress(Progress { targets: run.targets, tally: run.tally });
                    };
                    if matches!(listen(&events, stop, &mut told), End::Enough) {
                        break;
                    }
                }
                // What a server says is meant; that it is away may pass.
                Err(error) if error.is::<Refused>() || reached.elapsed() > RETURN => {
                    return Err(
                        error.context(format!("run {id} goes on: 'rollcall runs watch {id}' follows it"))
                    );
                }
                Err(_) => {}
            }
            if !run.state.ended() {
                pause(RETRY, stop);
            }
            if let Ok(found) = self.find_run(id) {
                run = found;
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
        self.has_workers().or_else(|error| if error.is::<Refused>() { Err(error) } else { Ok(true) })
    }

    /// The events of a run after the one that was seen last. A thread reads them, since whoever waits for one has to see
    /// that it is to stop; it ends with the answer, or with the process.
    fn events(&self, id: RunId, seen: Option<&str>) -> anyhow::Result<Receiver<Event>> {
        let seen = seen.and_then(|seen| HeaderValue::from_str(seen).ok());
        let headers: HeaderMap = seen.into_iter().map(|seen| (LAST_EVENT_ID, seen)).collect();
        let answer = self.send(Method::GET, &Address::of_run(id, &["events"]), &headers, ())?;
        let (events, told) = sync_channel(16);
        thread::spawn(move || read(answer.into_body(), &events));
        Ok(told)
    }
}

/// Reads events to the end of an answer, or of whoever wants them.
fn read(answer: Body, events: &SyncSender<Event>) {
    let (mut id, mut data) = (String::new(), String::new());
    for line in BufReader::new(answer.into_reader()).lines() {
        let Ok(line) = line else { return };
        if let Some(text) = line.strip_prefix("id:") {
            text.trim_start().clone_into(&mut id);
        } else if let Some(text) = line.strip_prefix("data:") {
            data.push_str(text.trim_start());
        } else if line.is_empty() && !data.is_empty() {
            let run = serde_json::from_str(&data);
            data.clear();
            if let Ok(run) = run
                && events.send(Event { id: id.clone(), run }).is_err()
            {
                return;
            }
        }
    }
}

fn listen(events: &Receiver<Event>, stop: &Stop, told: &mut dyn FnMut(Event)) -> End {
    let mut heard = Instant::now();
    loop {
        match events.recv_timeout(LOOK) {
            Ok(event) => {
                heard = Instant::now();
                told(event);
            }
            Err(RecvTimeoutError::Disconnected) => return End::Over,
            Err(RecvTimeoutError::Timeout) if stop.load(Ordering::Relaxed) => return End::Enough,
            // A connection can be dead without anybody being told.
            Err(RecvTimeoutError::Timeout) if heard.elapsed() > SILENCE => return End::Over,
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
