//! `rollcall runs`: one file a subcommand. [`report`] describes a run to people.

mod apply;
mod approve;
mod cancel;
mod changes;
mod list;
mod named;
mod outcomes;
mod report;
mod resume;
mod retry;
mod show;
mod start;
mod undo;
mod watch;

use std::process::ExitCode;

use clap::Subcommand;

use super::Context;
pub(super) use named::RunName;
pub(super) use report::report;

#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  \
                  rollcall runs list\n  \
                  rollcall runs show latest\n  \
                  rollcall runs apply 7                     apply the plan of preview 7\n  \
                  rollcall runs undo 8                      preview the undo of run 8\n  \
                  rollcall runs undo 8 --apply\n  \
                  rollcall runs outcomes 7 --outcome failed --format csv > failed.csv")]
pub(super) enum Runs {
    /// List all runs, newest first
    List(list::List),
    /// Show a run: its counts, and its changes in groups
    Show(show::Show),
    /// List the outcomes of a run, one for each target
    Outcomes(outcomes::Outcomes),
    /// Follow a run until it ends
    Watch(watch::Watch),
    /// Show the changes of a run in groups, with examples
    Changes(changes::Changes),
    /// Approve the plan of another administrator's preview
    Approve(approve::Approve),
    /// Apply the plan of a preview, without running its script again
    Apply(apply::Apply),
    /// Start a run that was created with --hold
    Start(start::Start),
    /// Undo the changes of a run; without --apply as a preview
    Undo(undo::Undo),
    /// Cancel a run; changes that are already written stay
    Cancel(cancel::Cancel),
    /// Run a script again for the failed or remaining targets of a run
    Retry(retry::Retry),
    /// Resume an interrupted or stopped run
    Resume(resume::Resume),
}

impl Runs {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        match self {
            Self::List(command) => command.run(context),
            Self::Show(command) => command.run(context),
            Self::Outcomes(command) => command.run(context),
            Self::Watch(command) => command.run(context),
            Self::Changes(command) => command.run(context),
            Self::Approve(command) => command.run(context),
            Self::Apply(command) => command.run(context),
            Self::Start(command) => command.run(context),
            Self::Undo(command) => command.run(context),
            Self::Cancel(command) => command.run(context),
            Self::Retry(command) => command.run(context),
            Self::Resume(command) => command.run(context),
        }
    }
}
