use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use rollcall_app::App;
use rollcall_domain::DictionarySource;
use serde::Serialize;

use crate::output::{Format, Listing};
use crate::style::tell;
use rollcall_domain::counted;

#[derive(Debug, Subcommand)]
#[command(
    after_help = "Without a loaded dictionary, Rollcall uses that of FreeRADIUS on this machine, in /usr/share/freeradius (or \
                  ROLLCALL_DICTIONARIES), or else a built-in one with the attributes of the RFCs. If Rollcall runs on \
                  several machines, load one, so that all machines use the same.\n\n\
                  Example:\n  rollcall radius dictionary load /usr/share/freeradius"
)]
pub(crate) enum Dictionary {
    /// Load dictionaries into the database: the file 'dictionary' of a folder, and the files that it
    /// includes
    Load {
        /// The folder
        dir: PathBuf,
    },
    /// Remove the loaded dictionaries, and use those of each machine
    Forget,
    /// List attributes
    List {
        /// Only attributes whose name contains this text
        #[arg(value_name = "PART")]
        part: Option<String>,
        /// The output format
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    choices: &'a [String],
}

impl Dictionary {
    pub(super) fn run(self, app: &App) -> anyhow::Result<ExitCode> {
        match self {
            Self::Load { dir } => {
                let count = app.radius().load_dictionary(&dir)?;
                tell(format_args!("{} loaded", counted(count as u64, "attribute")));
            }
            Self::Forget => app.radius().forget_dictionary()?,
            Self::List { part, format } => list(app, part.as_deref().unwrap_or_default(), format)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(app: &App, part: &str, format: Format) -> anyhow::Result<()> {
    let dictionary = app.radius().dictionary()?;
    let part = part.to_ascii_lowercase();
    let mut listing = Listing::new(format, &["name", "type", "choices"])?;
    for (name, entry) in dictionary.entries().filter(|(name, _)| name.to_ascii_lowercase().contains(&part)) {
        let shown = Shown { name, kind: entry.value.name(), choices: &entry.choices };
        listing.push(|| vec![name.to_owned(), shown.kind.to_owned(), entry.choices.join(" ")], &shown)?;
    }
    listing.finish()?;
    tell(format_args!(
        "from {}",
        match dictionary.source() {
            DictionarySource::Loaded => "what was loaded",
            DictionarySource::Machine => "the FreeRADIUS of this machine",
            DictionarySource::BuiltIn => "what comes with Rollcall",
        }
    ));
    Ok(())
}
