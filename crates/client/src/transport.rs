//! The HTTP client below all requests: tokens, retries under one idempotency key, listings part after part, streams.

use std::cell::OnceCell;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rollcall_api::{CurrentAdministrator, PREFIX, Page, Problem, RemovalResult, TIME_ZONE};
use rollcall_domain::{Secret, Zone};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, AsSendBody, Body, RequestExt};

use crate::{Address, Error, Refused, Unreachable};

/// The longest time for a connection to be made.
const CONNECT: Duration = Duration::from_secs(15);
/// The longest time between two parts of an answer. Freezing a long list takes a while.
const SILENCE: Duration = Duration::from_secs(600);
/// The longest answer that is held in memory, in bytes: a page of a listing, with all results of scripts.
const LONGEST: u64 = 1 << 30;
/// Entries of the first page of a listing: callers that need only its start do not wait for more.
const FIRST: u16 = 100;
/// Entries of every other page.
const FURTHER: u16 = 1_000;

/// The entries of a listing, fetched page by page.
pub type Items<'a, T> = Box<dyn Iterator<Item = Result<T, Error>> + 'a>;

/// A server, and the administrator on whose behalf it is asked.
pub struct Client {
    agent: Agent,
    /// Without a slash at the end.
    url: String,
    token: Secret,
    /// The zone of dates that have none; none: the server's.
    zone: Option<Zone>,
    me: OnceCell<CurrentAdministrator>,
    server_zone: OnceCell<Zone>,
}

impl Client {
    /// A client of the server at `url`, such as `https://rollcall.example.net`, that shows `token` with each request.
    /// Dates without a zone are in `zone`; none: in that of the installation. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Usage`] if the URL cannot be used, [`Error::Answer`] if this system has no certificates.
    pub fn new(url: &str, token: Secret, zone: Option<Zone>) -> Result<Self, Error> {
        let url = read_url(url)?;
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // A token is for the server that was named.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(SILENCE))
            .user_agent(concat!("rollcall/", env!("CARGO_PKG_VERSION")));
        if url.starts_with("https://") {
            config = config.tls_config(tls()?);
        }
        let agent = config.build().into();
        Ok(Self { agent, url, token, zone, me: OnceCell::new(), server_zone: OnceCell::new() })
    }

    /// The URL of the server.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The administrator whose token it is. The server is asked once.
    ///
    /// # Errors
    /// If the server refuses the token or cannot be reached.
    pub fn me(&self) -> Result<&CurrentAdministrator, Error> {
        if let Some(me) = self.me.get() {
            return Ok(me);
        }
        let me = self.get(&Address::of(&["me"]))?;
        Ok(self.me.get_or_init(|| me))
    }

    /// The zone in which dates without one are read.
    ///
    /// # Errors
    /// If the server has to be asked and cannot be reached.
    pub fn zone(&self) -> Result<&Zone, Error> {
        if let Some(zone) = self.zone.as_ref().or(self.server_zone.get()) {
            return Ok(zone);
        }
        let zone = self.me()?.time_zone.parse();
        let zone = zone.map_err(|why| self.unexpected(&why))?;
        Ok(self.server_zone.get_or_init(|| zone))
    }

    /// Reads what is at an address.
    pub(crate) fn get<T: DeserializeOwned>(&self, address: &Address) -> Result<T, Error> {
        self.read(self.ask(address)?)
    }

    /// Reads what is at an address, if there is something.
    pub(crate) fn find<T: DeserializeOwned>(&self, address: &Address) -> Result<Option<T>, Error> {
        match self.get(address) {
            Err(error) if error.refused().is_some_and(Refused::is_missing) => Ok(None),
            found => found.map(Some),
        }
    }

    /// Sends a request that changes nothing.
    pub(crate) fn ask(&self, address: &Address) -> Result<Response<Body>, Error> {
        self.send(Method::GET, address, &HeaderMap::new(), ())
    }

    /// Sends a body and reads the answer.
    pub(crate) fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        address: &Address,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        self.read(self.send_json(method, address, &HeaderMap::new(), body)?)
    }

    /// Sends a body as JSON.
    pub(crate) fn send_json(
        &self,
        method: Method,
        address: &Address,
        headers: &HeaderMap,
        body: &impl Serialize,
    ) -> Result<Response<Body>, Error> {
        let text = serde_json::to_vec(body).map_err(io::Error::from)?;
        let mut headers = headers.clone();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.send(method, address, &headers, text)
    }

    /// Sends a request without a body and reads the answer.
    pub(crate) fn post<T: DeserializeOwned>(&self, address: &Address) -> Result<T, Error> {
        self.read(self.send(Method::POST, address, &HeaderMap::new(), ())?)
    }

    /// Removes what is at an address.
    pub(crate) fn delete(&self, address: &Address) -> Result<Response<Body>, Error> {
        self.send(Method::DELETE, address, &HeaderMap::new(), ())
    }

    /// Removes what is at an address; says whether there was something.
    pub(crate) fn delete_if_there(&self, address: &Address) -> Result<bool, Error> {
        Ok(self.read::<RemovalResult>(self.delete(address)?)?.removed)
    }

    /// Everything of a listing. Only a page of it is in memory at any time. A refusal of the first page comes at once.
    pub(crate) fn pages<'a, T: DeserializeOwned + 'a>(
        &'a self,
        address: Address,
    ) -> Result<Items<'a, T>, Error> {
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
    pub(crate) fn list<T: DeserializeOwned>(&self, address: Address) -> Result<Vec<T>, Error> {
        self.pages(address)?.collect()
    }

    /// Copies what is at an address to `out`, as it is.
    pub(crate) fn copy(&self, address: &Address, out: &mut dyn Write) -> Result<(), Error> {
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

    pub(crate) fn read<T: DeserializeOwned>(&self, mut answer: Response<Body>) -> Result<T, Error> {
        let text = answer.body_mut().with_config().limit(LONGEST).read_to_vec();
        let text = text.map_err(|error| self.unreachable(error))?;
        serde_json::from_slice(&text).map_err(|error| self.unexpected(&error))
    }

    /// The error of an answer that cannot be read.
    pub(crate) fn unexpected(&self, why: &dyn std::fmt::Display) -> Error {
        let url = &self.url;
        Error::Answer(format!("{url} answers what this version of Rollcall does not understand: {why}"))
    }

    /// Sends a request; an answer other than success is an error.
    pub(crate) fn send(
        &self,
        method: Method,
        address: &Address,
        headers: &HeaderMap,
        body: impl AsSendBody,
    ) -> Result<Response<Body>, Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{PREFIX}{}", self.url, address.as_str()))
            .header(header::AUTHORIZATION, self.bearer()?);
        if let Some(zone) = &self.zone {
            request = request.header(TIME_ZONE, zone.name());
        }
        request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let request = request
            .body(body)
            .map_err(|error| Error::Usage(format!("{} cannot be asked that: {error}", self.url)))?;
        let answer = request.with_agent(&self.agent).run().map_err(|error| self.unsent(error))?;
        if answer.status().is_success() { Ok(answer) } else { Err(self.refusal(answer)) }
    }

    /// The token, which nothing shows.
    fn bearer(&self) -> Result<HeaderValue, Error> {
        let value = HeaderValue::try_from(format!("Bearer {}", self.token.reveal()));
        let mut value =
            value.map_err(|_| Error::Usage("the token has characters that none has".to_owned()))?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn refusal(&self, mut answer: Response<Body>) -> Error {
        let text = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let wait = text(header::RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
        let is_problem =
            text(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/problem+json"));
        let elsewhere = text(header::LOCATION);
        let status = answer.status();
        let body = answer.body_mut().with_config().limit(LONGEST).read_to_vec().unwrap_or_default();
        let problem = is_problem.then(|| serde_json::from_slice::<Problem>(&body).ok()).flatten();
        let url = &self.url;
        match (problem, elsewhere) {
            (Some(problem), _) => Box::new(Refused::new(problem, wait)).into(),
            (None, Some(other)) if status.is_redirection() => Error::Answer(format!(
                "{url} sends on to {other}: name that server, since a token is for one only"
            )),
            _ => Error::Answer(format!(
                "{url} answers {status}, and not as Rollcall does: is it the right address?"
            )),
        }
    }

    pub(crate) fn cut_off(&self, error: &io::Error) -> Error {
        // Not as its cause: that the local output is closed is something else.
        Error::Answer(format!("the answer of {} was cut off: {error}", self.url))
    }

    /// Why something could not be sent. A server that refuses the token may hang up before it has read everything.
    fn unsent(&self, error: ureq::Error) -> Error {
        let is_hung_up = matches!(&error, ureq::Error::Io(error)
            if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset));
        match is_hung_up.then(|| self.me()) {
            Some(Err(refused)) if refused.refused().is_some() => refused,
            _ => self.unreachable(error).into(),
        }
    }

    /// Why the server was not reached.
    fn unreachable(&self, error: ureq::Error) -> Unreachable {
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
        Unreachable { url: self.url.clone(), why, is_lost }
    }
}

/// Reads `https://HOST` or `http://HOST:PORT/BELOW`, without its last slash.
fn read_url(url: &str) -> Result<String, Error> {
    if url.contains('@') {
        // Not shown: what stands there may be a secret.
        let why = "--server: a name or a password in the URL is of no use: a token is, in ROLLCALL_TOKEN";
        return Err(Error::Usage(why.to_owned()));
    }
    let wrong = |why: &str| {
        Error::Usage(format!("--server {url}: {why}: write https://HOST or http://127.0.0.1:8080"))
    };
    let read: Uri = url.parse().map_err(|_| wrong("that is no URL"))?;
    let Some(host) = read.host().filter(|host| !host.is_empty()) else {
        return Err(wrong("that is no URL"));
    };
    if read.query().is_some() {
        return Err(wrong("something follows the address"));
    }
    match read.scheme_str() {
        Some("https") => {}
        Some("http") => {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            let here = bare == "localhost" || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback());
            if !here {
                tracing::warn!("{url} is plain HTTP: the token can be read on its way");
            }
        }
        _ => return Err(wrong("that is no address of a web server")),
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Trusts the certificate authorities of this system.
fn tls() -> Result<TlsConfig, Error> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let why = found.errors.first().map_or_else(|| "none is there".to_owned(), ToString::to_string);
        return Err(Error::Answer(format!(
            "this system's certificates cannot be read, so no server can be believed: {why}"
        )));
    }
    let roots: Vec<_> = found.certs.iter().map(|each| Certificate::from_der(each).to_owned()).collect();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(provider)
        .build())
}
