use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use rollcall_app::LEASE;
use rollcall_app::runs::{Event, Stop};

use super::terminal::heed_signals;
use super::{Context, ExecutionArgs};
use crate::style::tell;
use rollcall_domain::{Run, counted};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rollcall --database postgres://rollcall@db/rollcall worker\n\n\
                  Any number of workers, on any number of machines, share the runs: queued ones, running ones, and those whose \
                  process has died. They need only the database. SIGTERM or Ctrl-C returns the targets of the worker to \
                  the others, and ends it. If a worker is killed or disconnected, the others continue its targets when \
                  its lease expires.")]
pub(super) struct Worker {
    #[command(flatten)]
    execution: ExecutionArgs,
    /// The lease of this worker: other workers continue its targets if it does not report for this time
    #[arg(long, value_parser = lease, value_name = "TIME", default_value = "30s")]
    lease: Duration,
}

fn lease(text: &str) -> Result<Duration, String> {
    let lease = super::duration(text)?;
    if lease < Duration::from_secs(1) || lease > LEASE * 20 {
        return Err("a lease lies between 1s and 10m".to_owned());
    }
    Ok(lease)
}

fn noun(run: &Run) -> &'static str {
    if run.columns.is_some() { "row" } else { "user" }
}

fn script(run: &Run) -> String {
    rollcall_api::Run::from(run).script_name()
}

/// Logs what a worker does.
pub fn log_event(event: &Event<'_>) {
    match event {
        Event::Joins(run) => {
            let what = counted(run.left(), noun(run));
            tell(format_args!("run {}: helps with {} ({what} left)", run.id, script(run)));
        }
        Event::Leaves(run, outcomes) => {
            tell(format_args!("run {}: has done {}", run.id, counted(*outcomes, "target")));
        }
        Event::Trouble(what) => tell(format_args!("warning: {what}")),
        Event::Pruned(pruned) => {
            if pruned.runs > 0 || pruned.rows > 0 {
                let (runs, rows) = (counted(pruned.runs, "run"), counted(pruned.rows, "row"));
                tell(format_args!("{runs} pruned, as the setting prune_after wants: {rows} removed"));
            }
            super::prune::tell_of_past(&(*pruned).into());
        }
        Event::Recovered => tell(format_args!("the database is there again")),
    }
}

impl Worker {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let app = context.app()?.with_lease(self.lease);
        let execution = self.execution.execution();
        let drain = Stop::default();
        heed_signals(&drain)?;
        let crew = counted(execution.workers as u64, "script");
        tell(format_args!("worker {} is ready, for {crew} at a time", std::process::id()));
        app.workers().execute_runs(&execution, &drain, &mut |event| log_event(&event))?;
        tell(format_args!("worker {} has ended", std::process::id()));
        Ok(ExitCode::SUCCESS)
    }
}
