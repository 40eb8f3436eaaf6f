use std::process::ExitCode;

use clap::{Args, Subcommand};
use rollcall_api::Worker;
use rollcall_domain::Timestamp;
use serde::Serialize;

use super::Context;
use crate::output::{Format, Listing};
use crate::show::times;
use crate::style::tell;

#[derive(Debug, Subcommand)]
pub(super) enum Workers {
    /// List worker processes and their status
    List(List),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

const COLUMNS: [&str; 9] =
    ["host", "process", "state", "run", "users_per_second", "done", "crew", "started_at", "seen_at"];

#[derive(Serialize)]
struct Shown<'a> {
    host: &'a str,
    process: u32,
    state: &'static str,
    run: Option<i64>,
    users_per_second: u64,
    done: u64,
    crew: u64,
    started_at: Timestamp,
    seen_at: Timestamp,
}

fn state(worker: &Worker) -> &'static str {
    match (worker.alive, worker.draining, worker.run_id) {
        (false, ..) => "silent",
        (true, true, _) => "draining",
        (true, false, Some(_)) => "working",
        (true, false, None) => "idle",
    }
}

/// Outcomes a second lately, as whole numbers; nothing where that is not known yet.
fn rate(worker: &Worker) -> String {
    match (worker.outcomes_per_second, worker.run_id, worker.committed) {
        (0, Some(_), 0) => String::new(),
        (0, Some(_), _) => "<1".to_owned(),
        (speed, ..) => speed.to_string(),
    }
}

impl Workers {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let Self::List(list) = self;
        let backend = context.backend()?;
        let workers = backend.workers()?;
        let times = times(list.format, backend.zone()?);
        let mut listing = Listing::new(list.format, &COLUMNS)?;
        for worker in &workers {
            let shown = Shown {
                host: &worker.host,
                process: worker.pid,
                state: state(worker),
                run: worker.run_id,
                users_per_second: worker.outcomes_per_second,
                done: worker.committed,
                crew: worker.concurrency,
                started_at: worker.started_at,
                seen_at: worker.last_seen_at,
            };
            let cells = || {
                vec![
                    shown.host.to_owned(),
                    shown.process.to_string(),
                    shown.state.to_owned(),
                    shown.run.map_or_else(String::new, |run| run.to_string()),
                    rate(worker),
                    shown.done.to_string(),
                    shown.crew.to_string(),
                    times.short(shown.started_at),
                    times.short(shown.seen_at),
                ]
            };
            listing.push(cells, &shown)?;
        }
        listing.finish()?;
        if workers.is_empty() && list.format == Format::Table {
            tell(format_args!("no worker is there; start one with 'rollcall worker'"));
        }
        Ok(ExitCode::SUCCESS)
    }
}
