use std::process::ExitCode;

use clap::Subcommand;
use rollcall_api::SavedFilter;

use super::{Context, confirm};
use crate::backend::Backend;
use crate::output::{Format, Listing, print_json};
use crate::show::times;
use crate::style::tell;
use rollcall_domain::counted;

/// The filter syntax, for every command that takes one.
pub(super) const SYNTAX: &str = "A filter is the name of a saved one, or a condition in the SCIM syntax:\n  \
    klass eq \"gold\" and not (email ew \"@example.com\")\n  \
    expiration lt now+30d or last_login lt \"2026-01-01\"\n  \
    profiles[short_name eq \"basic\"] and attributes[attr eq \"Session-Timeout\" and value gt 3600]\n\
    Comparisons: eq ne gt ge lt le, co (contains), sw (starts with), ew (ends with), pr (is there).";

#[derive(Debug, Subcommand)]
#[command(after_help = SYNTAX)]
pub(super) enum Filters {
    /// Save a filter under a name, and replace an earlier one
    Save {
        /// The name: letters, digits, dots, dashes and underscores; NORTH:NAME belongs to organization
        /// NORTH, :NAME to all
        name: String,
        /// The filter
        filter: String,
    },
    /// List all saved filters
    List {
        /// The output format
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show one saved filter
    Show {
        /// The name
        name: String,
        /// The output format
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Count the users that a filter selects
    Count {
        /// A filter, or the name of a saved one
        filter: String,
    },
    /// Remove a saved filter; past runs keep its text
    Remove {
        /// The name
        name: String,
        /// Do not ask for confirmation; required without a terminal
        #[arg(long)]
        yes: bool,
    },
}

impl Filters {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        match self {
            Self::Save { name, filter } => {
                let (new, old) = backend.save_filter(&name, &filter)?;
                let name = new.full_name();
                match old {
                    Some(old) => tell(format_args!("filter {name} is replaced; it was: {}", old.filter)),
                    None => tell(format_args!("filter {name} is saved")),
                }
                let users = backend.count_users(&filter)?;
                tell(format_args!("it selects {} now", counted(users, "user")));
            }
            Self::List { format } => {
                let filters = backend.filters()?;
                if filters.is_empty() && format == Format::Table {
                    tell(format_args!(
                        "no filters are saved; save one with 'rollcall filters save NAME FILTER'"
                    ));
                }
                list(&backend, format, &filters)?;
            }
            Self::Show { name, format } => {
                let filter = backend.filter(&name)?;
                match format {
                    Format::Json => print_json(&filter)?,
                    _ => list(&backend, format, &[filter])?,
                }
            }
            Self::Count { filter } => {
                let mut out = crate::output::raw_stdout();
                std::io::Write::write_fmt(&mut out, format_args!("{}\n", backend.count_users(&filter)?))?;
                std::io::Write::flush(&mut out)?;
            }
            Self::Remove { name, yes } => {
                let full = backend.filter(&name)?.full_name();
                if !confirm(yes, "removing a filter", &format!("Remove filter {full}?"))? {
                    return Ok(ExitCode::FAILURE);
                }
                backend.remove_filter(&name)?;
                tell(format_args!("filter {full} is gone"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(backend: &Backend, format: Format, filters: &[SavedFilter]) -> anyhow::Result<()> {
    let times = times(format, backend.zone()?);
    let mut listing = Listing::new(format, &["name", "saved_at", "administrator", "filter"])?;
    for each in filters {
        let cells = || {
            vec![
                each.full_name(),
                times.short(each.saved_at),
                each.administrator.clone(),
                each.filter.clone(),
            ]
        };
        listing.push(cells, each)?;
    }
    Ok(listing.finish()?)
}
