use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use rollcall_app::runs::Stop;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{Context, EngineArgs, worker};
use crate::failure::Usage;
use crate::http::Server;
use crate::style::tell;

/// How long requests that are under way may take when the server is told to end.
const LAST_CALL: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rollcall serve --listen 127.0.0.1:8080\n\n\
                  Where there is no administrator yet it prints a link, which makes the first one, once. It also does what \
                  'rollcall worker' does: runs whose process is gone, and those that were started with --queue, go on by \
                  themselves. SIGTERM or Ctrl-C lets it answer what was asked, put down what it executes, and end.")]
pub(super) struct Serve {
    /// Where it listens
    #[arg(long, env = "ROLLCALL_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Speak plain HTTP to other machines, too: whoever is on the way there reads passwords and tokens
    #[arg(long)]
    plain_http: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

impl Serve {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        if context.acting_as.is_some() {
            return Err(Usage("a server acts for whoever signs in: leave --as out".to_owned()).into());
        }
        if !self.listen.ip().is_loopback() && !self.plain_http {
            let why = format!(
                "{} is not this machine alone, and this is plain HTTP: put a proxy that speaks HTTPS before 127.0.0.1, \
                 or say --plain-http if everybody on the way may read passwords",
                self.listen.ip()
            );
            return Err(Usage(why).into());
        }
        let app = context.app()?;
        let engine = self.engine.engine();
        let drain = Stop::default();
        let (ends, is_told) = watch::channel(false);
        let server = Server::new(app.clone(), engine.clone(), is_told);
        let runtime = tokio::runtime::Runtime::new().context("cannot start the server")?;
        let listener = runtime
            .block_on(TcpListener::bind(self.listen))
            .with_context(|| format!("cannot listen on {}", self.listen))?;
        let at = listener.local_addr().context("cannot listen")?;
        if self.plain_http {
            tell(format_args!(
                "warning: --plain-http: whoever is between here and a browser reads passwords"
            ));
        }
        tell(format_args!("Rollcall listens on http://{at}"));
        if let Some(path) = server.set_up_path()? {
            tell(format_args!(
                "nobody can sign in yet; this makes the first administrator, once, within a day:"
            ));
            tell(format_args!("  http://{at}{path}"));
        }
        thread::scope(|scope| {
            let work = scope.spawn(|| app.work(&engine, &drain, &mut |event| worker::print(&event)));
            let served = runtime.block_on(serve(server, listener, &ends, &drain));
            // Whatever ended it.
            drain.store(true, Ordering::Relaxed);
            let worked = work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            runtime.shutdown_timeout(Duration::from_secs(1));
            served?;
            worked?;
            tell(format_args!("the server has ended"));
            Ok(ExitCode::SUCCESS)
        })
    }
}

/// Serves until somebody wants the process to end, and a while longer.
async fn serve(
    server: Server,
    listener: TcpListener,
    ends: &watch::Sender<bool>,
    drain: &Stop,
) -> anyhow::Result<()> {
    let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut late = ends.subscribe();
    let serving = server.serve(listener);
    let signals = async {
        tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
        tell(format_args!("ending: what was asked is answered, nothing new is taken"));
        drain.store(true, Ordering::Relaxed);
        ends.send_replace(true);
        // Whoever says it twice does not want to wait.
        tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
    };
    let last_call = async {
        drop(late.wait_for(|told| *told).await);
        tokio::time::sleep(LAST_CALL).await;
    };
    tokio::select! {
        done = serving => Ok(done?),
        () = signals => Ok(()),
        () = last_call => Ok(()),
    }
}
