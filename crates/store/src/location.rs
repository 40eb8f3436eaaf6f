use std::path::PathBuf;

use crate::{PgUrl, StoreError};

/// Which database: the value of `--database`.
#[derive(Debug, Clone)]
pub enum Location {
    /// `sqlite:PATH`
    Sqlite(PathBuf),
    /// `postgres://USER@HOST/DATABASE`
    Postgres(Box<PgUrl>),
}

impl std::str::FromStr for Location {
    type Err = StoreError;

    fn from_str(url: &str) -> Result<Self, StoreError> {
        match url.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => {
                Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path).into()))
            }
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(Box::new(url.parse()?))),
            _ => {
                // What looks like a URL may hold a password.
                let said = url.split_once("://").map_or(url, |(scheme, _)| scheme);
                let path = if said != url || url.is_empty() || url == "sqlite:" { "PATH" } else { url };
                Err(StoreError::Location(format!(
                    "{said:?} names no database: write sqlite:{path} or postgres://USER@HOST/DATABASE"
                )))
            }
        }
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}
