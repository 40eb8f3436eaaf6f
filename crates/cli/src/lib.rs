//! The command line: one file a command. A new one copies a small one, such as [`init`]. Commands are executed by a
//! [`backend`], which is a database or a server, and print the types of `rollcall-api`.
//!
//! [`serve`](ServeCommand) is given by the crate that has the server, so that this one does without it.

mod administrators;
mod audit;
mod backend;
mod bar;
mod completions;
mod consent;
mod context;
mod credentials;
mod demo;
mod execution;
mod failure;
mod file_options;
mod filters;
mod hints;
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
mod script_test;
mod scripts;
mod settings;
mod shell;
mod show;
mod style;
mod table;
mod terminal;
mod users;
mod worker;
mod workers;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use consent::{ask, can_ask, check_consent, confirm};
use context::{Hints, dictionaries};
use execution::duration;
use place::Given;
use shell::shell_word;

pub use context::Context;
pub use execution::ExecutionArgs;
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
        rollcall demo                                          try it on 10,000 sample users\n  \
        rollcall init && rollcall users import users.csv       start with your users\n  \
        rollcall run extend.py --filter 'klass eq \"business\"'  preview a script\n  \
        rollcall run extend.py --all --apply                   run it and write the changes\n  \
        rollcall runs undo 7                                   preview the undo\n  \
        rollcall runs outcomes 7 --outcome failed              list the failures\n\n\
        Exit status: 0 success; 3 finished, but some targets failed; 2 wrong usage; 1 other errors."
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

    /// The Rollcall server to use instead of a database: https://HOST, with a token in ROLLCALL_TOKEN
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

    /// Act with the permissions of this administrator, instead of all permissions of your account
    #[arg(long = "as", global = true, help_heading = "Global options", value_name = "NAME")]
    acting_as: Option<String>,

    /// The time zone for reading and showing times: an IANA name [default: the setting time_zone, or UTC]
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
    /// Create sample users; preview, apply and undo a script on them
    Demo(demo::Demo),
    /// Create a database, or upgrade an existing one
    Init(init::Init),
    /// Copy a database to another one, such as from SQLite to PostgreSQL
    Migrate(migrate::Migrate),
    /// Import users from another system
    #[command(subcommand)]
    Import(import::Import),
    /// Manage administrators, their roles and sessions
    #[command(subcommand)]
    Administrators(administrators::Administrators),
    /// Manage organizations (tenants)
    #[command(subcommand)]
    Organizations(organizations::Organizations),
    /// Manage API tokens
    #[command(subcommand)]
    Tokens(credentials::Tokens),
    /// Manage users (subscribers)
    #[command(subcommand)]
    Users(users::Users),
    /// Manage saved filters
    #[command(subcommand)]
    Filters(filters::Filters),
    /// Manage profiles: named sets of RADIUS items for users
    #[command(subcommand)]
    Profiles(profiles::Profiles),
    /// Manage saved scripts and their versions; show samples
    #[command(subcommand)]
    Scripts(scripts::Scripts),
    /// Run a script for each selected user; without --apply as a preview
    Run(Box<run::Run>),
    /// Show runs; apply, undo, cancel, retry and resume them
    #[command(subcommand)]
    Runs(runs::Runs),
    /// Start the HTTP server, the web UI and a built-in worker
    Serve(S),
    /// Start a worker, which executes runs together with other workers
    Worker(worker::Worker),
    /// Show worker processes and their status
    #[command(subcommand)]
    Workers(workers::Workers),
    /// Configure and check FreeRADIUS, and show its replies
    #[command(subcommand)]
    Radius(radius::Radius),
    /// Remove the outcomes and journals of old runs
    Prune(prune::Prune),
    /// Show and change installation settings
    #[command(subcommand)]
    Settings(settings::Settings),
    /// Show, verify and export the audit log
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Print a completion script for a shell
    Completions(completions::Completions),
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
