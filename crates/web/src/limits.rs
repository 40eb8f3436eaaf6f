//! Limits of times, sizes and numbers, so that slow and greedy clients do not harm others.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, Sleep, sleep_until};

use super::problem::Problem;

/// Until the keys of a connection are agreed on.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Until a request is asked for, and until its head is there. Proxies have to keep connections for less.
const IDLE: Duration = Duration::from_secs(60);
/// How long an answer may take, once all of the request is there.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the body of a request may take, and how many bytes a second it has to bring from then on.
const BODY: Duration = Duration::from_secs(20);
const BODY_RATE: u32 = 16 << 10;
/// How long whatever is under way when the server is told to end may still take.
const LAST_CALL: Duration = Duration::from_secs(30);
/// Requests that are at work for the database at the same time. Others wait: on a server each takes a connection.
const SEATS: usize = 32;
/// How long the other end may read nothing of an answer.
const STALL: Duration = Duration::from_secs(30);
/// Until the other end of an HTTP/2 connection must show that it is there, and how long it may take for that.
const PING: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(20);
/// The longest head of a request, in bytes.
const MAX_HEAD: u32 = 64 << 10;
/// Requests at once on one connection.
const STREAMS: u32 = 100;

/// A time, of which tests want less: `FAILPOINTS='http_idle=return(200)'`, in milliseconds.
macro_rules! time {
    ($function:ident, $point:literal, $time:ident) => {
        pub(crate) fn $function() -> Duration {
            fail::fail_point!($point, |millis| {
                millis.and_then(|millis| millis.parse().ok()).map_or($time, Duration::from_millis)
            });
            $time
        }
    };
}

time!(handshake, "http_handshake", HANDSHAKE);
time!(idle, "http_idle", IDLE);
time!(stall, "http_stall", STALL);
time!(patience, "http_patience", PATIENCE);
time!(body, "http_body", BODY);
time!(last_call, "http_last_call", LAST_CALL);

/// What holds for each connection.
pub(super) fn of_connection(builder: &mut auto::Builder<TokioExecutor>, timer: TokioTimer) {
    builder.http1().timer(timer.clone()).header_read_timeout(idle()).max_buf_size(MAX_HEAD as usize);
    builder
        .http2()
        .timer(timer)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(MAX_HEAD);
}

static FREE: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(seats()));
static WAITS: AtomicU64 = AtomicU64::new(0);

/// A place among those who are at work for the database, for as long as somebody has it.
pub(super) async fn seat() -> Option<SemaphorePermit<'static>> {
    if let Ok(seat) = FREE.try_acquire() {
        return Some(seat);
    }
    WAITS.fetch_add(1, Ordering::Relaxed);
    FREE.acquire().await.ok()
}

/// How many of these places are taken, and how many had to wait for one.
pub(super) fn taken_seats() -> (u64, u64) {
    ((seats() - FREE.available_permits()) as u64, WAITS.load(Ordering::Relaxed))
}

/// How many there are.
pub(super) fn seats() -> usize {
    fail::fail_point!("http_seats", |seats| seats.and_then(|seats| seats.parse().ok()).unwrap_or(SEATS));
    SEATS
}

/// Answers whoever is too slow, and whoever it takes too long for.
pub(super) async fn be_patient(request: Request, next: Next) -> Response {
    wait(request, next, Some(patience())).await
}

/// The same where an answer takes as long as there are users.
pub(super) async fn be_very_patient(request: Request, next: Next) -> Response {
    wait(request, next, None).await
}

async fn wait(request: Request, next: Next, patience: Option<Duration>) -> Response {
    let arrival = Arc::new(Arrival { last: Mutex::new(Instant::now()), late: AtomicBool::new(false) });
    let body = |body| Body::new(Arriving { body, arrival: Arc::clone(&arrival), began: None, bytes: 0 });
    let mut answered = Box::pin(next.run(request.map(body)));
    loop {
        let late = || patience.map(|patience| arrival.last() + patience);
        tokio::select! {
            answer = &mut answered => {
                return if arrival.late.load(Ordering::Relaxed) { too_slow() } else { answer };
            }
            () = until(late()) => {
                if late().is_some_and(|late| late <= Instant::now()) {
                    return took_too_long();
                }
            }
        }
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn too_slow() -> Response {
    let why = "the request was sent too slowly: this server waits 20 s, and longer for 16 KiB a second";
    let mut answer = Problem::new(StatusCode::REQUEST_TIMEOUT, why).into_response();
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

fn took_too_long() -> Response {
    let why = "this took longer than a minute, so it was given up: ask for less, or try again";
    Problem::later(why, 10).into_response()
}

/// When the last of a request has come, and whether it was given up.
struct Arrival {
    last: Mutex<Instant>,
    late: AtomicBool,
}

impl Arrival {
    fn last(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of a request, which has to come.
struct Arriving {
    body: Body,
    arrival: Arc<Arrival>,
    /// Since somebody reads it, and until when it is waited for.
    began: Option<(Instant, Pin<Box<Sleep>>)>,
    bytes: u64,
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let (began, wait) = this.began.get_or_insert_with(|| {
            let now = Instant::now();
            (now, Box::pin(sleep_until(now + body())))
        });
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
                this.bytes += data.len() as u64;
            }
            *this.arrival.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let until = *began + body() + Duration::from_secs(this.bytes / u64::from(BODY_RATE));
        if wait.deadline() != until {
            wait.as_mut().reset(until);
        }
        ready!(wait.as_mut().poll(context));
        this.arrival.late.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The longest time that requests have to end once the process is told to.
#[must_use]
pub fn grace_period() -> Duration {
    last_call()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Brings so many bytes every two seconds.
    struct Source {
        left: usize,
        bytes: usize,
        pause: Pin<Box<Sleep>>,
    }

    impl HttpBody for Source {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            if self.left == 0 {
                return Poll::Ready(None);
            }
            ready!(self.pause.as_mut().poll(context));
            self.left -= 1;
            self.pause = pause();
            Poll::Ready(Some(Ok(Frame::data(vec![b'x'; self.bytes].into()))))
        }
    }

    fn pause() -> Pin<Box<Sleep>> {
        Box::pin(sleep_until(Instant::now() + Duration::from_secs(2)))
    }

    /// Whether what comes in so many parts of so many bytes is waited for.
    fn is_waited_for(left: usize, bytes: usize) -> bool {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap().block_on(async {
            let arrival =
                Arc::new(Arrival { last: Mutex::new(Instant::now()), late: AtomicBool::new(false) });
            let body = Body::new(Source { left, bytes, pause: pause() });
            let body = Arriving { body, arrival: Arc::clone(&arrival), began: None, bytes: 0 };
            let whole = axum::body::to_bytes(Body::new(body), usize::MAX).await;
            assert_eq!(whole.is_err(), arrival.late.load(Ordering::Relaxed));
            whole.is_ok_and(|whole| whole.len() == left * bytes)
        })
    }

    #[test]
    fn a_long_body_may_take_its_time_if_it_comes_at_all() {
        assert!(is_waited_for(9, 1), "18 s");
        assert!(!is_waited_for(11, 1), "22 s");
        assert!(is_waited_for(1_000, 40_000), "half an hour, at 20 kB a second");
        assert!(!is_waited_for(1_000, 20_000), "at 10 kB a second");
    }
}
