use std::process::ExitCode;

use clap::Subcommand;
use rollcall_domain::Organization;

use super::{Context, confirm};
use crate::output::{Format, Listing};
use crate::style::tell;

#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  rollcall organizations add 'Northwind Fiber'")]
pub(super) enum Organizations {
    /// Add an organization
    Add {
        /// The name
        name: String,
    },
    /// List all organizations
    List {
        /// The output format
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Rename an organization
    Rename {
        /// The name
        name: String,
        /// The new name
        new: String,
    },
    /// Remove an organization that has no users
    Remove {
        /// The name
        name: String,
        /// Do not ask for confirmation; required without a terminal
        #[arg(long)]
        yes: bool,
    },
}

impl Organizations {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        match self {
            Self::Add { name } => {
                Organization::check_name(&name)?;
                let id = backend.add_organization(&name)?;
                tell(format_args!("organization {id} is {name:?}"));
            }
            Self::List { format } => {
                let mut listing = Listing::new(format, &["organization_id", "name"])?;
                for each in backend.organizations()? {
                    listing.push(|| vec![each.organization_id.to_string(), each.name.clone()], &each)?;
                }
                listing.finish()?;
            }
            Self::Rename { name, new } => {
                Organization::check_name(&new)?;
                backend.rename_organization(&name, &new)?;
                tell(format_args!("organization {name:?} is now {new:?}"));
            }
            Self::Remove { name, yes } => {
                if !confirm(yes, "removing an organization", &format!("Remove organization {name:?}?"))? {
                    return Ok(ExitCode::FAILURE);
                }
                backend.remove_organization(&name)?;
                tell(format_args!("organization {name:?} is gone"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
