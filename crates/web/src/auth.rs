//! Authentication of requests: a program by its token, a browser by its session. Pages of other sites cannot use the
//! session of a browser.

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rollcall_app::{Actor, App};
use rollcall_domain::{Secret, Zone};

use super::problem::Problem;
use super::proxy::Client;
use super::{Server, blocking, cookie, hosts, log};

const TIME_ZONE: HeaderName = HeaderName::from_static(rollcall_api::TIME_ZONE);

/// Rollcall for whoever sends a request: with their rights as they are now.
pub(super) struct Caller(pub(super) App);

impl FromRequestParts<Server> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Problem> {
        let Server { app, credentials, .. } = server.clone();
        let Client { address, https, .. } = Client::of(&parts.extensions);
        let (bearer, session) = (bearer(&parts.headers)?, cookie::shown(&parts.headers, https));
        let zone = zone(&parts.headers)?;
        let let_in = blocking(move || {
            let actor = match (bearer, session) {
                (Some(token), _) => Actor::administrator(&credentials.use_token(&token)?.1).by_token(),
                (None, Some(session)) => Actor::administrator(&credentials.session(&session)?.1),
                (None, None) => return Ok(None),
            };
            let app = app.with_actor(actor.acting_from(address.to_string()));
            let app = zone.map_or_else(|| app.clone(), |zone| app.with_zone(&zone));
            Ok(Some(app.with_installation_zone()?))
        });
        let app = let_in.await?.ok_or_else(|| {
            Problem::new(StatusCode::UNAUTHORIZED, "sign in, or send a token: 'Authorization: Bearer TOKEN'")
        })?;
        log::note_who(&parts.extensions, app.actor().name());
        Ok(Self(app))
    }
}

fn bearer(headers: &HeaderMap) -> Result<Option<Secret>, Problem> {
    let Some(given) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let text = given.to_str().ok().and_then(|text| text.split_once(' '));
    match text {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(Secret::new(token.trim()))),
        _ => Err(Problem::new(StatusCode::UNAUTHORIZED, "write 'Authorization: Bearer TOKEN'")),
    }
}

/// The time zone that a request has chosen; none: the installation's.
fn zone(headers: &HeaderMap) -> Result<Option<Zone>, Problem> {
    let Some(given) = headers.get(&TIME_ZONE) else { return Ok(None) };
    let zone = given.to_str().unwrap_or_default().parse::<Zone>();
    zone.map(Some).map_err(|why| Problem::invalid(format!("the header Time-Zone: {why}")))
}

/// Refuses what another page lets a browser ask: a browser shows its session to us whoever has made the request. Following
/// a link is something else, and so is whatever shows a token, which no browser does by itself.
pub(super) async fn same_site(request: Request, next: Next) -> Response {
    let shows_token = bearer(request.headers()).is_ok_and(|token| token.is_some());
    if shows_token || is_ours(&request) || is_link(&request) {
        return next.run(request).await;
    }
    Problem::new(StatusCode::FORBIDDEN, "this request was made by a page of another site").into_response()
}

fn reads(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
}

/// What a header says. One that is no text is not what it has to be.
fn text<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers().get(name).map(|value| value.to_str().unwrap_or("?"))
}

fn is_ours(request: &Request) -> bool {
    match (text(request, "sec-fetch-site"), text(request, "origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        // Browsers say nothing of that by plain HTTP, and old ones never, but at least from which origin it is.
        (None, Some(origin)) => is_our_origin(request, origin),
        // Programs have neither. No browser leaves both out where it writes.
        (None, None) => true,
    }
}

fn is_our_origin(request: &Request, origin: &str) -> bool {
    let Some((scheme, from)) = origin.split_once("://") else { return false };
    let https = Client::of(request.extensions()).https;
    // A proxy that is not asked may speak HTTPS all the same.
    let scheme = scheme == "https" || (scheme == "http" && !https);
    scheme && hosts::host(request).is_some_and(|host| host.as_str().eq_ignore_ascii_case(from))
}

/// Somebody has followed a link on another page, which shows them what there is to read and tells that page nothing.
fn is_link(request: &Request) -> bool {
    reads(request)
        && text(request, "sec-fetch-mode") == Some("navigate")
        && text(request, "sec-fetch-dest") == Some("document")
}
