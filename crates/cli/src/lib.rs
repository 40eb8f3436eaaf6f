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
mod shell;
mod show;
mod style;
mod terminal;
mod trial;
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
