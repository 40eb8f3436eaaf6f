//! Migrated, empty databases that tests copy: to copy one takes a few milliseconds, to migrate one many times that.
//!
//! Each build of each test binary has its own, since it may have other migrations. Several processes may want one at once:
//! it gets its name only when it is complete.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

use rollcall_store::{Location, Store};

use crate::database::{connect, url_on};

/// How all of them begin.
const PREFIX: &str = "rollcall_template_";

/// The lock under which one is made on a server: any number that nothing else takes.
const LOCK: i64 = 7_236_418;

/// The template in a file, below cargo's target folder.
pub(crate) fn file() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        let folder = folder();
        let path = folder.join(format!("{}.db", name()));
        if !path.exists() {
            std::fs::create_dir_all(&folder).expect("cargo's target folder can be written");
            remove_old(&folder, &path);
            make_file(&folder, &path);
        }
        path
    })
}

fn make_file(folder: &Path, path: &Path) {
    let made = tempfile::tempdir_in(folder).expect("cargo's target folder can be written");
    let unfinished = made.path().join("rollcall.db");
    let (store, _) =
        Store::create(&Location::Sqlite(unfinished.clone())).expect("a new database can be made");
    drop(store);
    let log = made.path().join("rollcall.db-wal");
    assert!(!log.exists(), "a closed database is one file, or a copy of that file would lack a part");
    std::fs::rename(unfinished, path).expect("a file can be renamed within its folder");
}

/// Removes the templates of earlier builds of this test binary: no process is left that runs one of them.
/// The `current` one may have been made meanwhile.
fn remove_old(folder: &Path, current: &Path) {
    let begins = format!("{PREFIX}{}_", program_hash());
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if file.file_name().to_string_lossy().starts_with(&begins) && file.path() != current {
            // Another process may have been faster.
            drop(std::fs::remove_file(file.path()));
        }
    }
}

/// The template's name on this server, which goes away with the tests: its old templates are left alone.
pub(crate) fn database(server: &str) -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let name = name();
        let mut client = connect(server);
        // Until this connection ends.
        client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).expect("the tests' server answers");
        let found = client.query("SELECT 1 FROM pg_database WHERE datname = $1", &[&name]);
        if found.expect("the tests' server answers").is_empty() {
            let unfinished = format!("{name}_new");
            let mut say = |statement: String| {
                client.batch_execute(&statement).expect("the tests' server does what it is told");
            };
            say(format!("DROP DATABASE IF EXISTS {unfinished}"));
            say(format!("CREATE DATABASE {unfinished}"));
            let location = url_on(server, &unfinished).parse().expect("it has a URL of our own");
            drop(Store::create(&location).expect("a new database can be made"));
            say(format!("ALTER DATABASE {unfinished} RENAME TO {name}"));
        }
        name
    })
}

fn folder() -> PathBuf {
    let program = program();
    let target = program.ancestors().nth(3).expect("cargo puts test binaries into target/*/deps");
    target.join("tmp")
}

/// This build of this test binary, as a name that PostgreSQL does not cut off: at most 59 bytes.
fn name() -> String {
    let modified = program().metadata().and_then(|metadata| metadata.modified());
    let modified = modified.expect("Linux knows when a file was written");
    let age = modified.duration_since(SystemTime::UNIX_EPOCH).expect("it is not that old");
    format!("{PREFIX}{}_{:x}", program_hash(), age.as_nanos())
}

/// The hash with which cargo ends the name of each test binary.
fn program_hash() -> String {
    let program = program();
    let stem = program.file_stem().expect("it is a file").to_string_lossy();
    stem.rsplit('-').next().unwrap_or(&stem).to_owned()
}

fn program() -> PathBuf {
    std::env::current_exe().expect("Linux knows the running program")
}
