//! The names to which this server answers. A page can let its own name lead to another machine, and then a browser lets
//! it read what comes from there (DNS rebinding). The request still names the host that the page meant.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use super::site::Site;

/// What says nothing but that there is somebody: load balancers ask for it by all kinds of names.
const HEALTH: [&str; 2] = ["/healthz", "/readyz"];

/// Refuses whatever is not asked of this server.
pub(super) async fn only_ours(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let host = host(&request);
    if HEALTH.contains(&request.uri().path()) || site.is_called(host.as_ref()) {
        return next.run(request).await;
    }
    let called = host.map_or_else(|| "nothing".to_owned(), |host| format!("{:?}", host.as_str()));
    let why = format!(
        "this server is not called {called}: whoever runs it names it with --public-url, and lets a proxy pass the name on"
    );
    Problem::new(StatusCode::MISDIRECTED_REQUEST, why).into_response()
}

/// The host that is asked, by HTTP/2 in the address and by HTTP/1.1 in a header.
pub(super) fn host(request: &Request) -> Option<Authority> {
    let header = || request.headers().get(header::HOST).and_then(|host| host.to_str().ok()?.parse().ok());
    request.uri().authority().cloned().or_else(header)
}

impl Site {
    fn is_called(&self, host: Option<&Authority>) -> bool {
        if let (Some(public), Some(host)) = (&self.public, host)
            && public.is(host)
        {
            return true;
        }
        let name = host.map(|host| host.host().trim_start_matches('[').trim_end_matches(']'));
        let address = name.and_then(|name| name.parse::<IpAddr>().ok());
        match (self.local, &self.public) {
            (true, _) => address.map_or_else(
                || name.is_some_and(|name| name.eq_ignore_ascii_case("localhost")),
                |address| address.to_canonical().is_loopback(),
            ),
            // No name leads elsewhere where none is used.
            (false, Some(_)) => address.is_some(),
            (false, None) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_asked_by_its_names() {
        let public: Option<super::super::PublicUrl> = Some("https://rollcall.example.net".parse().unwrap());
        for (local, public, ours, others) in [
            (
                true,
                None,
                &["localhost:8080", "LOCALHOST", "127.0.0.1:8080", "127.1.2.3", "[::1]:8080"][..],
                &["evil.example", "192.0.2.1:8080", "localhost.evil.example", "rollcall.example.net"][..],
            ),
            (
                true,
                public.clone(),
                &["localhost", "rollcall.example.net", "Rollcall.Example.net:443"],
                &["evil.example", "rollcall.example.net:8443", "192.0.2.1"],
            ),
            (
                false,
                public,
                &["rollcall.example.net", "192.0.2.1:8443", "[2001:db8::1]"],
                &["localhost", "evil.example", "rollcall.example.net.evil.example"],
            ),
            (false, None, &["evil.example", "192.0.2.1"], &[]),
        ] {
            let site = Site { local, public, ..Site::default() };
            for (hosts, is_ours) in [(ours, true), (others, false)] {
                for host in hosts {
                    let asked = host.parse().unwrap();
                    assert_eq!(site.is_called(Some(&asked)), is_ours, "{host} at {site:?}");
                }
            }
            assert_eq!(site.is_called(None), !local && site.public.is_none());
        }
    }
}
