mod check;
mod config;
mod dictionary;
mod reply;

use std::process::ExitCode;

use clap::Subcommand;

use super::Context;

#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  rollcall radius config --dir /tmp/freeradius")]
pub(super) enum Radius {
    /// Write what FreeRADIUS 3.2 is configured with to serve the users of this database
    Config(config::Config),
    /// See whether FreeRADIUS finds all that it needs in this database, and say what is missing
    Check(check::Check),
    /// What FreeRADIUS answers to a user, now or once a preview is applied
    Reply(reply::ReplyTo),
    /// The attributes that FreeRADIUS knows, with the types of their values
    #[command(subcommand)]
    Dictionary(dictionary::Dictionary),
}

impl Radius {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        match self {
            Self::Config(command) => command.run(&context.app()?),
            Self::Reply(command) => command.run(&context.backend()?),
            Self::Check(command) => command.run(&context.app()?),
            Self::Dictionary(command) => command.run(&context.app()?),
        }
    }
}
