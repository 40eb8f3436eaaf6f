//! The HTTP door. [`door`] decides who somebody is, once for every request; what they may do is decided below, by the
//! [`App`] that it gives them. A file an endpoint; [`problem`] is how everything that goes wrong is told.

mod api;
mod door;
mod extract;
mod health;
mod pages;
mod problem;
mod sessions;
mod set_up;
mod spool;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rollcall_app::App;
use rollcall_app::runs::Engine;
use rollcall_app::sign_in::Credentials;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};

use problem::Problem;
use stream::Streams;

/// The longest body of a request, in bytes.
const MAX_BODY: usize = 1 << 20;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every request works with.
#[derive(Clone)]
pub(crate) struct Server {
    /// Rollcall, for the account that runs this process. Requests get one of their own: see [`door::Caller`].
    app: App,
    /// One for the process, since it bounds how much memory passwords take.
    credentials: Arc<Credentials>,
    /// How scripts are executed here.
    engine: Engine,
    streams: Streams,
    /// Whether this process ends.
    ends: watch::Receiver<bool>,
}

impl FromRef<Server> for Streams {
    fn from_ref(server: &Server) -> Self {
        server.streams.clone()
    }
}

impl Server {
    /// Answers until `ends` says so.
    pub(crate) fn new(app: App, engine: Engine, ends: watch::Receiver<bool>) -> Self {
        let credentials = Arc::new(app.credentials());
        Self { app, credentials, engine, streams: Streams::default(), ends }
    }

    /// The path of the page where the first administrator is made, if there is none yet. It counts once, for a day.
    pub(crate) fn set_up_path(&self) -> anyhow::Result<Option<String>> {
        let link = self.credentials.set_up_link()?;
        Ok(link.map(|link| format!("/set-up/{}", link.reveal())))
    }

    /// Answers requests until the process ends, and then those that are under way.
    pub(crate) async fn serve(self, listener: TcpListener) -> std::io::Result<()> {
        let mut ends = self.ends.clone();
        let stop = async move { drop(ends.wait_for(|ends| *ends).await) };
        let service = self.routes().into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, service).with_graceful_shutdown(stop).await
    }

    fn routes(self) -> Router {
        Router::new()
            .nest(api::PREFIX, api::routes())
            .route("/healthz", get(health::alive))
            .route("/readyz", get(health::ready))
            .route("/style.css", get(set_up::style))
            .route("/set-up/{link}", get(set_up::page).post(set_up::form))
            .fallback(nothing)
            .layer(middleware::from_fn(door::same_site))
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
                Problem::internal().into_response()
            }))
            .layer(middleware::from_fn(careful))
            .layer(PropagateRequestIdLayer::new(REQUEST_ID))
            .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
            .with_state(self)
    }
}

async fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this address")
}

/// What browsers are told about every answer: to keep none, to guess nothing, to load nothing, to tell nobody.
async fn careful(request: Request, next: Next) -> Response {
    const RULES: [(HeaderName, HeaderValue); 5] = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(
                "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; \
                 frame-ancestors 'none'",
            ),
        ),
    ];
    let mut answer = next.run(request).await;
    for (name, value) in RULES {
        answer.headers_mut().insert(name, value);
    }
    answer
}

/// Runs what waits for the database where nobody else has to wait for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, rollcall_app::AppError> + Send + 'static,
) -> Result<T, Problem> {
    aside(move || Ok(work()?)).await
}

/// The same for work that knows itself how to tell what goes wrong.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}
