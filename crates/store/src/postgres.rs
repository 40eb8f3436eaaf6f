//! Connections to PostgreSQL: as many as are needed at a time, each used by one transaction at a time.
//!
//! How many that are is bounded by the threads that use a store, which are few; so there is no limit to wait at.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::postgres::config::SslMode;
use ::postgres::error::SqlState;
use ::postgres::{Client, Config, NoTls};
use tracing::debug;

use crate::db::Tx;
use crate::pg_connection::PgConnection;
use crate::pg_url::PgUrl;
use crate::tls::Tls;
use crate::transaction::{self, Decision};
use crate::{StoreError, half_copy, schema, tls};

/// A server that does not answer is given up after this long.
const CONNECT: Duration = Duration::from_secs(10);

/// A server that is not heard of on a connection is given up after about this long, as the server does with us.
const SILENCE: Duration = Duration::from_secs(20);

/// So many idle connections are kept at most.
const KEPT: usize = 4;

/// And so long: what stands between us and the server forgets connections that nobody uses.
const KEPT_FOR: Duration = Duration::from_secs(300);

/// A process that stands still in a transaction loses it by the time that others may take over what it was at; one whose
/// network is gone, too. Whoever has said otherwise in the URL's `options` has the last word.
const SESSION: &str = "SELECT set_config(name, value, false) FROM (VALUES \
    ('idle_in_transaction_session_timeout', '20s'), ('tcp_user_timeout', '20s'), ('tcp_keepalives_idle', '10'), \
    ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '2')) AS wanted (name, value) \
    WHERE EXISTS (SELECT 1 FROM pg_settings s WHERE s.name = wanted.name AND s.source <> 'client')";

/// The oldest server whose SQL we write.
const OLDEST: i32 = 14;

/// A PostgreSQL database.
#[derive(Debug)]
pub struct Postgres {
    url: Box<PgUrl>,
    tls: Option<Tls>,
    idle: Mutex<Vec<Idle>>,
}

/// A connection that waits for the next transaction.
#[derive(Debug)]
struct Idle {
    connection: PgConnection,
    since: Instant,
}

/// What the URL leaves open.
fn complete(config: &mut Config) {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT);
    }
    // The driver's own default, two hours, says that the URL does not.
    if config.get_keepalives_idle() == Config::new().get_keepalives_idle() {
        config.keepalives_idle(SILENCE / 2);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(SILENCE / 4);
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(2);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
    // As psql and every other client takes it.
    if let (None, Ok(password)) = (config.get_password(), std::env::var("PGPASSWORD")) {
        config.password(password);
    }
    if config.get_application_name().is_none() {
        config.application_name("rollcall");
    }
}

impl Postgres {
    pub(crate) fn new(url: &PgUrl) -> Result<Self, StoreError> {
        let mut url = Box::new(url.clone());
        complete(&mut url.config);
        let tls = Tls::new(&url).map_err(|why| StoreError::Unreachable { location: url.to_string(), why })?;
        Ok(Self { url, tls, idle: Mutex::default() })
    }

    pub(crate) fn open(url: &PgUrl) -> Result<Self, StoreError> {
        let postgres = Self::new(url)?;
        let found = postgres.read(|tx| {
            let found = schema::pg_version(tx)?;
            if found == Some(schema::VERSION) {
                half_copy::refuse(tx)?;
            }
            Ok(found)
        })?;
        match found {
            None | Some(0) => Err(StoreError::Empty(url.to_string())),
            Some(found) if found > schema::VERSION => Err(postgres.newer(found)),
            Some(found) if found < schema::VERSION => {
                Err(StoreError::Older { path: url.to_string().into(), found, known: schema::VERSION })
            }
            Some(_) => Ok(postgres),
        }
    }

    pub(crate) fn create(url: &PgUrl) -> Result<(Self, bool), StoreError> {
        let postgres = Self::new(url)?;
        if let Some(found) = postgres.read(schema::pg_version)?.filter(|found| *found > schema::VERSION) {
            return Err(postgres.newer(found));
        }
        let made = schema::pg_migrate(&postgres.another()?).map_err(StoreError::making_tables)?;
        Ok((postgres, made))
    }

    pub(crate) fn url(&self) -> &PgUrl {
        &self.url
    }

    fn newer(&self, found: i64) -> StoreError {
        StoreError::Newer { path: self.url.to_string().into(), found, known: schema::VERSION }
    }

    /// A connection of its own.
    pub(crate) fn another(&self) -> Result<PgConnection, StoreError> {
        let failed = |error: ::postgres::Error| StoreError::connecting(&self.url, &error);
        let mut client = self.connect().map_err(failed)?;
        // What stalls in the middle of a transaction must not hold its locks for ever.
        client.batch_execute(SESSION).map_err(failed)?;
        let version =
            client.query_one("SELECT current_setting('server_version_num')::int4", &[]).map_err(failed)?;
        let version: i32 = version.try_get(0).map_err(failed)?;
        if version < OLDEST * 10_000 {
            return Err(StoreError::OldServer { found: version / 10_000, oldest: OLDEST });
        }
        debug!(version = version / 10_000, "connected to PostgreSQL");
        Ok(PgConnection::new(client))
    }

    fn connect(&self) -> Result<Client, ::postgres::Error> {
        let config = &self.url.config;
        let Some(tls) = &self.tls else { return config.connect(NoTls) };
        let error = match config.connect(tls.connector()) {
            Err(error) if config.get_ssl_mode() == SslMode::Prefer => error,
            done => return done,
        };
        // Who only prefers encryption can do without, as in libpq: where it does not come about, and where the server lets
        // nobody in with it.
        let refused =
            |error: &::postgres::Error| error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION);
        if !refused(&error) && tls::trouble(&error).is_none() {
            return Err(error);
        }
        let plain = config.clone().ssl_mode(SslMode::Disable).connect(NoTls);
        plain.map_err(|other| if refused(&other) { error } else { other })
    }

    /// Runs `work` on one unchanging state of the database.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", |tx| {
            work(tx).map(Decision::Commit)
        })
    }

    /// Runs `work` in one write transaction, which is rolled back unless it succeeds and wants to be kept.
    pub(crate) fn write<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<Decision<T>, E>,
    ) -> Result<T, E> {
        self.transaction("BEGIN", work)
    }

    fn transaction<T, E: From<StoreError>>(
        &self,
        begin: &str,
        work: impl FnOnce(&Tx<'_>) -> Result<Decision<T>, E>,
    ) -> Result<T, E> {
        let connection = match self.rested() {
            Some(connection) => connection,
            None => self.another()?,
        };
        let done = transaction::on_postgres(&connection, begin, work);
        // Should `work` panic, the connection is closed, which rolls back.
        if !connection.client().is_closed() {
            self.rest(connection);
        }
        done
    }

    /// The connection that has been idle for the shortest time.
    fn rested(&self) -> Option<PgConnection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        let usable = idle.since.elapsed() < KEPT_FOR && !idle.connection.client().is_closed();
        usable.then_some(idle.connection)
    }

    /// Keeps a connection for later, and closes those that have waited for too long or are too many.
    fn rest(&self, connection: PgConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(Idle { connection, since: Instant::now() });
        let stale = idle.iter().filter(|idle| idle.since.elapsed() >= KEPT_FOR).count();
        let most = idle.len().saturating_sub(KEPT);
        let closed: Vec<_> = idle.drain(..stale.max(most)).collect();
        // Closing takes a word to the server.
        drop(idle);
        drop(closed);
    }
}
