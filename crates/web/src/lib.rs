//! The HTTP server: the API, the pages and everything around them. [`auth`] authenticates each request; permissions are
//! checked below, by the [`App`] that it gives the handler. [`problem`] is the form of all errors.

mod api;
mod assets;
mod auth;
mod compress;
mod connections;
mod cookie;
mod extract;
mod flow;
mod headers;
mod health;
mod hosts;
mod limits;
mod listener;
mod log;
mod metrics;
mod pages;
mod problem;
mod proxy;
mod sessions;
mod set_up;
mod shared;
mod site;
mod spool;
mod stream;
mod tls;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::get;
use rollcall_app::App;
use rollcall_app::runs::ExecutionConfig;
use rollcall_app::sign_in::Credentials;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;

use connections::{Connections, Guests};
use metrics::Metrics;
use stream::Streams;

use assets::script_path;
use pages::style_state;
use problem::Problem;

pub use limits::grace_period;
pub use listener::{Listen, Listener};
pub use log::REQUEST;
pub use proxy::{Proxies, ProxyHeaders};
pub use site::{PublicUrl, Site};
pub use tls::Tls;

/// The longest body of a request, in bytes.
const MAX_BODY: usize = 1 << 20;

/// What every request works with.
#[derive(Clone)]
pub struct Server {
    /// Rollcall, for the account that runs this process. Requests get one of their own: see [`auth::Caller`].
    app: App,
    /// One for the process, since it bounds how much memory passwords take.
    credentials: Arc<Credentials>,
    /// How scripts are executed here.
    execution: ExecutionConfig,
    streams: Streams,
    site: Arc<Site>,
    /// Tells what is under way that the server is about to end.
    ending: watch::Sender<bool>,
    metrics: Metrics,
}

impl FromRef<Server> for Streams {
    fn from_ref(server: &Server) -> Self {
        server.streams.clone()
    }
}

impl Server {
    /// A server that acts through `app`, executes scripts with `execution`, and stands at `site`.
    #[must_use]
    pub fn new(app: App, execution: ExecutionConfig, site: Site) -> Self {
        let credentials = Arc::new(app.credentials());
        Self {
            app,
            credentials,
            execution,
            streams: Streams::default(),
            site: Arc::new(site),
            ending: watch::Sender::new(false),
            metrics: Metrics::new(),
        }
    }

    /// The path of the page where the first administrator is made, if there is none yet. It counts once, for a day.
    pub fn set_up_path(&self) -> anyhow::Result<Option<String>> {
        let link = self.credentials.set_up_link()?;
        Ok(link.map(|link| format!("/set-up/{}", link.reveal())))
    }

    /// Answers requests until `stop` is there, and then those that are under way.
    pub async fn serve(self, listener: Listener, tls: Option<Arc<Tls>>, stop: impl Future<Output = ()>) {
        let (site, ending) = (Arc::clone(&self.site), self.ending.clone());
        let connections = Connections {
            routes: self.clone().routes(),
            tls,
            site,
            ending,
            guests: Guests::default(),
            metrics: self.metrics.clone(),
        };
        connections.serve(listener, stop).await;
    }

    fn routes(self) -> Router {
        Router::new()
            .route("/healthz", get(health::alive))
            .route("/readyz", get(health::ready))
            .route("/metrics", get(metrics::show))
            .route("/assets/{name}", get(assets::show))
            .route("/set-up/{link}", get(set_up::page).post(set_up::form))
            .layer(middleware::from_fn(limits::be_patient))
            .merge(pages::routes())
            .nest(rollcall_api::PREFIX, api::routes())
            .fallback(nothing)
            .layer(middleware::from_fn(auth::same_site))
            .layer(middleware::from_fn_with_state(self.clone(), hosts::only_ours))
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
                Problem::internal().into_response()
            }))
            .layer(middleware::from_fn(pages::show_problems))
            .layer(compress::layer())
            .layer(middleware::from_fn(headers::be_careful))
            .layer(middleware::from_fn_with_state(self.clone(), flow::keep_flowing))
            .layer(middleware::from_fn_with_state(self.clone(), log::tell_requests))
            .layer(middleware::from_fn_with_state(self.clone(), proxy::find_client))
            .with_state(self)
    }
}

async fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this address")
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
    let seat = limits::seat().await;
    let done = tokio::task::spawn_blocking(log::for_this_request(move || {
        fail::fail_point!("http_blocking");
        let done = work();
        // Whoever has asked may be gone by now, but this thread was at work all the same.
        drop(seat);
        done
    }));
    match done.await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}
