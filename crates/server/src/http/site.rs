//! Where this server stands: behind which proxies, under which name, for how many.

use std::fmt::{self, Display};
use std::str::FromStr;

use axum::http::Uri;
use axum::http::uri::{Authority, Scheme};

use super::log::LogFormat;
use super::proxy::Proxies;

/// What whoever starts the server says about its surroundings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Site {
    /// Whether it listens to this machine alone.
    pub(crate) local: bool,
    pub(crate) public: Option<PublicUrl>,
    pub(crate) proxies: Proxies,
    /// Connections at the same time, in total and from one address.
    pub(crate) most: u32,
    pub(crate) most_from_one: u32,
    pub(crate) log: LogFormat,
}

/// Under which address browsers know this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicUrl {
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
