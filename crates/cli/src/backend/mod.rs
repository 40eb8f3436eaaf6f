//! Where commands are executed: on a database by [`App`], or by a server through [`Client`]. Each method answers with the
//! types of the API either way, so a command prints the same.

mod access;
mod audit;
mod catalogue;
mod follow;
mod installation;
mod runs;
mod scripts;
mod start;
mod users;

use rollcall_app::{App, AppError};
use rollcall_client::Client;
use rollcall_domain::Zone;

pub(crate) use runs::Approved;
pub(crate) use start::{Listed, RunObserver, Wanted};

/// The place where commands are executed.
pub(crate) enum Backend {
    /// This process, on a database.
    Local(Box<App>),
    /// A server.
    Remote(Box<Client>),
}

/// The entries of a listing, as they come.
pub(crate) type Items<'a, T> = Box<dyn Iterator<Item = anyhow::Result<T>> + 'a>;

impl Backend {
    /// The zone in which dates without one are read.
    pub(crate) fn zone(&self) -> anyhow::Result<&Zone> {
        match self {
            Self::Local(app) => Ok(app.zone()),
            Self::Remote(client) => Ok(client.zone()?),
        }
    }

    /// The name of the account or administrator on whose behalf commands are executed.
    pub(crate) fn actor(&self) -> anyhow::Result<&str> {
        match self {
            Self::Local(app) => Ok(app.actor().name()),
            Self::Remote(client) => Ok(&client.me()?.administrator),
        }
    }

    /// Whether a server executes the commands.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self, Self::Remote(_))
    }
}

/// The entries that a database gives, as the API has them.
fn local<'a, D: 'a, T: From<D> + 'a>(items: impl Iterator<Item = Result<D, AppError>> + 'a) -> Items<'a, T> {
    Box::new(items.map(|item| Ok(T::from(item?))))
}

/// The entries that a server gives.
fn remote<'a, T: 'a>(items: rollcall_client::Items<'a, T>) -> Items<'a, T> {
    Box::new(items.map(|item| Ok(item?)))
}
