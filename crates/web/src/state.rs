//! The state that every request works with, and work that waits for the database.

use std::sync::Arc;

use axum::extract::FromRef;
use rollcall_app::App;
use rollcall_app::runs::ExecutionConfig;
use rollcall_app::sign_in::Credentials;
use tokio::sync::watch;

use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::site::Site;
use crate::stream::Streams;
use crate::{limits, log};

/// What every request works with.
#[derive(Clone)]
pub struct Server {
    /// Rollcall, for the account that runs this process. Requests get one of their own: see [`auth::Caller`].
    pub(crate) app: App,
    /// One for the process, since it bounds how much memory passwords take.
    pub(crate) credentials: Arc<Credentials>,
    /// How scripts are executed here.
    pub(crate) execution: ExecutionConfig,
    pub(crate) streams: Streams,
    pub(crate) site: Arc<Site>,
    /// Tells what is under way that the server is about to end.
    pub(crate) ending: watch::Sender<bool>,
    pub(crate) metrics: Metrics,
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
}

/// Runs what waits for the database where nobody else has to wait for it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, rollcall_app::AppError> + Send + 'static,
) -> Result<T, Problem> {
    aside(move || Ok(work()?)).await
}

/// The same for work that knows itself how to tell what goes wrong.
pub(crate) async fn aside<T: Send + 'static>(
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
