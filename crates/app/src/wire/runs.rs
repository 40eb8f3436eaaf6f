use rollcall_api as api;
use rollcall_domain::{Mode, RefusedCall, Run, RunState};

use crate::runs::{Failure, Group, RefusedCalls, ResultColumns, Troubles, Warned, WorkerInfo};
use crate::{App, AppError, Pruned};

/// A run with its approvals and everything that can be done with it.
///
/// # Errors
/// If the database cannot be read, or the permission to read the run is missing.
pub fn describe_run(app: &App, run: &Run) -> Result<api::Run, AppError> {
    let described = api::Run::from(run).approved(&app.runs().list_approvals(run)?);
    Ok(api::Run { details: Some(standing(app, run)?), ..described })
}

/// What can be done with a run.
///
/// # Errors
/// If the database cannot be read, or the permission to read the run is missing.
pub fn standing(app: &App, run: &Run) -> Result<api::RunDetails, AppError> {
    let is_plan = run.mode == Mode::Preview && run.state == RunState::Finished;
    let unapproved = if is_plan { app.runs().find_missing_approval(run)? } else { None };
    Ok(api::RunDetails {
        columns: run.columns.clone(),
        held: run.is_held(),
        confirmed: run.confirmed,
        applied_by_run_id: app.runs().find_applying(run.id)?,
        undone_by_run_id: app.runs().find_undoing(run.id)?,
        unapproved: unapproved.map(|why| why.to_string()),
        has_results: app.runs().has_results(run)?,
    })
}

impl From<Group> for api::ChangeGroup {
    fn from(group: Group) -> Self {
        Self { users: group.users, changes: group.changes, examples: group.examples }
    }
}

impl From<ResultColumns> for api::ResultColumns {
    fn from(columns: ResultColumns) -> Self {
        Self { names: columns.names, more: columns.more }
    }
}

impl From<Troubles> for api::RunProblems {
    fn from(troubles: Troubles) -> Self {
        let warned = |Warned { warning, users, example }| api::WarningGroup { warning, users, example };
        let refused = |RefusedCalls { call: RefusedCall { message, line }, users, example }| {
            api::RejectedCallGroup { message, line, users, example }
        };
        let failure = |Failure { outcome, error, users, example }| api::FailureGroup {
            outcome,
            error: error.into(),
            users,
            example,
        };
        Self {
            rejected_calls: troubles.refused_calls.into_iter().map(refused).collect(),
            targets_with_rejected_calls: troubles.refused_targets,
            warnings: troubles.warnings.into_iter().map(warned).collect(),
            failures: troubles.failures.into_iter().map(failure).collect(),
            printed: troubles.printed,
        }
    }
}

impl From<WorkerInfo> for api::Worker {
    fn from(worker: WorkerInfo) -> Self {
        let WorkerInfo { host, pid, alive, started_at, seen_at, crew, run, committed, speed, draining } =
            worker;
        Self {
            host,
            pid,
            alive,
            draining,
            started_at,
            last_seen_at: seen_at,
            concurrency: crew,
            run_id: run,
            committed,
            outcomes_per_second: speed,
        }
    }
}

impl From<Pruned> for api::PruneResult {
    fn from(pruned: Pruned) -> Self {
        let Pruned { runs, rows, kept, logins, sessions } = pruned;
        Self { runs, rows, kept, logins, sessions }
    }
}
