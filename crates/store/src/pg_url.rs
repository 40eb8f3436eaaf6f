//! What the URL of a PostgreSQL database says. Most of it is for the driver; whom to believe over TLS is for us.

use std::borrow::Cow;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ::postgres::Config;
use ::postgres::config::{Host, SslMode};
use percent_encoding::percent_decode_str;

use crate::StoreError;

/// `postgres://USER@HOST/DATABASE`, with what libpq's URLs may say.
#[derive(Debug, Clone)]
pub struct PgUrl {
    pub(crate) config: Config,
    pub(crate) trust: Trust,
    shown: String,
}

/// Which server is believed to be the one that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Any.
    Anybody,
    /// One whose certificate an authority in this file has signed, or is in it.
    Signed(PathBuf),
    /// The same where the certificate is for the host of the URL. Without a file the authorities are the system's.
    Named(Option<PathBuf>),
}

/// What is said beside the address.
#[derive(Default)]
struct Said {
    mode: Option<String>,
    roots: Option<String>,
    patience: Option<Duration>,
    driver: Vec<String>,
    shown: Vec<String>,
}

fn refused(why: &str) -> StoreError {
    StoreError::Location(format!("this URL names no database: {why}; write postgres://USER@HOST/DATABASE"))
}

impl FromStr for PgUrl {
    type Err = StoreError;

    fn from_str(url: &str) -> Result<Self, StoreError> {
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| refused("there is no // after postgres:"))?;
        // As the driver reads it: what stands before the first @ is a user and a password, whatever it is.
        let (user, rest) = rest.split_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        if place.split('/').next().is_some_and(|host| host.contains('@')) {
            return Err(refused("it has more than one @, of which those in a password are written %40"));
        }
        let said = Said::read(query)?;
        let text = |user: Option<&str>, query: &[String]| {
            let user = user.map_or_else(String::new, |user| format!("{user}@"));
            let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
            format!("{scheme}://{user}{place}{query}")
        };
        let mut config: Config = text(user, &said.driver).parse().map_err(|error: ::postgres::Error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            refused(&cause.unwrap_or_else(|| error.to_string()))
        })?;
        let (mode, trust) = said.security()?;
        // As libpq has it: nobody listens in on a socket of this machine.
        let local = config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        config.ssl_mode(if local && config.get_hostaddrs().is_empty() { SslMode::Disable } else { mode });
        if let Some(patience) = said.patience.filter(|patience| !patience.is_zero()) {
            config.tcp_user_timeout(patience);
        }
        let name = user.and_then(|user| user.split(':').next());
        Ok(Self { config, trust, shown: text(name, &said.shown) })
    }
}

impl PgUrl {
    /// The same for libpq, as it reads a string of settings: without the user and the password.
    #[must_use]
    pub fn conninfo(&self) -> String {
        let config = &self.config;
        let host = |host: &Host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        };
        let hosts: Vec<_> = config.get_hosts().iter().map(host).collect();
        let addresses: Vec<_> = config.get_hostaddrs().iter().map(ToString::to_string).collect();
        let ports: Vec<_> = config.get_ports().iter().map(ToString::to_string).collect();
        let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
        let (certain, roots) = match &self.trust {
            Trust::Anybody => (None, None),
            Trust::Signed(file) => (Some("verify-ca"), Some(file.display().to_string())),
            Trust::Named(file) => {
                let file = file.as_ref().map_or("system".to_owned(), |file| file.display().to_string());
                (Some("verify-full"), Some(file))
            }
        };
        let mode = certain.unwrap_or(match config.get_ssl_mode() {
            SslMode::Disable => "disable",
            SslMode::Require => "require",
            _ => "prefer",
        });
        let settings = [
            ("dbname", database.to_owned()),
            ("host", hosts.join(",")),
            ("hostaddr", addresses.join(",")),
            ("port", ports.join(",")),
            ("options", config.get_options().unwrap_or_default().to_owned()),
            ("sslmode", mode.to_owned()),
            ("sslrootcert", roots.unwrap_or_default()),
        ];
        let given = settings.iter().filter(|(_, value)| !value.is_empty());
        let quoted = |value: &str| value.replace('\\', r"\\").replace('\'', r"\'");
        given.map(|(name, value)| format!("{name}='{}'", quoted(value))).collect::<Vec<_>>().join(" ")
    }
}

impl Said {
    fn read(query: &str) -> Result<Self, StoreError> {
        let mut said = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let text = |text| percent_decode_str(text).decode_utf8().map(Cow::into_owned);
            let (Ok(key), Ok(decoded)) = (text(key), text(value)) else {
                return Err(refused("it is not in UTF-8"));
            };
            match key.as_str() {
                "sslmode" => said.mode = Some(decoded),
                // An empty one counts as none, as in libpq.
                "sslrootcert" => said.roots = Some(decoded).filter(|path| !path.is_empty()),
                // What libpq calls it.
                "keepalives_count" => said.driver.push(format!("keepalives_retries={value}")),
                // The driver takes seconds, libpq and the server milliseconds.
                "tcp_user_timeout" => {
                    let wrong = |_| refused("tcp_user_timeout is a number of milliseconds");
                    said.patience = Some(Duration::from_millis(decoded.parse().map_err(wrong)?));
                }
                _ => said.driver.push(pair.to_owned()),
            }
            if key != "password" {
                said.shown.push(pair.to_owned());
            }
        }
        Ok(said)
    }

    fn security(&self) -> Result<(SslMode, Trust), StoreError> {
        let wrong = |why: &str| Err(StoreError::Location(why.to_owned()));
        let mode = self.mode.as_deref().unwrap_or("prefer");
        Ok(match (mode, self.roots.as_deref()) {
            ("verify-full", None | Some("system")) => (SslMode::Require, Trust::Named(None)),
            ("verify-full", Some(file)) => (SslMode::Require, Trust::Named(Some(file.into()))),
            ("disable" | "prefer" | "require" | "verify-ca", Some("system")) => {
                return wrong(
                    "sslrootcert=system goes with sslmode=verify-full alone: many have a certificate by those",
                );
            }
            ("require" | "verify-ca", Some(file)) => (SslMode::Require, Trust::Signed(file.into())),
            ("verify-ca", None) => {
                return wrong(
                    "sslmode=verify-ca needs sslrootcert=FILE, the certificate of the authority; \
                     sslmode=verify-full does with the system's authorities, too",
                );
            }
            ("disable" | "prefer", Some(_)) => {
                return wrong("sslrootcert is of no use without sslmode=verify-full, verify-ca or require");
            }
            ("disable", None) => (SslMode::Disable, Trust::Anybody),
            ("prefer", None) => (SslMode::Prefer, Trust::Anybody),
            ("require", None) => (SslMode::Require, Trust::Anybody),
            _ => return wrong("sslmode is one of disable, prefer, require, verify-ca and verify-full"),
        })
    }
}

/// The URL without its password.
impl std::fmt::Display for PgUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}
