use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use rollcall_api::Profile;
use rollcall_domain::{self as domain, Item, ItemKind};

use super::{Context, confirm};
use crate::failure::Usage;
use crate::output::{Format, Listing, print_json};
use crate::show::items_cell;
use crate::style::tell;

#[derive(Debug, Subcommand)]
#[command(
    after_help = "Example:\n  rollcall profiles add plus --reply 'Session-Timeout := 28800' --check 'Simultaneous-Use := 2'"
)]
pub(super) enum Profiles {
    /// Add a profile
    Add {
        /// The short name
        short_name: String,
        /// A reply item, such as 'Session-Timeout := 3600'; may be repeated
        #[arg(long, value_name = "ITEM")]
        reply: Vec<String>,
        /// A check item, such as 'NAS-Identifier == ap-1'; may be repeated
        #[arg(long, value_name = "ITEM")]
        check: Vec<String>,
        /// Only for users of this organization
        #[arg(long, value_name = "NAME")]
        organization: Option<String>,
    },
    /// List all profiles
    List {
        /// The output format
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show one profile
    Show {
        /// The short name
        short_name: String,
        /// The output format
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Remove a profile that no user has
    Remove {
        /// The short name
        short_name: String,
        /// Do not ask for confirmation; required without a terminal
        #[arg(long)]
        yes: bool,
    },
}

impl Profiles {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        match self {
            Self::Add { short_name, reply, check, organization } => {
                domain::Profile::check_name(&short_name)?;
                let (reply, check) = items(&reply, &check)?;
                let (id, warnings) =
                    backend.add_profile(&short_name, organization.as_deref(), &reply, &check)?;
                for why in warnings {
                    tell(format_args!("warning: {why}"));
                }
                tell(format_args!("profile {id} is {short_name:?}"));
            }
            Self::List { format } => list(format, backend.profiles()?)?,
            Self::Show { short_name, format } => {
                let profile = backend.profile(&short_name)?;
                match format {
                    Format::Json => print_json(&profile)?,
                    _ => list(format, vec![profile])?,
                }
            }
            Self::Remove { short_name, yes } => {
                backend.profile(&short_name)?;
                if !confirm(yes, "removing a profile", &format!("Remove profile {short_name:?}?"))? {
                    return Ok(ExitCode::FAILURE);
                }
                backend.remove_profile(&short_name)?;
                tell(format_args!("profile {short_name:?} is gone"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(format: Format, profiles: Vec<Profile>) -> anyhow::Result<()> {
    let mut listing = Listing::new(format, &["id", "short_name", "organization", "reply", "check"])?;
    for each in profiles {
        let cells = || {
            vec![
                each.profile_id.to_string(),
                each.short_name.clone(),
                each.organization.as_ref().map_or_else(String::new, |owner| owner.name.clone()),
                items_cell(&each.reply),
                items_cell(&each.check),
            ]
        };
        listing.push(cells, &each)?;
    }
    listing.finish().context("the list could not be written")
}

/// The items of both lists. Every wrong one is named.
fn items(reply: &[String], check: &[String]) -> anyhow::Result<(Vec<Item>, Vec<Item>)> {
    let mut faults = Vec::new();
    let mut read = |kind, texts: &[String]| -> Vec<Item> {
        let parsed = texts.iter().map(|text| Item::parse(kind, text));
        parsed.filter_map(|item| item.map_err(|fault| faults.push(fault.to_string())).ok()).collect()
    };
    let lists = (read(ItemKind::Reply, reply), read(ItemKind::Check, check));
    if faults.is_empty() { Ok(lists) } else { Err(Usage(faults.join("\n")).into()) }
}
