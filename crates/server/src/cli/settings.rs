use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use rollcall_app::Age;
use rollcall_domain::Refusal;
use serde::Serialize;

use super::Context;
use crate::failure::Usage;
use crate::output::{Format, Listing};
use crate::style::tell;

#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  rollcall settings set prune_after 90d")]
pub(super) enum Settings {
    /// List every setting
    List {
        /// How to write the list
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Set one
    Set {
        /// Which
        name: Setting,
        /// The value
        value: String,
    },
    /// Go back to how it is without being set
    Unset {
        /// Which
        name: Setting,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Setting {
    /// The age at which outcomes and journals are removed, such as 90d; without it they stay
    #[value(name = "prune_after")]
    PruneAfter,
}

#[derive(Serialize)]
struct Shown {
    name: &'static str,
    value: Option<String>,
}

impl Settings {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let app = context.app()?;
        match self {
            Self::List { format } => {
                let value = app.prune_after()?.map(|age| age.to_string());
                let shown = Shown { name: "prune_after", value };
                let mut listing = Listing::new(format, &["name", "value"])?;
                let cells = || vec![shown.name.to_owned(), shown.value.clone().unwrap_or_default()];
                listing.push(cells, &shown)?;
                listing.finish()?;
            }
            Self::Set { name: Setting::PruneAfter, value } => {
                let age: Age = value.parse().map_err(|error: Refusal| Usage(error.to_string()))?;
                app.set_prune_after(Some(age))?;
                tell(format_args!("'rollcall prune' now removes what ended over {age} ago"));
            }
            Self::Unset { name: Setting::PruneAfter } => app.set_prune_after(None)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
