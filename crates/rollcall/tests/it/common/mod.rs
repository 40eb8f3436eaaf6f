//! A desk to work at: a folder of its own, mostly with a database in it, and the real `rollcall` to call there.

pub mod cluster;
pub mod freeradius;
pub mod server;
pub mod terminal;
pub mod workers;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rollcall_store::Store;
use rollcall_testkit::{PgDatabase, migrated_file};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use serde_json::Value;
use tempfile::TempDir;

/// Nothing here takes nearly so long; what does hangs, and its test fails instead of waiting forever.
const PATIENCE: Duration = Duration::from_secs(240);

pub const ROLLCALL: &str = env!("CARGO_BIN_EXE_rollcall");

/// A folder in which commands are called.
pub struct Desk {
    folder: TempDir,
    on_server: Option<PgDatabase>,
    /// Where else it is.
    at: Option<String>,
}

/// What a command came to.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Desk {
    /// A folder without a database.
    pub fn bare() -> Self {
        Self { folder: TempDir::new().unwrap(), on_server: None, at: None }
    }

    /// A folder with a new database; that is on the tests' server if there is one.
    pub fn new() -> Self {
        match PgDatabase::migrated() {
            Some(database) => Self { on_server: Some(database), ..Self::bare() },
            None => Self::on_file(),
        }
    }

    /// A folder, and a new database that is there.
    pub fn on_server_at(url: String) -> Self {
        let desk = Self { at: Some(url), ..Self::bare() };
        desk.ok(&["init"]);
        desk
    }

    /// A folder with a new database on the tests' server, which is reached with TLS.
    pub fn by_tls() -> Self {
        let database = PgDatabase::fresh().expect("scripts/with-postgres names a server");
        let said = |name: &str| std::env::var(name).expect("scripts/with-postgres says it");
        let (way, _) = said("ROLLCALL_TEST_POSTGRES_TLS")
            .rsplit_once('/')
            .map(|(way, name)| (way.to_owned(), name.to_owned()))
            .unwrap();
        let (url, authority) = (database.url(), said("ROLLCALL_TEST_POSTGRES_CA"));
        let name = url.rsplit('/').next().unwrap();
        let at = format!("{way}/{name}?sslmode=verify-full&sslrootcert={authority}");
        let desk = Self { on_server: Some(database), at: Some(at), ..Self::bare() };
        desk.ok(&["init"]);
        desk
    }

    /// A folder with a new database, which is a file in it.
    pub fn on_file() -> Self {
        let desk = Self::bare();
        migrated_file(&desk.path("rollcall.db"));
        desk
    }

    /// A database with the users `user001` and so on.
    pub fn with_users(count: usize) -> Self {
        Self::new().and_users(count)
    }

    pub fn and_users(self, count: usize) -> Self {
        let rows: String = (1..=count).map(|n| format!("{0},{0}@example.com\n", name(n))).collect();
        self.import(format!("username,email\n{rows}"));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub fn import(&self, csv: impl AsRef<[u8]>) -> Done {
        self.write("import.csv", csv);
        self.ok(&["users", "import", "import.csv", "--create-organizations"])
    }

    /// `rollcall` in this folder, with nobody at a terminal and nothing inherited that would steer it.
    pub fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        self.program(ROLLCALL, args)
    }

    fn program<S: AsRef<OsStr>>(&self, program: &str, args: &[S]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("ROLLCALL_DATABASE")
            .env_remove("ROLLCALL_PYTHON")
            .env_remove("ROLLCALL_TIME_ZONE")
            .env_remove("ROLLCALL_LOG")
            // Whether this machine has a FreeRADIUS is not what tests are about.
            .env("ROLLCALL_DICTIONARIES", "")
            .stdin(Stdio::null());
        if self.on_server.is_some() || self.at.is_some() {
            command.env("ROLLCALL_DATABASE", self.url());
        }
        command
    }

    pub fn call<S: AsRef<OsStr>>(&self, args: &[S]) -> Done {
        finish(start(&mut self.command(args)))
    }

    /// Calls what must work.
    #[track_caller]
    pub fn ok<S: AsRef<OsStr>>(&self, args: &[S]) -> Done {
        self.call(args).exits(0)
    }

    /// Calls what an administrator would type into a shell: a line that starts with `rollcall`.
    pub fn shell(&self, line: &str) -> Done {
        let typed = format!("{ROLLCALL}{}", line.strip_prefix("rollcall").unwrap());
        let mut command = self.program("sh", &["-c", &typed]);
        finish(start(&mut command))
    }

    /// Runs the script over the users that `args` choose.
    pub fn run(&self, script: &str, args: &[&str]) -> Done {
        self.write("script.py", script);
        self.call(&[&["run", "script.py", "--json"], args].concat())
    }

    /// Applies the script to all users; the exit status must be `code`.
    #[track_caller]
    pub fn apply(&self, script: &str, code: i32) -> Value {
        self.run(script, &["--all", "--apply", "--yes"]).exits(code).object()
    }

    #[track_caller]
    pub fn user(&self, username: &str) -> Value {
        self.ok(&["users", "show", username, "--format", "json"]).object()
    }

    #[track_caller]
    pub fn outcomes(&self, run: &Value) -> Vec<Value> {
        let run = run["run_id"].to_string();
        self.ok(&["runs", "outcomes", &run, "--format", "json"]).objects()
    }

    #[track_caller]
    pub fn runs(&self) -> Vec<Value> {
        self.ok(&["runs", "list", "--format", "json"]).objects()
    }

    #[track_caller]
    pub fn export(&self) -> String {
        self.ok(&["users", "export"]).out
    }

    /// Profiles 1 to 13, of which 12 and `aaa-01` are those of the documentation's samples.
    pub fn add_documented_profiles(&self) {
        for n in 1..=12 {
            self.ok(&["profiles", "add", &format!("plan-{n}")]);
        }
        self.ok(&["profiles", "add", "aaa-01"]);
    }

    /// The database, for what no command shows, whichever it is.
    pub fn store(&self) -> Store {
        Store::open(&self.url().parse().unwrap()).unwrap()
    }

    pub fn url(&self) -> String {
        let file = || format!("sqlite:{}", self.path("rollcall.db").display());
        self.at.clone().or(self.on_server.as_ref().map(PgDatabase::url)).unwrap_or_else(file)
    }

    /// The database, which is a file, for what no command does or shows.
    pub fn database(&self) -> Connection {
        assert!(self.on_server.is_none(), "a test that looks into the file works on one");
        let connection = Connection::open(self.path("rollcall.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(30)).unwrap();
        connection
    }

    /// Lets a process stand still where it keeps nobody from writing: of a file the one writer must not stop with it.
    pub fn stop(&self, pid: u32) {
        let pid = Pid::from_raw(pid.cast_signed());
        wait_until("the process has stopped between two transactions", || {
            kill(pid, Signal::SIGSTOP).unwrap();
            wait_until("the process has stopped", || {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
                let state = stat.rsplit(") ").next().unwrap();
                assert!(!state.starts_with('Z'), "it was faster");
                state.starts_with('T')
            });
            if self.on_server.is_some() {
                return true;
            }
            let mut database = self.database();
            // Whoever gets the lock at once knows that nobody has stopped with it.
            database.busy_timeout(Duration::ZERO).unwrap();
            let free = Transaction::new(&mut database, TransactionBehavior::Immediate).is_ok();
            if !free {
                kill(pid, Signal::SIGCONT).unwrap();
            }
            free
        });
    }

    /// Does what no command does, whichever database it is.
    pub fn sql(&self, statements: &str) {
        let url = self.on_server.as_ref().map_or_else(|| self.url(), PgDatabase::url);
        match url.strip_prefix("sqlite:") {
            Some(_) => self.database().execute_batch(statements).unwrap(),
            None => {
                let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
                client.batch_execute(statements).unwrap();
            }
        }
    }

    /// Waits until `targets` targets of the newest run have their outcome.
    pub fn wait_for_outcomes(&self, targets: i64) {
        let store = self.store();
        wait_until("outcomes are committed", || {
            store.runs().page(i64::MAX, 1).unwrap().first().is_some_and(|run| run.cursor >= targets)
        });
    }
}

impl Done {
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Standard output, which must be exactly one JSON object.
    #[track_caller]
    pub fn object(&self) -> Value {
        let mut objects = self.objects();
        assert_eq!(objects.len(), 1, "{self:#?}");
        objects.remove(0)
    }

    /// Standard output, which must be one compact JSON object a line.
    #[track_caller]
    pub fn objects(&self) -> Vec<Value> {
        assert!(self.out.is_empty() || self.out.ends_with('\n'), "{self:#?}");
        let read = |line| -> Value {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert!(value.is_object(), "{line}");
            value
        };
        self.out.lines().map(read).collect()
    }

    /// The refusal, which must be one line on standard error, in words, and all that was said besides hints.
    #[track_caller]
    pub fn sentence(&self) -> &str {
        let said = self.refusal();
        assert_eq!(said.lines().count(), 1, "one sentence, not {self:#?}");
        said
    }

    /// The refusal, which must be all that was said besides hints, in words; one that points at a place has further lines.
    #[track_caller]
    pub fn refusal(&self) -> &str {
        assert_eq!(self.out, "", "nothing was done, so nothing is shown");
        for noise in ["panicked", "Os {", "Error(", "Some(", "RUST_BACKTRACE"] {
            assert!(!self.err.contains(noise), "{self:#?}");
        }
        let said = self.err.trim_end().strip_prefix("error: ");
        let said = said.unwrap_or_else(|| panic!("no refusal: {self:#?}"));
        said.split("\nhint: ").next().unwrap_or(said)
    }

    /// The hints after a refusal.
    pub fn hints(&self) -> Vec<&str> {
        self.err.lines().filter_map(|line| line.strip_prefix("hint: ")).collect()
    }
}

pub fn name(n: usize) -> String {
    format!("user{n:03}")
}

/// Starts a command whose output is wanted.
pub fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits for a command. One that hangs is killed, and has no exit status then.
pub fn finish(child: Child) -> Done {
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    let (ended, waits) = mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        if waits.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = kill(pid, Signal::SIGKILL);
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(ended);
    watch.join().unwrap();
    let done = Done {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    keep_secrets(&done.out);
    keep_secrets(&done.err);
    done
}

/// What administrators and users of tests prove themselves with, and how hashes of that begin.
pub const SECRETS: [&str; 3] = [server::PASSWORD, "canary-of-a-user", "$argon2"];

static GIVEN_OUT: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// From now on nobody says this any more: it is shown once.
pub fn give_out(secret: &str) {
    GIVEN_OUT.lock().unwrap().push(secret.to_owned());
}

/// Nothing that any command or server of any test says holds a secret.
#[track_caller]
pub fn keep_secrets(said: &str) {
    let given_out = GIVEN_OUT.lock().unwrap();
    for secret in SECRETS.into_iter().chain(given_out.iter().map(String::as_str)) {
        assert!(!said.contains(secret), "{secret} is in what was said:\n{said}");
    }
}

/// Looks again and again until something that another process does is done.
#[expect(clippy::disallowed_methods, reason = "the pause between two looks at the condition itself")]
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < PATIENCE, "still not so: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until a process has said what a signal means to it: before, it would just die of it.
pub fn wait_until_it_heeds(pid: u32, signal: Signal) {
    let bit = 1_u64 << (signal as i32 - 1);
    wait_until("it heeds the signal", || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        // One that is gone will tell why.
        let is_gone = status.is_empty() || status.contains("State:\tZ");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        is_gone || caught.is_some_and(|caught| u64::from_str_radix(caught.trim(), 16).unwrap() & bit != 0)
    });
}

/// Every command that the help of `path` lists, and those below it.
pub fn commands(desk: &Desk, path: &[String], all: &mut Vec<Vec<String>>) {
    let help = desk.ok(&[path, &["--help".to_owned()]].concat());
    assert!(help.out.contains(&format!("Usage: rollcall {}", path.join(" "))), "{help:?}");
    assert_eq!(help.err, "");
    all.push(path.to_owned());
    let listed =
        help.out.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    for line in listed {
        // Indented further is a description that goes on.
        if let Some(name) = line.strip_prefix("  ").filter(|line| !line.starts_with(' ')) {
            let name = name.split(' ').next().unwrap();
            if name != "help" {
                commands(desk, &[path, &[name.to_owned()]].concat(), all);
            }
        }
    }
}

/// The keys of an object, sorted.
pub fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// The values of one key.
pub fn column(objects: &[Value], key: &str) -> Vec<Value> {
    objects.iter().map(|object| object[key].clone()).collect()
}

/// `object` without `key`, to compare the rest.
pub fn without(mut object: Value, key: &str) -> Value {
    assert!(object.as_object_mut().unwrap().remove(key).is_some(), "it has no {key}");
    object
}
