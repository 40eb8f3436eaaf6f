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
use rollcall_app::UserSelection;

use super::Context;
use crate::failure::Usage;

#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  rollcall users import subscribers.csv\n  rollcall users list --filter 'klass eq \"business\"'"
)]
pub(super) enum Users {
    /// Import users from a CSV or Excel file: all of them, or none with all errors
    Import(import::Import),
    /// List users
    List(list::List),
    /// Show one user
    Show(show::Show),
    /// List the changes of a user, by runs and manual edits
    History(history::History),
    /// Change fields of one user
    Set(set::Set),
    /// Set the RADIUS password of a user
    Password(password::Password),
    /// Remove a user
    Remove(remove::Remove),
    /// Export users to a file that 'users import' reads
    Export(export::Export),
}

impl Users {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = || context.backend();
        match self {
            Self::Import(command) => command.run(&backend()?),
            Self::List(command) => command.run(&backend()?),
            Self::Show(command) => command.run(&backend()?),
            Self::History(command) => command.run(&backend()?),
            Self::Set(command) => command.run(&backend()?),
            Self::Password(command) => command.run(&backend()?),
            Self::Remove(command) => command.run(&backend()?),
            Self::Export(command) => command.run(&backend()?),
        }
    }
}

/// The users that `--filter` and `--search` ask for; without both: every user.
pub(super) fn selection(filter: Option<String>, search: Option<String>) -> Result<UserSelection, Usage> {
    for (option, text) in [("filter", &filter), ("search", &search)] {
        if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            return Err(Usage(format!("--{option}: the {option} is empty; leave it out for every user")));
        }
    }
    UserSelection::asked(filter, search).map_err(|why| Usage(why.to_string()))
}
