use std::process::ExitCode;

use clap::Args;
use rollcall_store::Store;

use super::{Context, credentials};
use crate::style::tell;

#[derive(Debug, Args)]
#[command(
    after_help = "A new database takes the zone of --time-zone as its setting time_zone.\n\nExamples:\n  \
                  rollcall init --database sqlite:/var/lib/rollcall/rollcall.db\n  \
                  rollcall init --time-zone Europe/Berlin"
)]
pub(super) struct Init {}

impl Init {
    #[expect(clippy::unused_self, reason = "every command is run alike")]
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let location = context.location("sqlite:rollcall.db")?;
        let (store, made) = Store::create(&location)?;
        let done = if made { "made" } else { "is up to date" };
        tell(format_args!("{location} {done}. Next: 'rollcall users import FILE.csv'"));
        let app = context.app_on(store)?;
        match &context.zone {
            Some(zone) if made => app.set_time_zone(Some(zone))?,
            Some(zone) if app.time_zone()?.as_ref() != Some(zone) => {
                let name = zone.name();
                tell(format_args!(
                    "its time zone is left as it is: 'rollcall settings set time_zone {name}' sets it"
                ));
            }
            _ => {}
        }
        credentials::first_administrator(&app)?;
        Ok(ExitCode::SUCCESS)
    }
}
