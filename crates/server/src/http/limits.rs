//! How long, how much, how many: whoever is slow or wants too much is in nobody's way.

use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;

/// Until the keys of a connection are agreed on.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Until a request is asked for, and until its head is there. Proxies have to keep connections for less.
const IDLE: Duration = Duration::from_secs(60);
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
        pub(super) fn $function() -> Duration {
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
