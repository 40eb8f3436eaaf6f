//! Starting runs and testing scripts, by requests and by forms.

use std::time::Duration;

use rollcall_app::runs::{ExecutionConfig, Observer, Progress, Script};
use rollcall_app::{App, AppError};
use rollcall_domain::Run;

use crate::Server;
use crate::problem::{Fault, Problem};

/// A saved script by `NAME` or `NAME@VERSION`.
pub(crate) fn saved(app: &App, text: &str) -> Result<Script, AppError> {
    let (name, version) = match text.rsplit_once('@') {
        Some((name, version)) => (name, version.parse().ok()),
        None => (text, None),
    };
    let name = if version.is_some() { name } else { text };
    let found = app.scripts().find_version(name, version)?;
    Ok(Script { name: found.full_name(), version: Some(found.version), source: found.source })
}

/// A time limit in seconds, if there is one.
pub(crate) fn seconds(limit: Option<f64>) -> Result<Option<Duration>, Problem> {
    let limit = limit.map(|limit| match Duration::try_from_secs_f64(limit) {
        Ok(time) if (0.01..=3_600.0).contains(&limit) => Ok(time),
        _ => {
            let why = "a time limit is of 0.01 to 3600 seconds";
            Err(Problem::invalid(why).at(Fault::at("/time_limit", why)))
        }
    });
    limit.transpose()
}

/// One process is enough to see whether a script can be run.
pub(crate) fn execution(server: &Server, time_limit: Option<f64>) -> Result<ExecutionConfig, Problem> {
    let mut execution = ExecutionConfig { workers: 1, ..server.execution.clone() };
    if let Some(time) = seconds(time_limit)? {
        execution.limits.time = time;
    }
    Ok(execution)
}

/// Nobody waits for the end of a run here.
pub(crate) struct Nobody;

impl Observer for Nobody {
    fn confirm(&mut self, _: &Run) -> bool {
        true
    }

    fn progress(&mut self, _: Progress) {}
}
