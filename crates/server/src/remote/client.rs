//! Requests to a server, and what it answers.

use std::cell::OnceCell;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use rollcall_domain::{Secret, Zone};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, AsSendBody, Body, RequestExt};

use super::{Address, Refused};
use crate::contract::{Me, Page};
use crate::failure::Usage;
use crate::http::{PREFIX, Problem, TIME_ZONE};
use crate::style::tell;

/// A server that cannot be reached in this time is away.
const CONNECT: Duration = Duration::from_secs(15);
/// A server that says nothing for so long has lost us. Freezing a long list takes a while.
const SILENCE: Duration = Duration::from_secs(600);
/// The longest answer that is held in memory, in bytes: a part of a listing, with everything that scripts have left.
const LONGEST: u64 = 1 << 30;
/// Entries of the first part of a listing: who looks at the start does not wait for more.
const FIRST: u16 = 100;
/// Entries of every other.
const FURTHER: u16 = 1_000;

/// Things as they come, part after part.
pub(crate) type Items<'a, T> = Box<dyn Iterator<Item = anyhow::Result<T>> + 'a>;

/// A server, and the administrator for whom it is asked.
pub(crate) struct Client {
    agent: Agent,
    /// Where it is, without a slash at the end.
    at: String,
    token: Secret,
    /// In which zone dates are typed here; none: the server's.
    zone: Option<Zone>,
    me: OnceCell<Me>,
    zone_there: OnceCell<Zone>,
}

impl Client {
    /// Asks the server at `url` with a token.
    pub(crate) fn new(url: &str, token: Secret, zone: Option<Zone>) -> anyhow::Result<Self> {
        let at = read_url(url)?;
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // A token is for the server that was named.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(SILENCE))
            .user_agent(concat!("rollcall/", env!("CARGO_PKG_VERSION")));
        if at.starts_with("https://") {
            config = config.tls_config(tls()?);
        }
        let agent = config.build().into();
        Ok(Self { agent, at, token, zone, me: OnceCell::new(), zone_there: OnceCell::new() })
    }

    /// Where it is.
    pub(crate) fn at(&self) -> &str {
        &self.at
    }

    /// For whom it is asked.
    pub(super) fn me(&self) -> anyhow::Result<&Me> {
        if let Some(me) = self.me.get() {
            return Ok(me);
        }
        let me = self.get(&Address::of(&["me"]))?;
        Ok(self.me.get_or_init(|| me))
    }

    /// How dates without an offset are read.
    pub(super) fn zone(&self) -> anyhow::Result<&Zone> {
        if let Some(zone) = self.zone.as_ref().or(self.zone_there.get()) {
            return Ok(zone);
        }
        let zone = self.me()?.time_zone.parse()?;
        Ok(self.zone_there.get_or_init(|| zone))
    }

    /// What there is at an address.
    pub(super) fn get<T: DeserializeOwned>(&self, address: &Address) -> anyhow::Result<T> {
        self.read(self.ask(address)?)
    }

    /// The same, or none where nothing is.
    pub(super) fn find<T: DeserializeOwned>(&self, address: &Address) -> anyhow::Result<Option<T>> {
        match self.get(address) {
            Err(error) if error.downcast_ref().is_some_and(Refused::is_missing) => Ok(None),
            found => found.map(Some),
        }
    }

    /// The answer to a question, which changes nothing.
    pub(super) fn ask(&self, address: &Address) -> anyhow::Result<Response<Body>> {
        self.send(Method::GET, address, &HeaderMap::new(), ())
    }

    /// Sends something, and reads what comes of it.
    pub(super) fn tell<T: DeserializeOwned>(
        &self,
        method: Method,
        address: &Address,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.read(self.say(method, address, &HeaderMap::new(), body)?)
    }

    /// Sends something that is answered with nothing, or with what nobody here wants.
    pub(super) fn say(
        &self,
        method: Method,
        address: &Address,
        headers: &HeaderMap,
        body: &impl Serialize,
    ) -> anyhow::Result<Response<Body>> {
        let text = serde_json::to_vec(body)?;
        let mut headers = headers.clone();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.send(method, address, &headers, text)
    }

    /// Asks for something that takes no more words.
    pub(super) fn do_at<T: DeserializeOwned>(&self, address: &Address) -> anyhow::Result<T> {
        self.read(self.send(Method::POST, address, &HeaderMap::new(), ())?)
    }

    /// Removes what is at an address.
    pub(super) fn remove(&self, address: &Address, headers: &HeaderMap) -> anyhow::Result<Response<Body>> {
        self.send(Method::DELETE, address, headers, ())
    }

    /// Everything of a listing. Only a part of it is in memory at any time; what is wrong with the question is told at once.
    pub(super) fn pages<'a, T: DeserializeOwned + 'a>(
        &'a self,
        address: Address,
    ) -> anyhow::Result<Items<'a, T>> {
        let part = move |limit: u16, cursor: Option<&str>| {
            self.get::<Page<T>>(&address.clone().with("limit", Some(limit)).with("cursor", cursor))
        };
        let Page { items, mut next } = part(FIRST, None)?;
        let mut items = items.into_iter();
        Ok(Box::new(std::iter::from_fn(move || {
            loop {
                if let Some(item) = items.next() {
                    return Some(Ok(item));
                }
                match part(FURTHER, Some(&next.take()?)) {
                    Ok(page) => (items, next) = (page.items.into_iter(), page.next),
                    Err(error) => return Some(Err(error)),
                }
            }
        })))
    }

    /// All of a listing that is short.
    pub(super) fn list<T: DeserializeOwned>(&self, address: Address) -> anyhow::Result<Vec<T>> {
        self.pages(address)?.collect()
    }

    /// Hands through what there is at an address, as it is.
    pub(crate) fn copy(&self, address: &Address, out: &mut impl Write) -> anyhow::Result<()> {
        let mut answer = self.ask(address)?.into_body().into_reader();
        let mut piece = vec![0; 64 << 10];
        loop {
            let read = answer.read(&mut piece).map_err(|error| self.cut_off(&error))?;
            if read == 0 {
                return Ok(out.flush()?);
            }
            out.write_all(&piece[..read])?;
        }
    }

    pub(super) fn read<T: DeserializeOwned>(&self, mut answer: Response<Body>) -> anyhow::Result<T> {
        let text = answer.body_mut().with_config().limit(LONGEST).read_to_vec();
        let text = text.map_err(|error| self.away(error))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} answers what this version of Rollcall does not understand", self.at))
    }

    /// Sends a request; whatever is not done is an error.
    pub(super) fn send(
        &self,
        method: Method,
        address: &Address,
        headers: &HeaderMap,
        body: impl AsSendBody,
    ) -> anyhow::Result<Response<Body>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{PREFIX}{}", self.at, address.as_str()))
            .header(header::AUTHORIZATION, self.bearer()?);
        if let Some(zone) = &self.zone {
            request = request.header(TIME_ZONE, zone.name());
        }
        request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let request =
            request.body(body).map_err(|error| anyhow!("{} cannot be asked that: {error}", self.at))?;
        let answer = request.with_agent(&self.agent).run().map_err(|error| self.unsent(error))?;
        if answer.status().is_success() { Ok(answer) } else { Err(self.refused(answer)) }
    }

    /// The token, which nothing shows.
    fn bearer(&self) -> Result<HeaderValue, Usage> {
        let value = HeaderValue::try_from(format!("Bearer {}", self.token.reveal()));
        let mut value = value.map_err(|_| Usage("the token has characters that none has".to_owned()))?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn refused(&self, mut answer: Response<Body>) -> anyhow::Error {
        let text = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let wait = text(header::RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
        let is_problem =
            text(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/problem+json"));
        let elsewhere = text(header::LOCATION);
        let status = answer.status();
        let body = answer.body_mut().with_config().limit(LONGEST).read_to_vec().unwrap_or_default();
        let problem = is_problem.then(|| serde_json::from_slice::<Problem>(&body).ok()).flatten();
        match (problem, elsewhere) {
            (Some(problem), _) => Refused::new(problem, wait).into(),
            (None, Some(other)) if status.is_redirection() => {
                anyhow!("{} sends on to {other}: name that server, since a token is for one only", self.at)
            }
            _ => anyhow!("{} answers {status}, and not as Rollcall does: is it the right address?", self.at),
        }
    }

    pub(super) fn cut_off(&self, error: &io::Error) -> anyhow::Error {
        // Not as its cause: that standard output is closed is something else.
        anyhow!("the answer of {} was cut off: {error}", self.at)
    }

    /// Why something could not be sent. Whom a server does not let in, it may not listen to until the end.
    fn unsent(&self, error: ureq::Error) -> anyhow::Error {
        let is_hung_up = matches!(&error, ureq::Error::Io(error)
            if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset));
        match is_hung_up.then(|| self.me()) {
            Some(Err(refused)) if refused.is::<Refused>() => refused,
            _ => self.away(error).into(),
        }
    }

    /// Why a server was not reached.
    fn away(&self, error: ureq::Error) -> Away {
        use ureq::Error::{HostNotFound, Io, Timeout};
        let is_lost = match &error {
            Io(error) => matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
                    | io::ErrorKind::UnexpectedEof
            ),
            other => matches!(other, ureq::Error::Protocol(_)),
        };
        // A file that is sent and cannot be read has its own words.
        let why = match error {
            Io(error) => error.to_string(),
            HostNotFound => "there is no such host".to_owned(),
            Timeout(_) => "it does not answer in time".to_owned(),
            other => other.to_string(),
        };
        Away { at: self.at.clone(), why, is_lost }
    }
}

/// A server that was not reached, or whose answer was not.
#[derive(Debug)]
pub(super) struct Away {
    at: String,
    why: String,
    /// Whether it may have got what was sent, and done it.
    pub(super) is_lost: bool,
}

impl std::error::Error for Away {}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be reached: {}", self.at, self.why)
    }
}

/// `https://HOST`, `http://HOST:PORT/BELOW` without its last slash.
fn read_url(url: &str) -> anyhow::Result<String> {
    if url.contains('@') {
        // Not shown: what stands there may be a secret.
        let why = "--server: a name or a password in the URL is of no use: a token is, in ROLLCALL_TOKEN";
        return Err(Usage(why.to_owned()).into());
    }
    let wrong =
        |why: &str| Usage(format!("--server {url}: {why}: write https://HOST or http://127.0.0.1:8080"));
    let read: Uri = url.parse().map_err(|_| wrong("that is no URL"))?;
    let Some(host) = read.host().filter(|host| !host.is_empty()) else {
        return Err(wrong("that is no URL").into());
    };
    if read.query().is_some() {
        return Err(wrong("something follows the address").into());
    }
    match read.scheme_str() {
        Some("https") => {}
        Some("http") => {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            let here = bare == "localhost" || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback());
            if !here {
                tell(format_args!(
                    "warning: {url} is plain HTTP: whoever is between here and there reads the token"
                ));
            }
        }
        _ => return Err(wrong("that is no address of a web server").into()),
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Believes whom this system believes.
fn tls() -> anyhow::Result<TlsConfig> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let why = found.errors.first().map_or_else(|| "none is there".to_owned(), ToString::to_string);
        bail!("this system's certificates cannot be read, so no server can be believed: {why}");
    }
    let roots: Vec<_> = found.certs.iter().map(|each| Certificate::from_der(each).to_owned()).collect();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(provider)
        .build())
}
