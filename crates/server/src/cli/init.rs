use std::process::ExitCode;

use clap::Args;
use rollcall_store::Store;

use super::{Context, credentials};
use crate::style::tell;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rollcall init --database sqlite:/var/lib/rollcall/rollcall.db")]
pub(super) struct Init {}

impl Init {
    #[expect(clippy::unused_self, reason = "every command is run alike")]
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let location = context.location("sqlite:rollcall.db")?;
        let (store, made) = Store::create(&location)?;
        let done = if made { "made" } else { "is up to date" };
        tell(format_args!("{location} {done}. Next: 'rollcall users import FILE.csv'"));
        credentials::first_administrator(&context.app_on(store)?)?;
        Ok(ExitCode::SUCCESS)
    }
}
