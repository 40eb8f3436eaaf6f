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
    /// Write a FreeRADIUS 3.2 configuration for the users of this database
    Config(config::Config),
    /// Check whether this database has all that FreeRADIUS needs
    Check(check::Check),
    /// Show the reply of FreeRADIUS to a user, now or after a preview is applied
    Reply(reply::ReplyTo),
    /// List and load attribute dictionaries
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
