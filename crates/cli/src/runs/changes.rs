use std::process::ExitCode;

use clap::Args;

use super::{Context, RunName};
use crate::output::{Format, Listing};
use crate::show::times;
use crate::style::tell;
use rollcall_domain::Times;
use rollcall_domain::one_line;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rollcall runs changes 7 --format json\n\n\
                  If there are too many different values for useful groups, a group only counts the changed fields. --groups \
                  sets the number of groups.")]
pub(crate) struct Changes {
    /// The ID of the run, or latest
    run: RunName,
    /// The approximate maximum number of groups
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=2_000))]
    groups: u16,
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Changes {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        let run = backend.run(self.run.find(&backend)?)?;
        if let Some(pruned_at) = run.pruned_at {
            let pruned_at = Times::for_people(backend.zone()?).short(pruned_at);
            tell(format_args!("the outcomes of run {} were pruned on {pruned_at}", run.run_id));
        }
        let times = times(self.format, backend.zone()?);
        let groups = backend.changes(&run, self.groups.into())?;
        let mut listing = Listing::new(self.format, &["users", "changes", "examples"])?;
        for group in &groups {
            let cells = || {
                let changes = one_line(&times.grouped_changes(&group.changes));
                vec![group.users.to_string(), changes, one_line(&group.examples.join(", "))]
            };
            listing.push(cells, group)?;
        }
        listing.finish()?;
        if groups.is_empty() && run.pruned_at.is_none() && self.format == Format::Table {
            tell(format_args!("run {} has changed nothing", run.run_id));
        }
        Ok(ExitCode::SUCCESS)
    }
}
