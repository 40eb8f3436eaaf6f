//! Answers that are longer than memory: a thread writes, a reader reads, and a few pieces lie between them. A reader that
//! stalls holds the thread for a while and no longer.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::log;
use super::problem::Problem;

/// The size of a piece.
const PIECE: usize = 64 << 10;
/// Pieces between writer and reader.
const AHEAD: usize = 4;
/// A reader that takes nothing for so long is given up.
const STALLED: Duration = Duration::from_secs(60);
/// So many are written at once: each keeps a thread.
const AT_ONCE: usize = 32;

/// Bounds how many answers are written at once.
#[derive(Clone)]
pub(super) struct Streams(Arc<Semaphore>);

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Streams {
    /// An answer that `write` writes. What goes wrong at its start is a problem; later the answer is cut off, which
    /// whoever reads it sees as an error.
    pub(super) async fn answer(
        &self,
        content_type: &'static str,
        file: Option<&str>,
        write: impl FnOnce(&mut Pieces) -> anyhow::Result<()> + Send + 'static,
    ) -> Result<Response, Problem> {
        let permit = Arc::clone(&self.0).try_acquire_owned().map_err(|_| {
            let why =
                format!("{AT_ONCE} long answers are being read, the most that this server writes: try again");
            Problem::later(why, 5)
        })?;
        let (pieces, mut read) = mpsc::channel(AHEAD);
        let runtime = Handle::current();
        tokio::task::spawn_blocking(log::for_this_request(move || {
            let mut out = Pieces { pieces, runtime, piece: Vec::with_capacity(PIECE), _permit: permit };
            // An answer that just ended would be taken for the whole.
            let written = catch_unwind(AssertUnwindSafe(|| write(&mut out)))
                .unwrap_or_else(|_| Err(anyhow::anyhow!("internal error while the answer was written")))
                .and_then(|()| Ok(out.flush()?));
            if let Err(error) = written {
                let gone = error
                    .downcast_ref::<io::Error>()
                    .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
                if !gone {
                    drop(out.send(Err(error)));
                }
            }
        }));
        // The first piece tells whether there is an answer at all.
        let first = match read.recv().await {
            Some(Ok(piece)) => piece,
            Some(Err(error)) => return Err(failed(error)),
            None => Bytes::new(),
        };
        let body = Body::from_stream(Rest { first: Some(first), read });
        let mut answer =
            ([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))], body).into_response();
        if let Some(name) = file
            && let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
        {
            answer.headers_mut().insert(header::CONTENT_DISPOSITION, value);
        }
        Ok(answer)
    }
}

fn failed(error: anyhow::Error) -> Problem {
    match error.downcast::<rollcall_app::AppError>() {
        Ok(error) => error.into(),
        Err(error) => {
            tracing::error!("{error:#}");
            Problem::internal()
        }
    }
}

/// Where the answer is written to.
pub(super) struct Pieces {
    pieces: mpsc::Sender<anyhow::Result<Bytes>>,
    runtime: Handle,
    piece: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl Pieces {
    fn send(&self, piece: anyhow::Result<Bytes>) -> io::Result<()> {
        let sent = self.runtime.block_on(self.pieces.send_timeout(piece, STALLED));
        sent.map_err(|_| {
            io::Error::new(io::ErrorKind::BrokenPipe, "whoever reads this is gone, or reads no more")
        })
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.send(Ok(piece.into()))
    }
}

struct Rest {
    first: Option<Bytes>,
    read: mpsc::Receiver<anyhow::Result<Bytes>>,
}

impl Stream for Rest {
    type Item = Result<Bytes, io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take().filter(|first| !first.is_empty()) {
            return Poll::Ready(Some(Ok(first)));
        }
        self.read.poll_recv(cx).map(|piece| {
            piece.map(|piece| {
                piece.map_err(|error| {
                    tracing::warn!("an answer was cut off: {error:#}");
                    io::Error::other("cut off")
                })
            })
        })
    }
}
