//! The choice of the backend: a database or a server.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ArgMatches;
use clap::parser::ValueSource;
use rollcall_app::database::Location;
use rollcall_domain::Secret;

use super::shell_word;
use crate::failure::Usage;
use crate::style::tell;

/// The longest line that is read for a token, in bytes.
const MAX_LINE: u64 = 4_096;
/// What holds a token for programs: an argument would be seen by everybody on the machine.
const TOKEN: &str = "ROLLCALL_TOKEN";

/// What the command line and the environment say about it.
pub(super) struct Given<'a> {
    pub(super) database: Option<String>,
    pub(super) server: Option<String>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) acting_as: Option<&'a str>,
}

/// Where commands are done.
pub(super) enum Place {
    /// On the database at this URL; none: the usual one of the command.
    Database(Option<String>),
    /// By a server.
    Server { url: String, token_file: Option<PathBuf> },
}

impl Given<'_> {
    /// What is typed counts more than what the environment says.
    pub(super) fn place(self, matches: &ArgMatches) -> Result<Place, Usage> {
        let typed = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
        let wrong = |why: &str| Err(Usage(why.to_owned()));
        let Self { database, server, token_file, acting_as } = self;
        let url = match (server, database.is_some()) {
            (Some(_), true) if typed("database") && typed("server") => {
                return wrong("--server and --database exclude each other: a server has its own database");
            }
            (Some(_), true) if !typed("database") && !typed("server") => {
                return wrong(
                    "ROLLCALL_SERVER and ROLLCALL_DATABASE are both set: say which is meant, with --server or --database",
                );
            }
            (Some(url), _) if !typed("database") => url,
            _ if token_file.is_some() => return wrong("--token-file goes with --server URL"),
            _ => return Ok(Place::Database(database)),
        };
        if acting_as.is_some() {
            return wrong("--as is for a database: before a server, the token says who asks");
        }
        Ok(Place::Server { url, token_file })
    }
}

impl Place {
    /// As an option, unless it is the one that commands find by themselves.
    pub(super) fn named(&self) -> String {
        let unless = |name: &str, url: &String| std::env::var(name).ok().as_ref() != Some(url);
        match self {
            Self::Database(Some(url)) if unless("ROLLCALL_DATABASE", url) => {
                // As it shows itself: without a password.
                let shown = url.parse().map_or_else(|_| url.clone(), |url: Location| url.to_string());
                format!(" --database {}", shell_word(&shown))
            }
            Self::Server { url, .. } if unless("ROLLCALL_SERVER", url) => {
                format!(" --server {}", shell_word(url))
            }
            _ => String::new(),
        }
    }
}

/// The token with which a server is asked.
pub(super) fn token(file: Option<&Path>) -> anyhow::Result<Secret> {
    let token = match file {
        Some(path) => read(path)?,
        None => std::env::var(TOKEN).map(Secret::new).unwrap_or_default(),
    };
    if token.reveal().trim().is_empty() {
        let why = "a server wants a token: put one into ROLLCALL_TOKEN, or into a file that --token-file names; \
                   'rollcall tokens add' makes one";
        return Err(Usage(why.to_owned()).into());
    }
    Ok(Secret::new(token.reveal().trim()))
}

fn read(path: &Path) -> anyhow::Result<Secret> {
    let shown = path.display();
    let failed = || format!("cannot read the token in {shown}");
    let file = std::fs::File::open(path).with_context(failed)?;
    let mode = file.metadata().with_context(failed)?.permissions().mode();
    if mode & 0o044 != 0 {
        tell(format_args!(
            "warning: others on this machine can read the token in {shown}: 'chmod 600 {}' keeps it yours",
            shell_word(&shown.to_string())
        ));
    }
    let mut line = String::new();
    BufReader::new(file.take(MAX_LINE)).read_line(&mut line).with_context(failed)?;
    Ok(Secret::new(line))
}
