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
mod peer;
mod problem;
mod proxy;
mod sessions;
mod set_up;
mod shared;
mod site;
mod spool;
mod state;
mod stream;
mod tls;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;

use connections::{Connections, Guests};

use assets::script_path;
use pages::style_state;
use problem::{Problem, nothing};
use state::{aside, blocking};

pub use limits::grace_period;
pub use listener::{Listen, Listener};
pub use log::REQUEST;
pub use proxy::{Proxies, ProxyHeaders};
pub use site::{PublicUrl, Site};
pub use state::Server;
pub use tls::Tls;

/// The longest body of a request, in bytes.
const MAX_BODY: usize = 1 << 20;

impl Server {
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
            .route("/metrics", get(health::metrics))
            .route("/assets/{name}", get(assets::show))
            .route("/set-up/{link}", get(set_up::page).post(set_up::form))
            .layer(middleware::from_fn(limits::be_patient))
            .merge(pages::routes())
            .nest(rollcall_api::PREFIX, api::routes())
            .fallback(nothing)
            .layer(middleware::from_fn(auth::same_site))
            .layer(middleware::from_fn_with_state(Arc::clone(&self.site), hosts::only_ours))
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
                Problem::internal().into_response()
            }))
            .layer(middleware::from_fn(pages::show_problems))
            .layer(compress::layer())
            .layer(middleware::from_fn(headers::be_careful))
            .layer(middleware::from_fn_with_state(self.clone(), flow::keep_flowing))
            .layer(middleware::from_fn_with_state(self.metrics.clone(), log::tell_requests))
            .layer(middleware::from_fn_with_state(self.site.proxies.clone(), proxy::find_client))
            .with_state(self)
    }
}
