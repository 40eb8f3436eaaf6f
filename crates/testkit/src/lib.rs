//! What the tests of several crates share: a clock that stands still, a database that goes away.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use rollcall_domain::{Clock, Timestamp, Zone};
use rollcall_store::{Location, Store};
use tempfile::TempDir;

/// A moment, from its RFC 3339 form.
#[must_use]
pub fn time(text: &str) -> Timestamp {
    Timestamp::parse(text, &Zone::utc()).expect("a test writes its times right")
}

/// A clock that shows what it was set to.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// A clock that shows `text`.
    #[must_use]
    pub fn at(text: &str) -> Self {
        Self(AtomicI64::new(time(text).as_micros()))
    }

    /// Sets it to `text`.
    pub fn set(&self, text: &str) {
        self.0.store(time(text).as_micros(), Ordering::Relaxed);
    }

    /// Moves it on.
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed)).expect("it was set to a timestamp")
    }
}

/// A new database, and a folder: both are removed with it. It is a file in that folder, or where
/// `ROLLCALL_TEST_POSTGRES` names a server (see `scripts/with-postgres`), a database there.
#[derive(Debug)]
pub struct TestDatabase {
    folder: TempDir,
    on_server: Option<PgDatabase>,
}

impl TestDatabase {
    /// An empty database, migrated.
    #[must_use]
    pub fn new() -> Self {
        Self::migrated(PgDatabase::fresh())
    }

    /// The same, which is a file whatever server there is.
    #[must_use]
    pub fn file() -> Self {
        Self::migrated(None)
    }

    fn migrated(on_server: Option<PgDatabase>) -> Self {
        let folder = TempDir::new().expect("the temporary folder can be written");
        let database = Self { folder, on_server };
        Store::create(&database.location()).expect("a new database can be made");
        database
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.on_server {
            Some(database) => database.url(),
            None => format!("sqlite:{}", self.folder.path().join("rollcall.db").display()),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> Location {
        self.url().parse().expect("it has a URL of our own")
    }

    /// Its folder, for further files.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// All that is in it: every row on a server, every byte of the files, with what was removed and is still there.
    #[must_use]
    pub fn everything(&self) -> String {
        if let Some(database) = &self.on_server {
            return database.rows();
        }
        let files = std::fs::read_dir(&self.folder).expect("the folder is there");
        let read = |file: std::io::Result<std::fs::DirEntry>| std::fs::read(file?.path());
        let bytes: Vec<u8> = files.flat_map(|file| read(file).expect("its files can be read")).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Opens it.
    #[must_use]
    pub fn open(&self) -> Store {
        Store::open(&self.location()).expect("it was just made")
    }
}

/// A new database on the tests' server. It is dropped with this.
#[derive(Debug)]
pub struct PgDatabase {
    server: String,
    name: String,
}

impl PgDatabase {
    /// An empty one; none where there is no server.
    #[must_use]
    pub fn fresh() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var("ROLLCALL_TEST_POSTGRES").ok()?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let database = Self { server, name: format!("test_{}_{count}", std::process::id()) };
        database.say(&format!("CREATE DATABASE {}", database.name));
        Some(database)
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').expect("the server's URL names a database");
        format!("{server}/{}", self.name)
    }

    /// Every row of every table, as a text.
    fn rows(&self) -> String {
        let mut client =
            postgres::Client::connect(&self.url(), postgres::NoTls).expect("the tests' server is there");
        let mut all = |query: &str| -> Vec<String> {
            let rows = client.query(query, &[]).expect("the tests' server answers");
            rows.iter().map(|row| row.get(0)).collect()
        };
        let tables = all("SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = 'public'");
        tables.iter().flat_map(|table| all(&format!("SELECT CAST(t AS TEXT) FROM {table} t"))).collect()
    }

    fn say(&self, statement: &str) {
        let mut client =
            postgres::Client::connect(&self.server, postgres::NoTls).expect("the tests' server is there");
        client.batch_execute(statement).expect("the tests' server does what it is told");
    }
}

impl Drop for PgDatabase {
    fn drop(&mut self) {
        self.say(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

impl Default for TestDatabase {
    fn default() -> Self {
        Self::new()
    }
}
