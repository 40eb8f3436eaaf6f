use std::process::ExitCode;

use clap::Args;
use nix::unistd::Group;
use rollcall_app::database::{Location, Store};

use super::{Context, credentials};
use crate::failure::Usage;
use crate::style::tell;

#[derive(Debug, Args)]
#[command(
    after_help = "A new database takes the zone of --time-zone as its setting time_zone. Its files are for its owner only \
                  (mode 0600), and for the folder's group in a folder with the set-group-ID bit (mode 0660).\n\nExamples:\n  \
                  rollcall init --database sqlite:/var/lib/rollcall/rollcall.db\n  \
                  rollcall init --time-zone Europe/Berlin"
)]
pub(super) struct Init {
    /// Give a group of the operating system read and write access to the database file
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
}

impl Init {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let location = context.location("sqlite:rollcall.db")?;
        let group = self.group.as_deref().map(|name| find_group(&location, name)).transpose()?;
        let (store, made) = Store::create(&location)?;
        if let Some(group) = &group {
            store.give_to_group(group.gid.as_raw())?;
        }
        let done = if made { "made" } else { "is up to date" };
        tell(format_args!("{location} {done}. Next: 'rollcall users import FILE.csv'"));
        if let Some(group) = group {
            tell(format_args!("accounts in group {} can read and write it", group.name));
        }
        let app = context.app_on(store)?;
        match &context.zone {
            Some(zone) if made => app.settings().set_time_zone(Some(zone))?,
            Some(zone) if app.settings().time_zone()?.as_ref() != Some(zone) => {
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

/// Finds the group before anything is made.
fn find_group(location: &Location, name: &str) -> anyhow::Result<Group> {
    if let Location::Postgres(_) = location {
        return Err(Usage("--group is for a database in a file; a server has roles".to_owned()).into());
    }
    let found = Group::from_name(name)?;
    found.ok_or_else(|| Usage(format!("--group: this machine has no group {name:?}")).into())
}
