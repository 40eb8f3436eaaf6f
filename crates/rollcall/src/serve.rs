//! `rollcall serve`: the HTTP server with the web UI and a built-in worker.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use ipnet::IpNet;
use rollcall_app::database::{Location, Store, StoreError};
use rollcall_app::runs::Stop;
use tokio::signal::unix::{Signal, SignalKind, signal};

use rollcall_cli::{
    Context, ExecutionArgs, LogFormat, ServeCommand, Usage, finish_log, log_event, start_server_log,
    write_log_apart,
};
use rollcall_web::{Listen, Listener, Proxies, ProxyHeaders, PublicUrl, Server, Site, Tls, grace_period};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rollcall serve --listen 127.0.0.1:8080\n\n\
                  Without an administrator, the server prints a link that creates the first one. The link works once. The \
                  server is also a worker: it executes queued runs and resumes runs whose process has died. SIGTERM or \
                  Ctrl-C completes open requests, returns targets to other workers, and ends the server. SIGHUP reloads \
                  the certificate and its key.")]
pub(crate) struct Serve {
    /// The address to listen on: IP:PORT, or unix:/PATH for a proxy on this machine
    #[arg(long, env = "ROLLCALL_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: Listen,
    /// The certificate chain for HTTPS, in PEM form
    #[arg(long, env = "ROLLCALL_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM form
    #[arg(long, env = "ROLLCALL_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Allow plain HTTP from other machines; passwords and tokens can be read on the way
    #[arg(long, conflicts_with = "tls_cert")]
    plain_http: bool,
    /// The public address of this server, such as https://rollcall.example.net
    #[arg(long, env = "ROLLCALL_PUBLIC_URL", value_name = "URL")]
    public_url: Option<PublicUrl>,
    /// A network of trusted proxies, whose forwarding headers are used, such as 127.0.0.1 or 10.1.0.0/16;
    /// may be repeated
    #[arg(
        long,
        env = "ROLLCALL_TRUSTED_PROXY",
        value_name = "NETWORK",
        value_parser = network,
        value_delimiter = ','
    )]
    trusted_proxy: Vec<IpNet>,
    /// The forwarding headers of these proxies
    #[arg(long, value_name = "HEADERS", value_enum, default_value = "x-forwarded")]
    proxy_headers: ProxyHeadersArg,
    /// The maximum number of connections; further ones wait
    #[arg(
        long,
        value_name = "N",
        default_value_t = 512,
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    max_connections: u32,
    /// The maximum number of connections from one address, trusted proxies excepted; further ones are
    /// rejected
    #[arg(
        long,
        value_name = "N",
        default_value_t = 128,
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    max_connections_per_address: u32,
    /// The format of the log on standard error
    #[arg(long, env = "ROLLCALL_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
    #[command(flatten)]
    execution: ExecutionArgs,
}

impl ServeCommand for Serve {
    fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        start_server_log(self.log_format);
        if context.acting_as().is_some() {
            return Err(Usage("a server acts for whoever signs in: leave --as out".to_owned()).into());
        }
        let tls = self.tls()?;
        if tls.is_none() && !self.listen.is_local() && !self.plain_http {
            let why = format!(
                "{} is not this machine alone, and this is plain HTTP: name a certificate with --tls-cert and --tls-key, \
                 put a proxy that speaks HTTPS before 127.0.0.1, or say --plain-http if everybody on the way may read \
                 passwords",
                self.listen
            );
            return Err(Usage(why).into());
        }
        let app = context.app_on(open_or_create(&context.location("sqlite:rollcall.db")?)?)?;
        let execution = self.execution.execution();
        let drain = Stop::default();
        let server = Server::new(app.clone(), execution.clone(), self.site());
        let runtime = tokio::runtime::Runtime::new().context("cannot start the server")?;
        let listener = runtime.block_on(Listener::bind(&self.listen))?;
        // Whoever reads that it listens may tell it to end.
        let signals = runtime.block_on(async { Signals::listen() })?;
        let at = listener.local_addr()?;
        let at = match &at {
            Listen::Tcp(at) if tls.is_some() => format!("https://{at}"),
            Listen::Tcp(at) => format!("http://{at}"),
            Listen::Unix(_) => at.to_string(),
        };
        if self.plain_http {
            tracing::warn!("--plain-http: passwords can be read on their way from the browser");
        }
        tracing::info!("Rollcall listens on {at}");
        if let Some(path) = server.set_up_path()? {
            tracing::info!("nobody can sign in yet; this makes the first administrator, once, within a day:");
            // A socket is asked by that name, if by no other.
            let here = if at.starts_with("unix:") { "http://localhost".to_owned() } else { at };
            let at = self.public_url.as_ref().map_or(here, ToString::to_string);
            tracing::info!("  {at}{path}");
        }
        write_log_apart();
        thread::scope(|scope| {
            let work = scope.spawn(|| {
                let worked = app.workers().execute_runs(&execution, &drain, &mut |event| log_event(&event));
                if let Err(error) = &worked
                    && !drain.load(Ordering::Relaxed)
                {
                    tracing::warn!("this server executes no runs: {error}");
                }
                worked
            });
            runtime.block_on(serve(server, listener, tls, signals, &drain));
            // Whatever ended it.
            drain.store(true, Ordering::Relaxed);
            let worked = work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            runtime.shutdown_timeout(Duration::from_secs(1));
            finish_log();
            worked?;
            tracing::info!("the server has ended");
            Ok(ExitCode::SUCCESS)
        })
    }
}

impl Serve {
    fn site(&self) -> Site {
        let (networks, headers) = (self.trusted_proxy.clone(), self.proxy_headers.into());
        Site {
            local: self.listen.is_local(),
            public: self.public_url.clone(),
            proxies: Proxies { networks, headers },
            most: self.max_connections,
            most_from_one: self.max_connections_per_address,
        }
    }

    fn tls(&self) -> anyhow::Result<Option<Arc<Tls>>> {
        let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) else { return Ok(None) };
        let tls = Tls::read(certificate.clone(), key.clone()).context("cannot speak HTTPS")?;
        Ok(Some(Arc::new(tls)))
    }
}

/// The headers by which a proxy tells on whose behalf it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ProxyHeadersArg {
    /// `X-Forwarded-For` and `X-Forwarded-Proto`.
    XForwarded,
    /// `Forwarded`, of RFC 7239.
    Forwarded,
}

impl From<ProxyHeadersArg> for ProxyHeaders {
    fn from(headers: ProxyHeadersArg) -> Self {
        match headers {
            ProxyHeadersArg::XForwarded => Self::XForwarded,
            ProxyHeadersArg::Forwarded => Self::Forwarded,
        }
    }
}

/// Opens the database, or creates it if there is none: who starts a server gets one.
fn open_or_create(location: &Location) -> Result<Store, StoreError> {
    match Store::open(location) {
        Err(StoreError::Missing(_) | StoreError::Empty(_)) => {
            let (store, _) = Store::create(location)?;
            tracing::info!("there was no database: {location} is created");
            Ok(store)
        }
        opened => opened,
    }
}

/// `10.1.0.0/16`, or one machine: `10.1.2.3`
fn network(text: &str) -> Result<IpNet, String> {
    let one = text.parse::<std::net::IpAddr>().map(IpNet::from);
    one.or_else(|_| text.parse())
        .map_err(|_| format!("{text:?} is no network: write 10.1.0.0/16 or 10.1.2.3"))
}

/// What this process is told from outside.
struct Signals {
    term: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

/// Serves until somebody wants the process to end, and a while longer.
async fn serve(
    server: Server,
    listener: Listener,
    tls: Option<Arc<Tls>>,
    Signals { mut term, mut interrupt, mut hangup }: Signals,
    drain: &Stop,
) {
    let (told, mut is_told) = tokio::sync::watch::channel(false);
    let mut late = is_told.clone();
    let stop = async move { drop(is_told.wait_for(|told| *told).await) };
    let serving = server.serve(listener, tls.clone(), stop);
    let signals = async {
        tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("ending: what was asked is answered, nothing new is taken");
        drain.store(true, Ordering::Relaxed);
        told.send_replace(true);
        // Whoever says it twice does not want to wait.
        tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
    };
    let reloads = async {
        while let (Some(()), Some(tls)) = (hangup.recv().await, &tls) {
            match tls.reload() {
                Ok(()) => tracing::info!("the certificate and its key were read again"),
                Err(why) => {
                    tracing::warn!("the certificate and its key stay as they were: {why:#}");
                }
            }
        }
        std::future::pending::<()>().await;
    };
    let last_call = async {
        drop(late.wait_for(|told| *told).await);
        tokio::time::sleep(grace_period()).await;
    };
    tokio::select! {
        () = serving => {}
        () = signals => {}
        () = reloads => {}
        () = last_call => {}
    }
}
