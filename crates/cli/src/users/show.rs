use std::collections::HashMap;
use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use rollcall_api::User;
use rollcall_api::table::{USER_COLUMNS, user_cells};
use rollcall_domain::{Clock, Field, ItemKind, SystemClock};

use crate::backend::Backend;
use crate::output::{Format, Listing, print_json, stdout};
use crate::style::{self, paint};
use rollcall_domain::Times;
use rollcall_domain::one_line;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rollcall users show ana.berg7 --format json")]
pub(crate) struct Show {
    /// The username
    username: String,
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Show {
    pub(super) fn run(self, backend: &Backend) -> anyhow::Result<ExitCode> {
        let user = backend.user(&self.username)?;
        match self.format {
            Format::Json => print_json(&user)?,
            Format::Csv => {
                let organizations: HashMap<_, _> = backend
                    .organizations()?
                    .into_iter()
                    .map(|each| (each.organization_id, each.name))
                    .collect();
                let zone = backend.zone()?;
                let mut listing = Listing::new(Format::Csv, &USER_COLUMNS)?;
                listing.push(|| user_cells(&user, &organizations, zone, true), &user)?;
                listing.finish()?;
            }
            Format::Table => describe(backend, &user)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn describe(backend: &Backend, user: &User) -> anyhow::Result<()> {
    let times = Times::for_people(backend.zone()?);
    let mut out = stdout();
    let mut line = |name: &str, value: &str| {
        writeln!(out, "{} {}", paint(style::FAINT, &format!("{name:16}")), one_line(value))
    };
    for field in Field::ALL {
        let mut value = times.value(user.get(field));
        if field == Field::OrganizationId {
            let organizations = backend.organizations()?;
            let name = organizations.iter().find(|each| each.organization_id == user.organization_id);
            value.push_str(&name.map_or_else(String::new, |each| format!(" ({})", each.name)));
        }
        line(field.name(), &value)?;
        if field == Field::IsActive {
            line("status", user.status(SystemClock.now()).name())?;
        }
    }
    line("profiles", &user.profiles.join(", "))?;
    for kind in ItemKind::ALL {
        for row in user.items(kind) {
            line(kind.noun(), &row.to_string())?;
        }
    }
    Ok(())
}
