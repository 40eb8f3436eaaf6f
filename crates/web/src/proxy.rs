//! The peer of a request: the other end of the connection, or the client that a trusted proxy names.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderName, header};
use axum::middleware::Next;
use axum::response::Response;
use ipnet::IpNet;

use super::peer::Peer;

/// How proxies tell whom they speak for. Only one of them counts: a proxy that writes the one lets the other through as
/// whoever asks has written it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProxyHeaders {
    /// `X-Forwarded-For` and `X-Forwarded-Proto`.
    #[default]
    XForwarded,
    /// `Forwarded`, of RFC 7239.
    Forwarded,
}

/// Whose headers are believed.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// The networks of the proxies that are trusted.
    pub networks: Vec<IpNet>,
    /// The headers that they set.
    pub headers: ProxyHeaders,
}

/// Whoever has made a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) address: IpAddr,
    /// Whether they speak HTTPS, with this server or with the proxy before it.
    pub(super) https: bool,
    /// Whether a proxy speaks for them that is believed.
    pub(super) proxied: bool,
}

/// One leg of the way here, as a proxy tells it: from where, and by what.
#[derive(Debug, Clone, Copy, Default)]
struct Leg {
    from: Option<IpAddr>,
    https: bool,
}

impl Proxies {
    /// Whether this machine is a proxy that is believed. Who gets at a socket in the file system is.
    pub(super) fn trusts(&self, address: Option<IpAddr>) -> bool {
        address.is_none_or(|address| self.networks.iter().any(|network| network.contains(&address)))
    }

    /// Follows the way back, from the proxy that is nearest, as long as each is believed.
    pub(super) fn client(&self, peer: Peer, headers: &HeaderMap) -> Client {
        let direct = Client {
            address: peer.address.unwrap_or(Ipv4Addr::LOCALHOST.into()),
            https: peer.https,
            proxied: false,
        };
        if !self.trusts(peer.address) {
            return direct;
        }
        let mut client = Client { proxied: true, ..direct };
        let legs = match self.headers {
            ProxyHeaders::XForwarded => {
                // Whatever came before, the nearest proxy has written the last.
                let proto = list(headers, &X_FORWARDED_PROTO).last();
                client.https |= proto.is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
                let https = client.https;
                let leg = |from| Leg { from: address(from), https };
                list(headers, &X_FORWARDED_FOR).map(leg).collect::<Vec<_>>()
            }
            ProxyHeaders::Forwarded => list(headers, &header::FORWARDED).map(forwarded).collect(),
        };
        for leg in legs.into_iter().rev() {
            client.https = leg.https;
            let Some(from) = leg.from else { break };
            client.address = from;
            if !self.trusts(Some(from)) {
                break;
            }
        }
        client
    }
}

/// Of whom nothing is known, nothing is believed.
const NOBODY: Peer = Peer { address: Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), https: false };
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What several lines of a header, or one with commas, list.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).into_iter();
    lines.flat_map(|line| line.to_str().unwrap_or("?").split(',')).map(str::trim)
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`. Proxies may hide it, too.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches('"');
    let host = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None if text.matches(':').count() == 1 => text.split_once(':')?.0,
        None => text,
    };
    host.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// `for=192.0.2.1;proto=https;by=203.0.113.43`
fn forwarded(element: &str) -> Leg {
    let mut leg = Leg::default();
    for (name, value) in element.split(';').filter_map(|pair| pair.split_once('=')) {
        match name.trim().to_ascii_lowercase().as_str() {
            "for" => leg.from = address(value.trim()),
            "proto" => leg.https = value.trim().trim_matches('"').eq_ignore_ascii_case("https"),
            _ => {}
        }
    }
    leg
}

/// Finds out who asks, once for every request.
pub(super) async fn find_client(
    State(proxies): State<Proxies>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<Peer>().copied().unwrap_or(NOBODY);
    let client = proxies.client(peer, request.headers());
    request.extensions_mut().insert(client);
    next.run(request).await
}

impl Client {
    /// Who has made this request.
    pub(super) fn of(extensions: &Extensions) -> Self {
        let unknown = || Proxies::default().client(NOBODY, &HeaderMap::new());
        extensions.get().copied().unwrap_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn proxies(headers: ProxyHeaders) -> Proxies {
        let networks = ["10.0.0.0/8", "2001:db8:1::/48"].map(|network| network.parse().unwrap());
        Proxies { networks: networks.into(), headers }
    }

    fn client(proxies: &Proxies, from: &str, lines: &[(&HeaderName, &str)]) -> (String, bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let peer = Peer { address: from.parse().ok(), https: false };
        let client = proxies.client(peer, &headers);
        (client.address.to_string(), client.https)
    }

    #[test]
    fn only_a_proxy_that_is_believed_speaks_for_others() {
        let proxies = proxies(ProxyHeaders::XForwarded);
        let (from, proto) = (&X_FORWARDED_FOR, &X_FORWARDED_PROTO);
        for (peer, lines, address, https) in [
            ("198.51.100.7", vec![(from, "192.0.2.1"), (proto, "https")], "198.51.100.7", false),
            ("10.0.0.1", vec![(from, "192.0.2.1"), (proto, "https")], "192.0.2.1", true),
            ("10.0.0.1", vec![(from, "192.0.2.1"), (proto, "http")], "192.0.2.1", false),
            ("10.0.0.1", vec![], "10.0.0.1", false),
            // What whoever asks has made up comes first.
            ("10.0.0.1", vec![(from, "127.0.0.1, 192.0.2.1")], "192.0.2.1", false),
            ("10.0.0.1", vec![(from, "127.0.0.1"), (from, "192.0.2.1, 10.9.9.9")], "192.0.2.1", false),
            ("10.0.0.1", vec![(from, "10.1.1.1, 10.2.2.2")], "10.1.1.1", false),
            ("10.0.0.1", vec![(proto, "https, http")], "10.0.0.1", false),
            // What is no address is nobody's word beyond the proxy that has passed it on.
            ("10.0.0.1", vec![(from, "192.0.2.1, unknown, 10.2.2.2")], "10.2.2.2", false),
            ("10.0.0.1", vec![(from, "nonsense")], "10.0.0.1", false),
            ("10.0.0.1", vec![(from, "192.0.2.1:4711")], "192.0.2.1", false),
            ("10.0.0.1", vec![(from, "[2001:db8::1]:4711")], "2001:db8::1", false),
            ("2001:db8:1::5", vec![(from, "2001:db8::1")], "2001:db8::1", false),
            ("10.0.0.1", vec![(from, "::ffff:192.0.2.1")], "192.0.2.1", false),
            // The other way of saying it is not this proxy's.
            ("10.0.0.1", vec![(&header::FORWARDED, "for=127.0.0.1;proto=https")], "10.0.0.1", false),
            ("a socket", vec![(from, "192.0.2.1"), (proto, "https")], "192.0.2.1", true),
            ("a socket", vec![], "127.0.0.1", false),
        ] {
            assert_eq!(client(&proxies, peer, &lines), (address.to_owned(), https), "{peer} {lines:?}");
        }
    }

    #[test]
    fn the_forwarded_header_is_read_as_rfc_7239_has_it() {
        let proxies = proxies(ProxyHeaders::Forwarded);
        for (line, address, https) in [
            ("for=192.0.2.1;proto=https", "192.0.2.1", true),
            ("For=192.0.2.1; Proto=HTTPS;by=10.0.0.1", "192.0.2.1", true),
            ("for=127.0.0.1;proto=https, for=192.0.2.1;proto=http", "192.0.2.1", false),
            ("for=192.0.2.1;proto=https, for=10.2.2.2;proto=http", "192.0.2.1", true),
            ("for=\"[2001:db8::1]:4711\"", "2001:db8::1", false),
            ("for=_hidden;proto=https", "10.0.0.1", true),
            ("proto=https", "10.0.0.1", true),
        ] {
            let shown = client(&proxies, "10.0.0.1", &[(&header::FORWARDED, line)]);
            assert_eq!(shown, (address.to_owned(), https), "{line}");
        }
        let other = client(&proxies, "10.0.0.1", &[(&X_FORWARDED_FOR, "192.0.2.1")]);
        assert_eq!(other.0, "10.0.0.1");
    }
}
