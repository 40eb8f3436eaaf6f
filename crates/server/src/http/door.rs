//! Who somebody is: a program with a token, or a browser with a session. And that no other page speaks for a browser.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rollcall_app::{Actor, App};
use rollcall_domain::Secret;

use super::connections::Peer;
use super::problem::Problem;
use super::{Server, blocking};

/// The cookie of a session. Its name says nothing about HTTPS: this server speaks plain HTTP, on this machine only.
pub(super) const COOKIE: &str = "rollcall";

/// Rollcall for whoever sends a request: with their rights as they are now.
pub(super) struct Caller(pub(super) App);

impl FromRequestParts<Server> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Problem> {
        let Server { app, credentials } = server.clone();
        let address = address(parts).to_string();
        let (bearer, session) = (bearer(&parts.headers)?, session(&parts.headers));
        let let_in = blocking(move || {
            let administrator = match (bearer, session) {
                (Some(token), _) => credentials.use_token(&token)?.1,
                (None, Some(session)) => credentials.session(&session)?.1,
                (None, None) => return Ok(None),
            };
            Ok(Some(app.acting(Actor::administrator(&administrator).acting_from(address))))
        });
        let_in.await?.map(Self).ok_or_else(|| {
            Problem::new(StatusCode::UNAUTHORIZED, "sign in, or send a token: 'Authorization: Bearer TOKEN'")
        })
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

/// What a browser shows as its session.
pub(super) fn session(headers: &HeaderMap) -> Option<Secret> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|cookies| cookies.to_str().ok());
    let mut each =
        cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    each.find(|(name, _)| *name == COOKIE).map(|(_, value)| Secret::new(value))
}

/// Where a request comes from.
pub(super) fn address(parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<Peer>();
    peer.and_then(|peer| peer.address).unwrap_or(Ipv4Addr::LOCALHOST.into())
}

/// Refuses what another page lets a browser send: a browser shows its session to us whoever has made the request.
/// Programs say neither where they come from nor that they have a session.
pub(super) async fn same_site(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if reads || is_ours(request.headers()) {
        return next.run(request).await;
    }
    Problem::new(StatusCode::FORBIDDEN, "this request was made by a page of another site").into_response()
}

fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value: &header::HeaderValue| value.to_str().unwrap_or("?"));
    match (text(header::HeaderName::from_static("sec-fetch-site")), text(header::ORIGIN)) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        // Browsers too old for that say at least from which origin.
        (None, Some(origin)) => {
            let host = text(header::HOST).unwrap_or_default();
            origin.split_once("://").is_some_and(|(_, from)| from == host)
        }
        (None, None) => true,
    }
}
