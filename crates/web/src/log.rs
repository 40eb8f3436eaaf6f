//! A log line for every request, once it has ended. It has the route and not the address, and nothing that was sent or
//! answered: links, queries and bodies may hold secrets.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Extensions, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use tower_http::request_id::{MakeRequestId as _, MakeRequestUuid};
use tracing::{Instrument as _, Span};

use super::metrics::Metrics;
use super::peer::UnderWay;
use super::proxy::Client;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest number that a proxy may give a request.
const MAX_ID: usize = 128;
/// Routes that are asked all the time, by machines: told of only where something is wrong.
const QUIET: [&str; 3] = ["/healthz", "/metrics", "/readyz"];

/// The target of the event about a request, which has its own line in text logs.
pub const REQUEST: &str = "rollcall::request";

tokio::task_local! {
    static ID: String;
}

/// The number of the request that is worked on.
pub(crate) fn request_id() -> Option<String> {
    ID.try_with(Clone::clone).ok()
}

/// Lets a thread work on the request that this task works on.
pub(super) fn for_this_request<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let (id, span) = (request_id(), Span::current());
    move || {
        span.in_scope(|| match id {
            Some(id) => ID.sync_scope(id, work),
            None => work(),
        })
    }
}

/// In whose name something is asked, once that is known.
#[derive(Debug, Clone, Default)]
struct Who(Arc<OnceLock<String>>);

/// Notes in whose name a request is made.
pub(super) fn note_who(extensions: &Extensions, name: &str) {
    if let Some(Who(who)) = extensions.get() {
        let _ = who.set(name.to_owned());
    }
}

/// Gives a request its number, and tells of it when it is over.
pub(super) async fn tell_requests(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let client = Client::of(request.extensions());
    let id = id(&request, client);
    let (mut parts, body) = request.into_parts();
    let who = Who::default();
    parts.extensions.insert(who.clone());
    let mut asked = Asked {
        metrics: metrics.clone(),
        began: Instant::now(),
        under_way: parts.extensions.remove(),
        id: id.clone(),
        method: parts.method.clone(),
        route: route(&parts.extensions),
        status: None,
        bytes: 0,
        whole: false,
        who,
        address: client.address,
    };
    let span = tracing::info_span!("request", request_id = id, method = %asked.method, route = asked.route);
    let mut answer = ID.scope(id.clone(), next.run(Request::from_parts(parts, body))).instrument(span).await;
    let status = answer.status().as_u16();
    asked.status = Some(status);
    metrics.answered(asked.route.as_deref(), &asked.method, status, asked.began.elapsed());
    if let Ok(id) = HeaderValue::from_str(&id) {
        answer.headers_mut().insert(REQUEST_ID, id);
    }
    answer.map(|body| Body::new(Told { body, asked }))
}

/// The number that a proxy has given it, if that is believed; else one of our own.
fn id(request: &Request, client: Client) -> String {
    let given = request.headers().get(REQUEST_ID).filter(|_| client.proxied);
    let given = given.and_then(|id| id.to_str().ok()).filter(|id| {
        let harmless = |c: char| c.is_ascii_alphanumeric() || "-_.:/+=@".contains(c);
        !id.is_empty() && id.len() <= MAX_ID && id.chars().all(harmless)
    });
    let made =
        || MakeRequestUuid.make_request_id(request)?.into_header_value().to_str().ok().map(str::to_owned);
    given.map(str::to_owned).or_else(made).unwrap_or_default()
}

/// The address as it is written in the list of routes. Of an address that is none nothing is told.
fn route(extensions: &Extensions) -> Option<String> {
    extensions.get::<MatchedPath>().map(|route| route.as_str().to_owned())
}

/// One request. It is told of when nobody has it any more.
struct Asked {
    metrics: Metrics,
    began: Instant,
    /// Until here its connection has something to do.
    under_way: Option<UnderWay>,
    id: String,
    method: Method,
    route: Option<String>,
    /// None: whoever has asked was gone before there was an answer.
    status: Option<u16>,
    bytes: u64,
    /// Whether all of the answer was taken.
    whole: bool,
    who: Who,
    address: IpAddr,
}

impl Drop for Asked {
    fn drop(&mut self) {
        drop(self.under_way.take());
        if self.status.is_none() {
            self.metrics.abandoned();
        }
        let fine = self.status.is_some_and(|status| status < 400);
        if fine && self.route.as_deref().is_some_and(|route| QUIET.contains(&route)) {
            return;
        }
        macro_rules! tell {
            ($level:ident) => {
                tracing::$level!(
                    target: REQUEST,
                    request_id = self.id,
                    method = %self.method,
                    route = self.route,
                    status = self.status,
                    millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
                    bytes = self.bytes,
                    whole = self.whole,
                    who = self.who.0.get(),
                    address = %self.address,
                    "request"
                )
            };
        }
        if self.status.is_some_and(|status| status >= 500) { tell!(warn) } else { tell!(info) }
    }
}

/// The body of an answer, as it is taken.
struct Told {
    body: Body,
    asked: Asked,
}

impl HttpBody for Told {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => self.asked.bytes += frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) => {}
            None => self.asked.whole = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        // One that is known to be at its end is not asked for more.
        self.asked.whole |= self.body.is_end_stream();
    }
}
