//! Connections: their acceptance, number, duration and end.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use prometheus_client::metrics::gauge::Gauge;
use rollcall_domain::BackOff;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tower_service::Service as _;

use super::limits;
use super::listener::{Listener, Stream};
use super::metrics::Metrics;
use super::peer::{Peer, UnderWay};
use super::site::Site;
use super::tls::Tls;

/// Between two attempts to take a connection where the system has no room for one.
const RETRY: Duration = Duration::from_secs(1);

/// Between two warnings that there are too many.
const REMIND: Duration = Duration::from_secs(60);

/// What all connections have in common.
pub(super) struct Connections {
    pub(super) routes: Router,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) site: Arc<Site>,
    /// Tells what is under way that the server is about to end.
    pub(super) ending: watch::Sender<bool>,
    pub(super) guests: Guests,
    pub(super) metrics: Metrics,
}

impl Connections {
    /// Takes connections until `stop` is there, and then lets those end that are left.
    pub(super) async fn serve(self, listener: Listener, stop: impl Future<Output = ()>) {
        let places = Arc::new(Semaphore::new(self.site.most as usize));
        let all = Arc::new(self);
        tokio::select! {
            () = stop => {}
            () = accept(&all, &listener, &places) => {}
        }
        drop(listener);
        all.ending.send_replace(true);
        // Each connection has one of them.
        drop(places.acquire_many(all.site.most).await);
    }

    /// Lets somebody in who has not too many connections. Proxies have those of everybody.
    fn admit(&self, address: Option<IpAddr>) -> Option<Option<Guest>> {
        match address {
            Some(one) if !self.site.proxies.trusts(address) => {
                self.guests.admit(one, self.site.most_from_one).map(Some)
            }
            _ => Some(None),
        }
    }

    async fn converse(&self, stream: Box<dyn Stream>, address: Option<IpAddr>) {
        let Some(tls) = &self.tls else {
            let peer = Peer { address, https: false };
            return self.speak(stream, peer, auto::Builder::new(TokioExecutor::new()).http1_only()).await;
        };
        // Whoever speaks no TLS, or knows another authority, finds that out at the other end.
        let Ok(Ok(stream)) = timeout(limits::handshake(), tls.acceptor().accept(stream)).await else {
            self.metrics.failed_handshakes.inc();
            return;
        };
        let builder = auto::Builder::new(TokioExecutor::new());
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let builder = if http2 { builder.http2_only() } else { builder.http1_only() };
        self.speak(stream, Peer { address, https: true }, builder).await;
    }

    async fn speak(
        &self,
        stream: impl Stream + 'static,
        peer: Peer,
        mut builder: auto::Builder<TokioExecutor>,
    ) {
        limits::of_connection(&mut builder, TokioTimer::new());
        let under_way = Arc::new(watch::Sender::new(0));
        let service = service_fn(|request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(UnderWay::of(&under_way));
            self.routes.clone().call(request)
        });
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let mut ending = self.ending.subscribe();
        let enough = async {
            tokio::select! {
                _ = ending.wait_for(|ending| *ending) => {}
                () = idle(under_way.subscribe()) => {}
            }
        };
        // How it ends is told by what was asked on it; there is nobody else to tell.
        tokio::select! {
            _ = connection.as_mut() => {}
            () = enough => {
                connection.as_mut().graceful_shutdown();
                drop(connection.await);
            }
        }
    }
}

async fn accept(all: &Arc<Connections>, listener: &Listener, places: &Arc<Semaphore>) {
    let mut told: Option<Instant> = None;
    loop {
        let place = match Arc::clone(places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                if told.is_none_or(|told| told.elapsed() > REMIND) {
                    told = Some(Instant::now());
                    let most = all.site.most;
                    tracing::warn!("all {most} connections of --max-connections are taken: others wait");
                }
                let Ok(place) = Arc::clone(places).acquire_owned().await else { return };
                place
            }
        };
        match listener.accept(limits::stall()).await {
            Ok((stream, address)) => {
                // Whoever has enough of them is not answered, as if there were none left.
                if let Some(guest) = all.admit(address) {
                    let all = Arc::clone(all);
                    let open = Open::new(all.metrics.connections.clone());
                    tokio::spawn(async move {
                        all.converse(stream, address).await;
                        drop((guest, open, place));
                    });
                } else {
                    all.metrics.refused_connections.inc();
                }
            }
            Err(error) if is_theirs(&error) => {}
            Err(error) => {
                tracing::warn!("cannot take a connection: {error}");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Counts a connection as long as it is there.
struct Open(Gauge);

impl Open {
    fn new(all: Gauge) -> Self {
        all.inc();
        Self(all)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// How many connections each address has.
#[derive(Debug, Clone, Default)]
pub(super) struct Guests(Arc<Mutex<HashMap<String, u32>>>);

/// One of them.
struct Guest {
    of: Guests,
    key: String,
}

impl Guests {
    fn admit(&self, address: IpAddr, most: u32) -> Option<Guest> {
        // What counts as one address for those who sign in counts as one here.
        let key = BackOff::key_of_address(address);
        let mut guests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let here = guests.entry(key.clone()).or_default();
        if *here >= most {
            return None;
        }
        *here += 1;
        Some(Guest { of: self.clone(), key })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut guests = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = guests.get_mut(&self.key) {
            *here -= 1;
            if *here == 0 {
                guests.remove(&self.key);
            }
        }
    }
}

/// Whether the other end has thought better of it.
fn is_theirs(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Ends once nothing was asked for a while.
async fn idle(mut under_way: watch::Receiver<usize>) {
    loop {
        let nothing = *under_way.borrow_and_update() == 0;
        if !nothing {
            drop(under_way.changed().await);
        } else if timeout(limits::idle(), under_way.changed()).await.is_err() {
            return;
        }
    }
}
