//! The surroundings of this server: trusted proxies, its name and its limits.

use std::fmt::{self, Display};
use std::str::FromStr;

use axum::http::Uri;
use axum::http::uri::{Authority, Scheme};

use super::proxy::Proxies;

/// What whoever starts the server says about its surroundings.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// Whether it listens to this machine alone.
    pub local: bool,
    /// The URL by which browsers know the server.
    pub public: Option<PublicUrl>,
    /// The proxies that are trusted.
    pub proxies: Proxies,
    /// The most connections at the same time.
    pub most: u32,
    /// The most connections from one address at the same time.
    pub most_from_one: u32,
}

/// Under which address browsers know this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    scheme: Scheme,
    authority: Authority,
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not the address of a server: write https://rollcall.example.net");
        let parts = text.parse::<Uri>().map_err(|_| wrong())?.into_parts();
        let bare = parts.path_and_query.is_none_or(|path| path == "/");
        match (parts.scheme, parts.authority) {
            (Some(scheme), Some(authority))
                if bare
                    && (scheme == Scheme::HTTP || scheme == Scheme::HTTPS)
                    && !authority.as_str().contains('@') =>
            {
                Ok(Self { scheme, authority })
            }
            _ => Err(wrong()),
        }
    }
}

impl Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl PublicUrl {
    /// Whether a request for this host is one for this server. Proxies may leave the port of the scheme out, or add it.
    pub(super) fn is(&self, host: &Authority) -> bool {
        let usual = if self.scheme == Scheme::HTTPS { 443 } else { 80 };
        let port = |authority: &Authority| authority.port_u16().unwrap_or(usual);
        self.authority.host().eq_ignore_ascii_case(host.host()) && port(&self.authority) == port(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_a_scheme_and_a_host() {
        for (text, shown) in [
            ("https://rollcall.example.net", "https://rollcall.example.net"),
            ("https://rollcall.example.net/", "https://rollcall.example.net"),
            ("http://10.0.0.1:8080", "http://10.0.0.1:8080"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().to_string(), shown);
        }
        for wrong in ["", "rollcall.example.net", "ftp://a", "https://a/b", "https://a?b", "https://u:p@a"] {
            let why = wrong.parse::<PublicUrl>().unwrap_err();
            assert!(why.contains("write https://"), "{wrong}: {why}");
        }
    }
}
