//! `rollcall runs`: one file a subcommand. [`report`] describes a run to people.

mod apply;
mod approve;
mod begin;
mod cancel;
mod changes;
mod list;
mod named;
mod outcomes;
mod report;
mod resume;
mod retry;
mod show;
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
                  rollcall runs apply 7                     write exactly what preview 7 has planned\n  \
                  rollcall runs undo 8                      what would taking run 8 back do?\n  \
                  rollcall runs undo 8 --apply\n  \
                  rollcall runs outcomes 7 --outcome failed --format csv > failed.csv")]
pub(super) enum Runs {
    /// List all runs, newest first
    List(list::List),
    /// Show one run: its counts, and its changes in groups
    Show(show::Show),
    /// List what happened to each target of a run
    Outcomes(outcomes::Outcomes),
    /// Follow a run until it ends, whoever executes it
    Watch(watch::Watch),
    /// Group a run's changes: equal ones with their number and examples
    Changes(changes::Changes),
    /// Say yes to what somebody else's preview has planned
    Approve(approve::Approve),
    /// Write what a preview has planned, without running its script again
    Apply(apply::Apply),
    /// Let a run begin that was made with --hold
    Begin(begin::Begin),
    /// Take back what a run has changed; without --apply a preview
    Undo(undo::Undo),
    /// End a run, whoever executes it; what was done before stays done
    Cancel(cancel::Cancel),
    /// Run a script again for the targets of a run that failed, or had no turn
    Retry(retry::Retry),
    /// Go on with a run that was interrupted or has stopped
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
            Self::Begin(command) => command.run(context),
            Self::Undo(command) => command.run(context),
            Self::Cancel(command) => command.run(context),
            Self::Retry(command) => command.run(context),
            Self::Resume(command) => command.run(context),
        }
    }
}
