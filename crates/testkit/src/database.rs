//! Databases of tests: files in a folder of their own, or databases on the tests' server.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use rollcall_store::{Location, Store};
use tempfile::TempDir;

use crate::template;

/// The database's file in its folder.
const FILE: &str = "rollcall.db";

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
        match PgDatabase::migrated() {
            Some(database) => Self { folder: new_folder(), on_server: Some(database) },
            None => Self::file(),
        }
    }

    /// An empty database in a file, migrated, even where there is a server.
    #[must_use]
    pub fn file() -> Self {
        let folder = new_folder();
        migrated_file(&folder.path().join(FILE));
        Self { folder, on_server: None }
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.on_server {
            Some(database) => database.url(),
            None => format!("sqlite:{}", self.folder.path().join(FILE).display()),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> Location {
        self.url().parse().expect("it has a URL of our own")
    }

    /// Its folder, for further files.
    #[must_use]
    pub fn folder(&self) -> &Path {
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

    /// Executes SQL statements, for states that no operation makes.
    pub fn execute(&self, statements: &str) {
        match &self.on_server {
            Some(database) => {
                let done = connect(&database.url()).batch_execute(statements);
                done.expect("a test writes its statements right");
            }
            None => {
                let connection = rusqlite::Connection::open(self.folder.path().join(FILE));
                let done = connection.and_then(|connection| connection.execute_batch(statements));
                done.expect("a test writes its statements right");
            }
        }
    }

    /// Opens it.
    #[must_use]
    pub fn open(&self) -> Store {
        Store::open(&self.location()).expect("it was just made")
    }
}

/// The URL of the tests' server, if there is one.
fn server() -> Option<String> {
    std::env::var("ROLLCALL_TEST_POSTGRES").ok()
}

/// The URL of a database on the server.
pub(crate) fn url_on(server: &str, database: &str) -> String {
    let (server, _) = server.rsplit_once('/').expect("the server's URL names a database");
    format!("{server}/{database}")
}

pub(crate) fn connect(url: &str) -> postgres::Client {
    postgres::Client::connect(url, postgres::NoTls).expect("the tests' server is there")
}

/// Makes an empty database in this file, migrated: a copy of the template, readable and writable for its owner only.
pub fn migrated_file(path: &Path) {
    std::fs::copy(template::file(), path).expect("a test's folder can be written");
}

fn new_folder() -> TempDir {
    TempDir::new().expect("the temporary folder can be written")
}

/// A new database on the tests' server. It is dropped with this.
#[derive(Debug)]
pub struct PgDatabase {
    server: String,
    name: String,
}

impl PgDatabase {
    /// A database without tables; none where there is no server.
    #[must_use]
    pub fn fresh() -> Option<Self> {
        Some(Self::made(server()?, ""))
    }

    /// An empty database, migrated; none where there is no server.
    #[must_use]
    pub fn migrated() -> Option<Self> {
        let server = server()?;
        let template = template::database(&server);
        Some(Self::made(server, &format!("TEMPLATE {template}")))
    }

    fn made(server: String, like: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let database = Self { server, name: format!("test_{}_{count}", std::process::id()) };
        database.say(&format!("CREATE DATABASE {} {like}", database.name));
        database
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        url_on(&self.server, &self.name)
    }

    /// Every row of every table, as a text.
    fn rows(&self) -> String {
        let mut client = connect(&self.url());
        let mut all = |query: &str| -> Vec<String> {
            let rows = client.query(query, &[]).expect("the tests' server answers");
            rows.iter().map(|row| row.get(0)).collect()
        };
        let tables = all("SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = 'public'");
        tables.iter().flat_map(|table| all(&format!("SELECT CAST(t AS TEXT) FROM {table} t"))).collect()
    }

    fn say(&self, statement: &str) {
        connect(&self.server).batch_execute(statement).expect("the tests' server does what it is told");
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
