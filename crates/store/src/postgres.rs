//! Connections to PostgreSQL: as many as are needed at a time, each used by one transaction at a time.
//!
//! How many that are is bounded by the threads that use a store, which are few; so there is no limit to wait at.

use std::cell::{RefCell, RefMut};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::postgres::config::SslMode;
use ::postgres::error::SqlState;
use ::postgres::types::ToSql;
use ::postgres::{Client, Config, NoTls, Row, Statement};

use crate::db::{Tx, numbered};
use crate::pg_url::PgUrl;
use crate::sqlite::Verdict;
use crate::tls::Tls;
use crate::{StoreError, copy, crash_point, schema, tls};

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

/// A connection, with what was prepared on it.
pub(crate) struct PgConnection {
    client: RefCell<Client>,
    prepared: RefCell<HashMap<&'static str, Statement>>,
}

impl std::fmt::Debug for PgConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PgConnection")
    }
}

impl PgConnection {
    pub(crate) fn client(&self) -> RefMut<'_, Client> {
        self.client.borrow_mut()
    }

    pub(crate) fn into_client(self) -> Client {
        self.client.into_inner()
    }

    pub(crate) fn batch(&self, sql: &str) -> Result<(), StoreError> {
        Ok(self.client().batch_execute(sql)?)
    }

    pub(crate) fn prepare(&self, sql: &str) -> Result<Statement, StoreError> {
        Ok(self.client().prepare(&numbered(sql))?)
    }

    /// The constant statement, prepared once a connection.
    pub(crate) fn prepared(&self, sql: &'static str) -> Result<Statement, StoreError> {
        if let Some(statement) = self.prepared.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.prepare(sql)?;
        self.prepared.borrow_mut().insert(sql, statement.clone());
        Ok(statement)
    }

    /// Executes a constant statement with arguments of PostgreSQL's own types, such as arrays.
    pub(crate) fn execute(&self, sql: &'static str, args: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
        let statement = self.prepared(sql)?;
        Ok(self.client().execute(&statement, args)?)
    }

    /// The rows of a constant statement with arguments of PostgreSQL's own types.
    pub(crate) fn query(
        &self,
        sql: &'static str,
        args: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let statement = self.prepared(sql)?;
        Ok(self.client().query(&statement, args)?)
    }
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
                copy::check_whole(tx)?;
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
        Ok(PgConnection { client: RefCell::new(client), prepared: RefCell::default() })
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
        self.transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", |tx| work(tx).map(Verdict::Keep))
    }

    /// Runs `work` in one write transaction, which is rolled back unless it succeeds and wants to be kept.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<Verdict<T>, StoreError>,
    ) -> Result<T, StoreError> {
        self.transaction("BEGIN", work)
    }

    fn transaction<T>(
        &self,
        begin: &str,
        work: impl FnOnce(&Tx<'_>) -> Result<Verdict<T>, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = match self.rested() {
            Some(connection) => connection,
            None => self.another()?,
        };
        let done = in_transaction(&connection, begin, work);
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

/// Runs `work` in one transaction of a connection.
pub(crate) fn in_transaction<T>(
    connection: &PgConnection,
    begin: &str,
    work: impl FnOnce(&Tx<'_>) -> Result<Verdict<T>, StoreError>,
) -> Result<T, StoreError> {
    connection.batch(begin)?;
    let end = |verdict| match verdict {
        Verdict::Keep(done) => {
            crash_point!("before_commit");
            connection.batch("COMMIT")?;
            crash_point!("after_commit");
            Ok(done)
        }
        Verdict::TakeBack(done) => {
            connection.batch("ROLLBACK")?;
            Ok(done)
        }
    };
    let done = work(&Tx::Postgres(connection)).and_then(end);
    if done.is_err() {
        // The first error counts; a connection that cannot even roll back is closed.
        let _ = connection.batch("ROLLBACK");
    }
    done
}
