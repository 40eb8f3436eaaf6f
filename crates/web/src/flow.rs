//! Answers that come bit by bit: they last as long as the client reads and the server runs.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::Frame;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::{Server, limits};

/// Cuts an answer off that nobody reads, and lets one that only waits for news end with the server: browsers come again.
/// Whoever makes it then finds nobody there any more.
pub(super) async fn keep_flowing(State(server): State<Server>, request: Request, next: Next) -> Response {
    let answer = next.run(request).await;
    if answer.body().size_hint().exact().is_some() {
        return answer;
    }
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let endless = kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
    let ending = endless.then(|| server.ending.subscribe());
    answer.map(|body| pass_on(body, ending))
}

fn pass_on(mut body: Body, mut ending: Option<watch::Receiver<bool>>) -> Body {
    let (sender, frames) = mpsc::channel(1);
    let cut_off = Arc::new(AtomicBool::new(false));
    let cut = Arc::clone(&cut_off);
    tokio::spawn(async move {
        loop {
            let frame = tokio::select! {
                frame = next_frame(&mut body) => frame,
                () = is_ending(&mut ending) => None,
                () = sender.closed() => None,
            };
            let Some(frame) = frame else { return };
            if timeout(limits::stall(), sender.send(frame)).await.is_err() {
                return cut.store(true, Ordering::Release);
            }
        }
    });
    Body::new(Flow { frames, cut_off })
}

async fn next_frame(body: &mut Body) -> Option<Result<Frame<Bytes>, axum::Error>> {
    std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await
}

async fn is_ending(ending: &mut Option<watch::Receiver<bool>>) {
    match ending {
        Some(ending) => drop(ending.wait_for(|ending| *ending).await),
        None => std::future::pending().await,
    }
}

struct Flow {
    frames: mpsc::Receiver<Result<Frame<Bytes>, axum::Error>>,
    /// Nobody may take what has come for the whole.
    cut_off: Arc<AtomicBool>,
}

impl HttpBody for Flow {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match ready!(self.frames.poll_recv(context)) {
            Some(frame) => Poll::Ready(Some(frame.map_err(Into::into))),
            None if self.cut_off.swap(false, Ordering::Acquire) => Poll::Ready(Some(Err("cut off".into()))),
            None => Poll::Ready(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    /// A body that brings something whenever it is asked, until it is told to wait, and tells when it is gone.
    struct Source {
        left: usize,
        _gone: oneshot::Sender<()>,
    }

    impl HttpBody for Source {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            if self.left == 0 {
                return Poll::Pending;
            }
            self.left -= 1;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"line\n")))))
        }
    }

    fn source(left: usize) -> (Body, oneshot::Receiver<()>) {
        let (_gone, is_gone) = oneshot::channel();
        (Body::new(Source { left, _gone }), is_gone)
    }

    fn run(test: impl Future<Output = ()>) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap().block_on(test);
    }

    #[test]
    fn what_nobody_reads_is_cut_off() {
        run(async {
            let (body, gone) = source(1_000);
            let mut body = pass_on(body, None);
            assert!(next_frame(&mut body).await.unwrap().is_ok());
            // Nobody reads any more: who makes it need not wait for ever.
            gone.await.unwrap_err();
            assert!(next_frame(&mut body).await.unwrap().is_ok(), "what was on the way");
            assert!(next_frame(&mut body).await.unwrap().is_err(), "nobody takes it for the whole");
        });
    }

    #[test]
    fn what_is_read_comes_whole_however_long_it_waits() {
        run(async {
            let (body, gone) = source(3);
            let mut body = pass_on(body, None);
            for _ in 0..3 {
                assert!(next_frame(&mut body).await.unwrap().is_ok());
            }
            let day = std::time::Duration::from_secs(24 * 3_600);
            assert!(timeout(day, next_frame(&mut body)).await.is_err(), "it waits");
            // Whoever reads has gone.
            drop(body);
            gone.await.unwrap_err();
        });
    }

    #[test]
    fn news_end_with_the_server() {
        run(async {
            let (ending, is_ending) = watch::channel(false);
            let (body, gone) = source(1);
            let mut body = pass_on(body, Some(is_ending));
            assert!(next_frame(&mut body).await.unwrap().is_ok());
            ending.send_replace(true);
            assert!(next_frame(&mut body).await.is_none(), "in good order");
            gone.await.unwrap_err();
        });
    }
}
