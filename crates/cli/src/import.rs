use std::process::ExitCode;

use clap::Subcommand;
use rollcall_app::database::Location;
use rollcall_app::radius::RadiusImport;

use super::Context;
use crate::style::tell;
use rollcall_domain::counted;

/// Other systems that users can come from; a CSV file is for 'rollcall users import'.
#[derive(Debug, Subcommand)]
pub(super) enum Import {
    /// Import users, groups, attributes and passwords from the database of FreeRADIUS or daloRADIUS
    #[command(
        after_help = "Groups become profiles. Rows of radreply become attributes; rows of radcheck become check attributes, the \
                      password or the expiration. 'Auth-Type := Reject' deactivates a user. Everything that cannot be \
                      imported is listed on standard error. The source is only read; radacct and radpostauth are not \
                      imported.\n\n\
                      Example:\n  rollcall import freeradius --from postgres://radius@localhost/radius --dry-run"
    )]
    Freeradius {
        /// The database: sqlite:PATH or postgres://USER@HOST/DATABASE
        #[arg(long, value_name = "URL")]
        from: String,
        /// The organization of the users; it is created if necessary
        #[arg(long, value_name = "NAME", default_value = "default")]
        organization: String,
        /// Only show what the import would do
        #[arg(long)]
        dry_run: bool,
    },
}

impl Import {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let Self::Freeradius { from, organization, dry_run } = self;
        let app = context.app()?;
        let from: Location = from.parse()?;
        let wanted = RadiusImport { from: &from, organization: &organization, rehearse: dry_run };
        let mut told: u64 = 0;
        let done = app.radius().import_database(wanted, &mut |what, why| {
            told += 1;
            tell(format_args!("{what}: {why}"));
        })?;
        for (column, users) in &done.without_place {
            tell(format_args!(
                "userinfo.{column} has no place here: {} had something there",
                counted(*users, "user")
            ));
        }
        let left_out = match done.left_out {
            0 => String::new(),
            left_out => format!(", {} left out", counted(left_out, "user")),
        };
        let would = if dry_run { "would be " } else { "" };
        tell(format_args!(
            "{} with {} and {} {would}taken over{left_out}; {} above",
            counted(done.users, "user"),
            counted(done.passwords, "password"),
            counted(done.profiles, "profile"),
            counted(told, "remark")
        ));
        Ok(ExitCode::SUCCESS)
    }
}
