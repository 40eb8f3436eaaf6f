use std::collections::HashMap;
use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use rollcall_app::{EXPORT_COLUMNS, export_row};
use rollcall_domain::{Clock, Field, ItemKind, SystemClock, User};

use crate::output::{Format, Listing, one_line, print_json, stdout};
use crate::remote::Site;
use crate::show::Times;
use crate::style::{self, paint};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rollcall users show ana.berg7 --format json")]
pub(crate) struct Show {
    /// The username
    username: String,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Show {
    pub(super) fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        let user = site.user(&self.username)?;
        match self.format {
            Format::Json => print_json(&user)?,
            Format::Csv => {
                let organizations: HashMap<_, _> =
                    site.organizations()?.into_iter().map(|each| (each.id, each.name)).collect();
                let zone = site.zone()?;
                let mut listing = Listing::new(Format::Csv, &EXPORT_COLUMNS)?;
                listing.push(|| export_row(&user, &organizations, zone, true), &user)?;
                listing.finish()?;
            }
            Format::Table => describe(site, &user)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn describe(site: &Site, user: &User) -> anyhow::Result<()> {
    let times = Times::for_people(site.zone()?);
    let mut out = stdout();
    let mut line = |name: &str, value: &str| {
        writeln!(out, "{} {}", paint(style::FAINT, &format!("{name:16}")), one_line(value))
    };
    for field in Field::ALL {
        let mut value = times.value(user.get(field));
        if field == Field::OrganizationId {
            let organizations = site.organizations()?;
            let name = organizations.iter().find(|each| each.id == user.organization_id);
            value.push_str(&name.map_or_else(String::new, |each| format!(" ({})", each.name)));
        }
        line(field.name(), &value)?;
        if field == Field::IsActive {
            line("status", user.status(SystemClock.now()).name())?;
        }
    }
    let profiles: Vec<_> = user.profiles.iter().map(|profile| profile.short_name.as_str()).collect();
    line("profiles", &profiles.join(", "))?;
    for kind in ItemKind::ALL {
        for row in user.items(kind) {
            line(kind.noun(), &row.to_string())?;
        }
    }
    Ok(())
}
