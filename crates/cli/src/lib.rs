//! The command line: one file a command. A new one copies a small one, such as [`init`]. Commands are executed by a
//! [`backend`], which is a database or a server, and print the types of `rollcall-api`.
//!
//! [`serve`](ServeCommand) is given by the crate that has the server, so that this one does without it.

mod administrators;
mod audit;
mod backend;
mod completions;
mod credentials;
mod demo;
mod failure;
mod file_options;
mod filters;
mod import;
mod init;
mod lines;
mod log;
mod migrate;
mod organizations;
mod output;
mod place;
mod profiles;
mod progress;
mod prune;
mod radius;
mod rows;
mod run;
mod runs;
mod samples;
mod scripts;
mod settings;
mod show;
mod style;
mod terminal;
mod trial;
mod users;
mod worker;
mod workers;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use rollcall_app::database::{Location, Store};
use rollcall_app::runs::ExecutionConfig;
use rollcall_app::{Actor, App};
use rollcall_domain::{SystemClock, Zone};
use rollcall_sandbox::{Isolation, Limits};

use backend::Backend;
use place::{Given, Place};
use rollcall_client::Client;
use style::tell;

pub use failure::Usage;
pub use lines::finish as finish_log;
pub use log::{LogFormat, start_server_log};
pub use style::write_log_apart;
pub use worker::log_event;

/// Runs an administrator's Python script once for every user on a list, and makes that safe: what it would change is
/// previewed, and every user's outcome is kept.
#[derive(Debug, Parser)]
#[command(
    name = "rollcall",
    version,
    max_term_width = 100,
    after_help = "Examples:\n  \
        rollcall demo                                          see it work on 10,000 sample subscribers\n  \
        rollcall init && rollcall users import users.csv       start with your own\n  \
        rollcall run extend.py --filter 'klass eq \"business\"'  preview a script\n  \
        rollcall run extend.py --all --apply                   run it for good\n  \
        rollcall runs undo 7                                   see what taking it back would do\n  \
        rollcall runs outcomes 7 --outcome failed              see what went wrong\n\n\
        Exit status: 0 done; 3 done, but some targets failed; 2 wrong usage; 1 anything else."
)]
struct Cli<S: Args> {
    /// The database: sqlite:PATH or postgres://USER@HOST/DATABASE [default: sqlite:rollcall.db]
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        env = "ROLLCALL_DATABASE",
        value_name = "URL",
        hide_env_values = true
    )]
    database: Option<String>,

    /// The server that is to do it, instead of this process on a database: https://HOST; with a token in ROLLCALL_TOKEN
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        env = "ROLLCALL_SERVER",
        value_name = "URL",
        hide_env_values = true
    )]
    server: Option<String>,

    /// The file that holds the token for the server, instead of ROLLCALL_TOKEN
    #[arg(long, global = true, help_heading = "Global options", value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// The administrator whose rights count, instead of all those of your account
    #[arg(long = "as", global = true, help_heading = "Global options", value_name = "NAME")]
    acting_as: Option<String>,

    /// The time zone in which dates without one are read and moments are shown, for this command: an IANA name [default: the
    /// setting time_zone, or UTC]
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        env = "ROLLCALL_TIME_ZONE",
        value_name = "ZONE",
        hide_env_values = true
    )]
    time_zone: Option<String>,

    #[command(subcommand)]
    command: Command<S>,
}

#[derive(Debug, Subcommand)]
enum Command<S: Args> {
    /// Make sample subscribers, preview a script over them, apply that, take it back
    Demo(demo::Demo),
    /// Make a database, or bring an older one up to date
    Init(init::Init),
    /// Copy everything into another database, such as from a file to a server
    Migrate(migrate::Migrate),
    /// Take users over from another system
    #[command(subcommand)]
    Import(import::Import),
    /// Who works with Rollcall, and what they may do
    #[command(subcommand)]
    Administrators(administrators::Administrators),
    /// The tenants that users belong to
    #[command(subcommand)]
    Organizations(organizations::Organizations),
    /// Keys with which programs act for an administrator
    #[command(subcommand)]
    Tokens(credentials::Tokens),
    /// The subscribers
    #[command(subcommand)]
    Users(users::Users),
    /// Named conditions that select users
    #[command(subcommand)]
    Filters(filters::Filters),
    /// Named sets of RADIUS items, assigned to users
    #[command(subcommand)]
    Profiles(profiles::Profiles),
    /// Scripts that are kept under a name, with every version; and samples to start from
    #[command(subcommand)]
    Scripts(scripts::Scripts),
    /// Run a script once for every user on a list; without --apply a preview
    Run(Box<run::Run>),
    /// What runs did: apply previews, take runs back, cancel, retry, go on
    #[command(subcommand)]
    Runs(runs::Runs),
    /// Let programs in over HTTP, and execute what there is to do
    Serve(S),
    /// Execute what others have started, together with other workers
    Worker(worker::Worker),
    /// The processes that do
    #[command(subcommand)]
    Workers(workers::Workers),
    /// What FreeRADIUS needs to serve these users
    #[command(subcommand)]
    Radius(radius::Radius),
    /// Remove the outcomes and journals of old runs, to make room
    Prune(prune::Prune),
    /// What holds for this installation
    #[command(subcommand)]
    Settings(settings::Settings),
    /// What was done, by whom and when, and whether that record is whole
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

/// The options that every command has.
pub struct Context {
    place: Place,
    acting_as: Option<String>,
    /// None: that of the backend.
    zone: Option<Zone>,
    dictionaries: Option<PathBuf>,
}

/// The command that starts the server.
pub trait ServeCommand: Args {
    /// Serves until the process is told to end.
    ///
    /// # Errors
    /// If the server cannot start, or fails.
    fn run(self, context: &Context) -> anyhow::Result<ExitCode>;
}

/// Executes the command that is given; `S` is the one that starts the server. Errors are printed.
#[must_use]
pub fn run<S: ServeCommand>() -> ExitCode {
    execute::<S>().unwrap_or_else(|error| failure::report(&error))
}

fn execute<S: ServeCommand>() -> anyhow::Result<ExitCode> {
    let matches = Cli::<S>::command().get_matches();
    let cli = Cli::<S>::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    log::start()?;
    let zone = cli.time_zone.map(|name| name.parse()).transpose();
    let zone = zone.map_err(|error| Usage(format!("--time-zone: {error}")))?;
    let given = Given {
        database: cli.database,
        server: cli.server,
        token_file: cli.token_file,
        acting_as: cli.acting_as.as_deref(),
    };
    let place = given.place(&matches)?;
    let context = Context { place, acting_as: cli.acting_as, zone, dictionaries: dictionaries() };
    match cli.command {
        Command::Demo(command) => command.run(&context),
        Command::Init(command) => command.run(&context),
        Command::Migrate(command) => command.run(&context),
        Command::Import(command) => command.run(&context),
        Command::Administrators(command) => command.run(&context),
        Command::Organizations(command) => command.run(&context),
        Command::Tokens(command) => command.run(&context),
        Command::Users(command) => command.run(&context),
        Command::Filters(command) => command.run(&context),
        Command::Profiles(command) => command.run(&context),
        Command::Scripts(command) => command.run(&context),
        Command::Run(command) => command.run(&context),
        Command::Runs(command) => command.run(&context),
        Command::Serve(command) => command.run(&context),
        Command::Worker(command) => command.run(&context),
        Command::Workers(command) => command.run(&context),
        Command::Radius(command) => command.run(&context),
        Command::Prune(command) => command.run(&context),
        Command::Settings(command) => command.run(&context),
        Command::Audit(command) => command.run(&context),
        Command::Completions(command) => command.run(Cli::<S>::command()),
    }
}

/// Where FreeRADIUS's packages put its dictionaries.
const DICTIONARIES: &str = "/usr/share/freeradius";

/// The dictionaries of this machine's FreeRADIUS: in a folder that is named in the environment, where an empty name means
/// none, or in the usual one.
fn dictionaries() -> Option<PathBuf> {
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
    fn hints(&self) -> Hints {
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
    fn backend(&self) -> anyhow::Result<Backend> {
        match &self.place {
            Place::Database(_) => Ok(Backend::Local(Box::new(self.app()?))),
            Place::Server { url, token_file } => {
                let client = Client::new(url, place::token(token_file.as_deref())?, self.zone.clone())?;
                Ok(Backend::Remote(Box::new(client)))
            }
        }
    }

    /// Rollcall on the database that was named.
    fn app(&self) -> anyhow::Result<App> {
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
    fn zone(&self) -> Zone {
        self.zone.clone().unwrap_or_else(Zone::utc)
    }
}

/// How this program was called, so that commands which it shows can be pasted: `target/release/rollcall` after
/// `cargo run`.
fn program() -> String {
    let called = std::env::args().next().filter(|name| name.contains('/'));
    called.unwrap_or_else(|| "rollcall".to_owned())
}

/// A text as a shell takes it: URLs may have characters that mean something there.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,@%+=".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// What goes into commands that are shown to be typed next.
struct Hints {
    /// The program.
    program: String,
    /// ` --database URL` or ` --server URL`, unless it is the one that commands find by themselves, and what says who asks.
    options: String,
    /// The first of these alone, for what somebody else types.
    place: String,
}

/// On the command line the administrator is the account of the operating system.
fn account() -> String {
    let uid = nix::unistd::getuid();
    let name = nix::unistd::User::from_uid(uid).ok().flatten().map(|user| user.name);
    format!("cli:{}", name.unwrap_or_else(|| uid.to_string()))
}

/// How scripts are executed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Execution")]
pub struct ExecutionArgs {
    /// Worker processes [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,

    /// Time that the script may take for one user, such as 500ms, 5s or 2m [default: 5s, or that of the run]
    #[arg(long, value_parser = duration, value_name = "TIME")]
    time_limit: Option<Duration>,

    /// The Python interpreter
    #[arg(
        long,
        env = "ROLLCALL_PYTHON",
        default_value = "python3",
        value_name = "PATH",
        hide_env_values = true
    )]
    python: PathBuf,

    /// Whether scripts are locked down; "none" gives them every right of your account (development only)
    #[arg(long, default_value = "full", value_name = "MODE")]
    sandbox: SandboxMode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SandboxMode {
    Full,
    None,
}

impl ExecutionArgs {
    /// Refuses what a server decides.
    fn check(&self, backend: &Backend) -> Result<(), Usage> {
        let said = match (self.workers, self.sandbox) {
            (Some(_), _) => "--workers",
            (_, SandboxMode::None) => "--sandbox none",
            _ => return Ok(()),
        };
        if !backend.is_remote() {
            return Ok(());
        }
        Err(Usage(format!(
            "{said} is for scripts that this process executes; a server's workers have their own"
        )))
    }

    /// The settings for executing scripts in this process. Says so if they are not locked down.
    #[must_use]
    pub fn execution(&self) -> ExecutionConfig {
        let isolation = match self.sandbox {
            SandboxMode::Full => Isolation::Full,
            SandboxMode::None => {
                tell(format_args!("warning: --sandbox=none: the script has every right of your account"));
                Isolation::None
            }
        };
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        ExecutionConfig {
            python: self.python.clone(),
            isolation,
            workers: self.workers.map_or(processors, usize::from),
            limits: self.time_limit.map_or_else(Limits::default, |time| Limits { time, ..Limits::default() }),
        }
    }
}

/// `500ms`, `5s`, `2m`
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a time: write 500ms, 5s or 2m");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    let seconds = match &text[digits.len()..] {
        "ms" => number / 1_000.0,
        "s" | "" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3_600.0,
        _ => return Err(wrong()),
    };
    if !(0.001..=86_400.0).contains(&seconds) {
        return Err("a time limit lies between 1ms and 24h".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Whether somebody can be asked.
#[expect(clippy::disallowed_methods, reason = "nothing is printed")]
fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on the terminal; `wanted` must be typed. Anything else is a no.
fn ask(question: &str, wanted: &[&str]) -> io::Result<bool> {
    lines::ask(question)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(wanted.contains(&answer.trim().to_lowercase().as_str()))
}

/// Refuses `what` without a terminal, unless `--yes` is given.
///
/// # Errors
/// A [`Usage`] that names `--yes`.
fn check_consent(yes: bool, what: &str) -> Result<(), Usage> {
    if yes || can_ask() {
        return Ok(());
    }
    Err(Usage(format!("{what} without a terminal needs --yes")))
}

/// Asks before `what`, which Rollcall cannot undo, unless `--yes` is given. False is a no.
///
/// # Errors
/// Without a terminal and `--yes` it is refused: see [`check_consent`].
fn confirm(yes: bool, what: &str, question: &str) -> anyhow::Result<bool> {
    check_consent(yes, what)?;
    let sure = yes || ask(&format!("{question} [y/N]"), &["y", "yes"])?;
    if !sure {
        tell(format_args!("nothing was changed"));
    }
    Ok(sure)
}
