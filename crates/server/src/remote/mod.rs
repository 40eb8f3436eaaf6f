//! Another way to the same: [`Site`] does what commands ask for, here with [`App`] or there by asking a server. Its
//! methods are called as those of `App` are, so a command is written once. [`Client`] is HTTP, [`back`] turns what a
//! server answers into what `App` would have given; of that, what no command shows may be missing.

mod access;
mod address;
mod audit;
mod back;
mod catalogue;
mod client;
mod events;
mod imports;
mod installation;
mod refused;
mod runs;
mod scripts;
mod start;
mod uploads;
mod users;

use rollcall_app::{App, AppError};
use rollcall_domain::Zone;

pub(crate) use address::Address;
pub(crate) use client::{Client, Items};
pub(crate) use refused::Refused;
pub(crate) use start::{Listed, Wanted};
pub(crate) use users::asking_for;

/// Where commands are done.
pub(crate) enum Site {
    /// By this process, on a database.
    Here(Box<App>),
    /// By a server.
    There(Box<Client>),
}

impl Site {
    /// How dates without an offset are read.
    pub(crate) fn zone(&self) -> anyhow::Result<&Zone> {
        match self {
            Self::Here(app) => Ok(app.zone()),
            Self::There(client) => client.zone(),
        }
    }

    /// On whose behalf.
    pub(crate) fn who(&self) -> anyhow::Result<&str> {
        match self {
            Self::Here(app) => Ok(app.actor().name()),
            Self::There(client) => Ok(&client.me()?.administrator),
        }
    }

    /// The server, if it is one.
    pub(crate) fn server(&self) -> Option<&Client> {
        match self {
            Self::Here(_) => None,
            Self::There(client) => Some(client),
        }
    }
}

/// What a database gives.
fn here<'a, T: 'a>(items: impl Iterator<Item = Result<T, AppError>> + 'a) -> Items<'a, T> {
    Box::new(items.map(|item| Ok(item?)))
}

/// What a server gives, as what a database would have.
fn there<'a, C: 'a, T: From<C> + 'a>(items: Items<'a, C>) -> Items<'a, T> {
    Box::new(items.map(|item| item.map(T::from)))
}
