use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use rollcall_app::Age;
use rollcall_app::radius::RadiusRecords;
use rollcall_domain::{Above, Rejection, Zone};
use serde::Serialize;

use super::Context;
use crate::backend::Backend;
use crate::failure::Usage;
use crate::output::{Format, Listing};
use crate::style::tell;
use rollcall_domain::counted;

#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  rollcall settings set prune_after 90d\n  rollcall settings set four_eyes_above 1000\n  rollcall settings set time_zone Europe/Berlin"
)]
pub(super) enum Settings {
    /// List all settings
    List {
        /// The output format
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Change a setting
    Set {
        /// The setting
        name: Setting,
        /// The value
        value: String,
    },
    /// Reset a setting to its default
    Unset {
        /// The setting
        name: Setting,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Setting {
    /// The age at which outcomes and journals are removed, such as 90d; by default they are kept
    #[value(name = "prune_after")]
    PruneAfter,
    /// The number of targets above which a second administrator must approve a run; by default no run needs
    /// approval
    #[value(name = "four_eyes_above")]
    FourEyesAbove,
    /// Whether attributes for which FreeRADIUS would reject the user are rejected, instead of a warning:
    /// yes or no
    #[value(name = "strict_attributes")]
    StrictAttributes,
    /// The time zone for reading and showing times: an IANA name such as Europe/Berlin; by default UTC
    #[value(name = "time_zone")]
    TimeZone,
    /// The age at which sign-ins of users are removed, such as 1y; by default they are kept, and last_login
    /// always is
    #[value(name = "prune_logins_after")]
    PruneLoginsAfter,
    /// The age at which ended RADIUS sessions are removed, such as 1y; by default they are kept
    #[value(name = "prune_accounting_after")]
    PruneAccountingAfter,
}

#[derive(Serialize)]
struct Shown {
    name: &'static str,
    value: Option<String>,
}

/// Every setting, with what it is set to.
fn all(backend: &Backend) -> anyhow::Result<[Shown; 6]> {
    let kept = |past: RadiusRecords| -> anyhow::Result<Shown> {
        Ok(Shown { name: past.setting(), value: backend.kept_past(past)?.map(|age| age.to_string()) })
    };
    Ok([
        Shown { name: "prune_after", value: backend.prune_after()?.map(|age| age.to_string()) },
        Shown { name: "four_eyes_above", value: backend.four_eyes_above()?.map(|above| above.to_string()) },
        Shown { name: "strict_attributes", value: backend.is_strict()?.then(|| "yes".to_owned()) },
        Shown { name: "time_zone", value: backend.time_zone()?.map(|zone| zone.name().to_owned()) },
        kept(RadiusRecords::Logins)?,
        kept(RadiusRecords::Sessions)?,
    ])
}

fn keep(backend: &Backend, past: RadiusRecords, value: &str, what: &str) -> anyhow::Result<()> {
    let age: Age = value.parse().map_err(|error: Rejection| Usage(error.to_string()))?;
    backend.set_kept_past(past, Some(age))?;
    tell(format_args!(
        "'rollcall prune', and a server or worker every hour, now removes {what} over {age} ago"
    ));
    Ok(())
}

fn set(backend: &Backend, name: Setting, value: &str) -> anyhow::Result<()> {
    let wrong = |error: Rejection| Usage(error.to_string());
    match name {
        Setting::PruneAfter => {
            let age: Age = value.parse().map_err(wrong)?;
            backend.set_prune_after(Some(age))?;
            tell(format_args!(
                "'rollcall prune', and a server or worker every hour, now removes what ended over {age} ago"
            ));
        }
        Setting::PruneLoginsAfter => keep(backend, RadiusRecords::Logins, value, "logins")?,
        Setting::PruneAccountingAfter => {
            keep(backend, RadiusRecords::Sessions, value, "sessions that ended")?;
        }
        Setting::FourEyesAbove => {
            let above: Above = value.parse().map_err(wrong)?;
            backend.set_four_eyes_above(Some(above))?;
            tell(format_args!(
                "a run that writes for more than {} now takes the approval of a second administrator",
                counted(above.targets(), "target")
            ));
        }
        Setting::TimeZone => {
            let zone: Zone = value.parse().map_err(wrong)?;
            backend.set_time_zone(Some(&zone))?;
            tell(format_args!(
                "dates are now read and shown in {}, wherever no other zone is chosen",
                zone.name()
            ));
        }
        Setting::StrictAttributes => {
            let strict = match value {
                "yes" => true,
                "no" => false,
                _ => return Err(Usage(format!("{value:?} is neither yes nor no")).into()),
            };
            backend.set_strict(strict)?;
            let how = if strict { "refused" } else { "warned of" };
            tell(format_args!("what FreeRADIUS would reject a user for is now {how}"));
        }
    }
    Ok(())
}

impl Settings {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        let unset = match self {
            Self::Unset { name } => name.to_possible_value().map(|name| name.get_name().to_owned()),
            Self::List { .. } | Self::Set { .. } => None,
        };
        match self {
            Self::List { format } => {
                let mut listing = Listing::new(format, &["name", "value"])?;
                for shown in all(&backend)? {
                    let unset = if matches!(format, Format::Table) { "not set" } else { "" };
                    let value = || shown.value.clone().unwrap_or_else(|| unset.to_owned());
                    let cells = || vec![shown.name.to_owned(), value()];
                    listing.push(cells, &shown)?;
                }
                listing.finish()?;
            }
            Self::Set { name, value } => set(&backend, name, &value)?,
            Self::Unset { name: Setting::PruneAfter } => backend.set_prune_after(None)?,
            Self::Unset { name: Setting::PruneLoginsAfter } => {
                backend.set_kept_past(RadiusRecords::Logins, None)?;
            }
            Self::Unset { name: Setting::PruneAccountingAfter } => {
                backend.set_kept_past(RadiusRecords::Sessions, None)?;
            }
            Self::Unset { name: Setting::TimeZone } => backend.set_time_zone(None)?,
            Self::Unset { name: Setting::StrictAttributes } => backend.set_strict(false)?,
            Self::Unset { name: Setting::FourEyesAbove } => backend.set_four_eyes_above(None)?,
        }
        if let Some(name) = unset {
            tell(format_args!("{name} is not set any more"));
        }
        Ok(ExitCode::SUCCESS)
    }
}
