mod export;
mod history;
mod import;
mod list;
mod password;
mod remove;
mod set;
mod show;

use std::process::ExitCode;

use clap::Subcommand;

use super::Context;

#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  rollcall users import subscribers.csv\n  rollcall users list --filter 'klass eq \"business\"'"
)]
pub(super) enum Users {
    /// Add users from a CSV file: all of them, or none and every fault of the file
    Import(import::Import),
    /// List users
    List(list::List),
    /// Show one user
    Show(show::Show),
    /// List everything that was changed of a user, by runs and by hand
    History(history::History),
    /// Change fields of one user
    Set(set::Set),
    /// Give a user another password for RADIUS
    Password(password::Password),
    /// Remove a user
    Remove(remove::Remove),
    /// Write all users to a file that 'users import' reads
    Export(export::Export),
}

impl Users {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let site = || context.site();
        match self {
            Self::Import(command) => command.run(&site()?),
            Self::List(command) => command.run(&site()?),
            Self::Show(command) => command.run(&site()?),
            Self::History(command) => command.run(&site()?),
            Self::Set(command) => command.run(&site()?),
            Self::Password(command) => command.run(&site()?),
            Self::Remove(command) => command.run(&site()?),
            Self::Export(command) => command.run(&site()?),
        }
    }
}
