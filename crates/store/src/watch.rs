//! Hearing of what other processes do.

use std::time::Duration;

use ::postgres::Client;
use ::postgres::fallible_iterator::FallibleIterator;

use crate::{Store, StoreError, db};

/// Hears that something about runs has changed: one was made, ended or cancelled, or somebody has left one to others. That
/// something has not been heard of does not mean that nothing has happened.
pub enum Watch {
    /// A file tells nobody.
    Deaf,
    /// A server does.
    Listening(Box<Client>),
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

impl Store {
    /// Listens from now on, on a connection of its own.
    pub fn watch(&self) -> Result<Watch, StoreError> {
        let Self::Postgres(postgres) = self else { return Ok(Watch::Deaf) };
        let connection = postgres.another()?;
        connection.batch(db::LISTEN)?;
        Ok(Watch::Listening(Box::new(connection.into_client())))
    }
}

impl Watch {
    /// Waits until something is heard, but no longer than `most`; whether something was. None if nothing ever will be.
    pub fn wait(&mut self, most: Duration) -> Result<Option<bool>, StoreError> {
        let Self::Listening(client) = self else { return Ok(None) };
        let mut notifications = client.notifications();
        let heard = notifications.timeout_iter(most).next()?.is_some();
        // What has come in the same moment is the same news.
        while notifications.iter().next()?.is_some() {}
        Ok(Some(heard))
    }
}
