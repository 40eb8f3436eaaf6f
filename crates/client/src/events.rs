//! The events of a run, as Server-Sent Events.

use std::io::{BufRead, BufReader};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use rollcall_api::Run;
use ureq::Body;
use ureq::http::header::CONTENT_TYPE;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::{Address, Client, Error};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The state of a run after something happened to it.
#[derive(Debug)]
pub struct Event {
    /// The ID, from which a later request can go on.
    pub id: String,
    /// The run.
    pub run: Run,
}

/// Something that came from the server.
#[derive(Debug)]
pub enum Heard {
    /// The run has changed.
    Event(Box<Event>),
    /// The server is alive.
    Alive,
    /// The connection failed, for this reason.
    Failed(String),
}

/// The events of a run, as Server-Sent Events. A thread reads them, so that [`Events::next`] can time out; it ends with
/// the answer, or when this value is dropped and something comes.
#[derive(Debug)]
pub struct Events(Receiver<Heard>);

impl Events {
    /// The next thing that comes within `timeout`.
    ///
    /// # Errors
    /// [`RecvTimeoutError::Timeout`] if nothing comes, [`RecvTimeoutError::Disconnected`] if the server has ended.
    pub fn next(&self, timeout: Duration) -> Result<Heard, RecvTimeoutError> {
        self.0.recv_timeout(timeout)
    }
}

impl Client {
    /// Follows a run, after the event with the ID `after` if there is one.
    ///
    /// # Errors
    /// See [`Error`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use rollcall_client::{Client, Error, Heard};
    ///
    /// /// Prints the state of a run at each of its events.
    /// fn follow(client: &Client, run: i64) -> Result<(), Error> {
    ///     let events = client.events(run, None)?;
    ///     while let Ok(heard) = events.next(Duration::from_secs(60)) {
    ///         match heard {
    ///             Heard::Event(event) => println!("{:?}", event.run.state),
    ///             Heard::Alive => {}
    ///             Heard::Failed(why) => eprintln!("{why}"),
    ///         }
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn events(&self, id: i64, after: Option<&str>) -> Result<Events, Error> {
        let after = after.and_then(|after| HeaderValue::from_str(after).ok());
        let headers: HeaderMap = after.into_iter().map(|after| (LAST_EVENT_ID, after)).collect();
        let answer = self.send(Method::GET, &Address::of_run(id, &["events"]), &headers, ())?;
        let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("text/event-stream") {
            return Err(Error::Answer(format!("{} answers {kind:?} instead of events", self.url())));
        }
        let (heard, events) = sync_channel(16);
        thread::spawn(move || {
            if let Err(error) = read(answer.into_body(), &heard) {
                let _ = heard.send(Heard::Failed(error));
            }
        });
        Ok(Events(events))
    }
}

/// Reads events to the end of an answer, or of their receiver. The error is the reason why it ended early.
fn read(answer: Body, heard: &SyncSender<Heard>) -> Result<(), String> {
    let (mut id, mut data) = (String::new(), String::new());
    for line in BufReader::new(answer.into_reader()).lines() {
        let line = line.map_err(|error| error.to_string())?;
        let found = if let Some(text) = line.strip_prefix("id:") {
            text.trim_start().clone_into(&mut id);
            continue;
        } else if let Some(text) = line.strip_prefix("data:") {
            data.push_str(text.trim_start());
            continue;
        } else if line.is_empty() && !data.is_empty() {
            let run = serde_json::from_str(&data).map_err(|_| "an event cannot be read".to_owned())?;
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
