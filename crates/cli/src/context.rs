//! The options that every command has: where and on whose behalf it is executed.

use std::path::PathBuf;
use std::sync::Arc;

use rollcall_app::database::{Location, Store};
use rollcall_app::{Actor, App};
use rollcall_client::Client;
use rollcall_domain::{SystemClock, Zone};

use crate::backend::Backend;
use crate::failure::Usage;
use crate::place::{self, Place};
use crate::shell::shell_word;
use crate::style::tell;

/// The options that every command has.
pub struct Context {
    pub(crate) place: Place,
    pub(crate) acting_as: Option<String>,
    /// None: that of the backend.
    pub(crate) zone: Option<Zone>,
    pub(crate) dictionaries: Option<PathBuf>,
}

/// Where FreeRADIUS's packages put its dictionaries.
const DICTIONARIES: &str = "/usr/share/freeradius";

/// The dictionaries of this machine's FreeRADIUS: in a folder that is named in the environment, where an empty name means
/// none, or in the usual one.
pub(crate) fn dictionaries() -> Option<PathBuf> {
    let folder = std::env::var_os("ROLLCALL_DICTIONARIES").unwrap_or_else(|| DICTIONARIES.into());
    (!folder.is_empty()).then(|| folder.into())
}

impl Context {
    /// The database that was named; `otherwise` if none was.
    ///
    /// # Errors
    /// If the URL cannot be read, or a server was named.
    pub fn location(&self, otherwise: &str) -> anyhow::Result<Location> {
        match &self.place {
            Place::Database(location) => Ok(location.as_deref().unwrap_or(otherwise).parse()?),
            Place::Server { url, .. } => {
                let why = format!(
                    "this works on a database, not by a server: name one with --database, and leave --server {url} out"
                );
                Err(Usage(why).into())
            }
        }
    }

    /// How commands that are shown to be typed next name the place, as the one that was typed did.
    pub(crate) fn hints(&self) -> Hints {
        let named = self.place.named();
        let mut options = named.clone();
        if let Place::Server { token_file: Some(file), .. } = &self.place {
            options += &format!(" --token-file {}", shell_word(&file.display().to_string()));
        }
        if let Some(name) = &self.acting_as {
            options += &format!(" --as {name}");
        }
        Hints { program: program(), options, place: named }
    }

    /// The administrator of `--as`.
    #[must_use]
    pub fn acting_as(&self) -> Option<&str> {
        self.acting_as.as_deref()
    }

    /// The backend of the command.
    pub(crate) fn backend(&self) -> anyhow::Result<Backend> {
        match &self.place {
            Place::Database(_) => Ok(Backend::Local(Box::new(self.app()?))),
            Place::Server { url, token_file } => {
                let client = Client::new(url, place::token(token_file.as_deref())?, self.zone.clone())?;
                Ok(Backend::Remote(Box::new(client)))
            }
        }
    }

    /// Rollcall on the database that was named.
    pub(crate) fn app(&self) -> anyhow::Result<App> {
        self.app_on(Store::open(&self.location("sqlite:rollcall.db")?)?)
    }

    /// Rollcall on `store`, for the account that runs this process, or for the administrator of `--as`.
    ///
    /// # Errors
    /// If the database cannot be read, or has no such administrator.
    pub fn app_on(&self, store: Store) -> anyhow::Result<App> {
        if let Some(path) = store.open_to_others() {
            let file = shell_word(&path.display().to_string());
            tell(format_args!(
                "warning: other accounts of this machine can use the files of the database: 'chmod o-rwx {file}*' ends that"
            ));
        }
        let app = App::new(store, Arc::new(SystemClock), Zone::utc(), Actor::account(account()))
            .with_dictionaries(self.dictionaries.clone());
        let app = match &self.zone {
            Some(zone) => app.with_zone(zone),
            None => app,
        };
        let app = app.with_installation_zone()?;
        match &self.acting_as {
            Some(name) => Ok(app.acting_as(name)?),
            None => Ok(app),
        }
    }

    /// The zone in which dates are read without a database.
    pub(crate) fn zone(&self) -> Zone {
        self.zone.clone().unwrap_or_else(Zone::utc)
    }
}

/// How this program was called, so that commands which it shows can be pasted: `target/release/rollcall` after
/// `cargo run`.
fn program() -> String {
    let called = std::env::args().next().filter(|name| name.contains('/'));
    called.unwrap_or_else(|| "rollcall".to_owned())
}

/// What goes into commands that are shown to be typed next.
pub(crate) struct Hints {
    /// The program.
    pub(crate) program: String,
    /// ` --database URL` or ` --server URL`, unless it is the one that commands find by themselves, and what says who asks.
    pub(crate) options: String,
    /// The first of these alone, for what somebody else types.
    pub(crate) place: String,
}

/// On the command line the administrator is the account of the operating system.
fn account() -> String {
    let uid = nix::unistd::getuid();
    let name = nix::unistd::User::from_uid(uid).ok().flatten().map(|user| user.name);
    format!("cli:{}", name.unwrap_or_else(|| uid.to_string()))
}
