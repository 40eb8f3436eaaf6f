use std::process::ExitCode;

use clap::Subcommand;
use rollcall_api::Grant;
use rollcall_app::AppError;
use rollcall_domain::Role;
use serde::Serialize;

use super::{Context, confirm, credentials};
use crate::backend::Backend;
use crate::output::{Format, Listing};
use crate::show::times;
use crate::style::tell;

#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  \
                  rollcall administrators add maria --grant operator@North\n  \
                  rollcall administrators grant maria author\n  \
                  rollcall --as maria run extend.py --all\n\n\
                  Roles are additive. Each applies to all organizations or to one:\n  \
                  admin      everything\n  \
                  operator   edits users and runs scripts\n  \
                  author     edits scripts and filters, and cannot run them\n  \
                  read-only  reads, and runs scripts as reports, in which changes fail\n\n\
                  An administrator sees only users, runs and results of the organizations of their roles. Without --as, \
                  your account has all permissions. Its name in the audit log is cli:NAME.")]
pub(super) enum Administrators {
    /// Add an administrator
    Add {
        /// The name of the administrator
        name: String,
        /// A role: ROLE, or ROLE@ORGANIZATION for one organization; may be repeated
        #[arg(long = "grant", value_name = "ROLE[@ORGANIZATION]")]
        grants: Vec<String>,
    },
    /// List all administrators
    List {
        /// The output format
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Grant a role to an administrator
    Grant {
        /// The name of the administrator
        name: String,
        /// The role: ROLE, or ROLE@ORGANIZATION for one organization
        #[arg(value_name = "ROLE[@ORGANIZATION]")]
        grant: String,
    },
    /// Revoke a role of an administrator
    Revoke {
        /// The name of the administrator
        name: String,
        /// The role: ROLE, or ROLE@ORGANIZATION for one organization
        #[arg(value_name = "ROLE[@ORGANIZATION]")]
        grant: String,
    },
    /// Remove an administrator; their runs and audit events stay
    Remove {
        /// The name of the administrator
        name: String,
        /// Do not ask for confirmation; required without a terminal
        #[arg(long)]
        yes: bool,
    },
    #[command(flatten)]
    Credentials(credentials::Credentials),
}

/// An administrator as JSON.
#[derive(Serialize)]
struct Shown<'a> {
    administrator_id: i64,
    name: &'a str,
    grants: Vec<String>,
    created_at: String,
}

impl Administrators {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        match self {
            Self::Credentials(command) => return command.run(&backend),
            Self::Add { name, grants } => {
                let grants = grants.iter().map(|text| read(&backend, text)).collect::<Result<Vec<_>, _>>()?;
                let id = backend.add_administrator(&name, &grants)?;
                tell(format_args!("administrator {id} is {name}"));
                if grants.is_empty() {
                    tell(format_args!(
                        "without a role {name} may do nothing: 'rollcall administrators grant {name} ROLE'"
                    ));
                }
            }
            Self::List { format } => list(&backend, format)?,
            Self::Grant { name, grant } => {
                backend.grant(&name, &read(&backend, &grant)?)?;
                tell(format_args!("{name} is {grant} now"));
            }
            Self::Revoke { name, grant } => match backend.revoke(&name, &read(&backend, &grant)?)? {
                true => tell(format_args!("{name} is no longer {grant}")),
                false => {
                    anyhow::bail!("{name} is not {grant}: 'rollcall administrators list' shows all roles")
                }
            },
            Self::Remove { name, yes } => {
                if !confirm(yes, "removing an administrator", &format!("Remove administrator {name}?"))? {
                    return Ok(ExitCode::FAILURE);
                }
                backend.remove_administrator(&name)?;
                tell(format_args!("administrator {name} is gone"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Reads `ROLE` or `ROLE@ORGANIZATION`.
fn read(backend: &Backend, text: &str) -> anyhow::Result<Grant> {
    let (role, organization) = match text.split_once('@') {
        Some((role, name)) => (role, Some(name)),
        None => (text, None),
    };
    let role: Role = role.parse()?;
    if let Some(name) = organization
        && !backend.organizations()?.iter().any(|each| each.name == name)
    {
        return Err(AppError::missing(format!("organization {name:?}")).into());
    }
    Ok(Grant { role: role.to_string(), organization: organization.map(str::to_owned) })
}

fn list(backend: &Backend, format: Format) -> anyhow::Result<()> {
    let show = |grant: &Grant| match &grant.organization {
        None => grant.role.clone(),
        Some(name) => format!("{}@{name}", grant.role),
    };
    let times = times(format, backend.zone()?);
    let mut listing = Listing::new(format, &["administrator_id", "name", "grants", "created_at"])?;
    for each in backend.administrators()? {
        let shown = Shown {
            administrator_id: each.administrator_id,
            name: &each.name,
            grants: each.grants.iter().map(show).collect(),
            created_at: each.created_at.to_string(),
        };
        let cells = || {
            let at = times.short(each.created_at);
            vec![each.administrator_id.to_string(), each.name.clone(), shown.grants.join(", "), at]
        };
        listing.push(cells, &shown)?;
    }
    listing.finish()?;
    Ok(())
}
