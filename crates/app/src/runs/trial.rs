//! Trying a script on one user. Nothing of it is kept: there is no run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rollcall_domain::{Mode, Outcome, Refusal, Right, RunId, ScriptError, TargetOutcome};
use rollcall_sandbox::{RunFacts, StartError, Target, Worker};
use rollcall_store::StoreError;

use super::evaluate::{Rules, planned_update};
use super::{Engine, RunJob, Script};
use crate::scripts::explained_syntax;
use crate::{App, AppError};

/// What a script sees as the number of a run that is none.
const NO_RUN: RunId = 0;
/// So many trials at once in one process: each is a worker process of its own.
const MOST: usize = 8;

/// A script that is to be tried.
#[derive(Debug)]
pub struct TrialRequest {
    /// The script, which need not be saved.
    pub script: Script,
    /// The name of the user it is tried on.
    pub username: String,
    /// Its parameters, as they were typed: name and value.
    pub params: Vec<(String, String)>,
    /// What the script finds in `row`: column and cell. If there is none, it has no row.
    pub row: Vec<(String, String)>,
    /// How it is executed. The workers' number does not matter.
    pub engine: Engine,
}

/// Keeps a place among the trials of this process.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(taken: &Arc<AtomicUsize>) -> Result<Self, AppError> {
        let place = Self(Arc::clone(taken));
        // Dropping the place gives it back in either case.
        if taken.fetch_add(1, Ordering::Relaxed) >= MOST {
            return Err(AppError::Limit { what: "script tests", most: MOST });
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl App {
    /// Runs a script for one user, as a preview would, and keeps nothing of it. It takes no longer than the start of a
    /// worker and the script's time limit. Whoever may only report finds it failed if it changes something.
    pub fn try_script(&self, request: &TrialRequest) -> Result<TargetOutcome, AppError> {
        let permit = self.may_run(Mode::Preview)?;
        let TrialRequest { script, username, engine, .. } = request;
        let read = self.read_script(&script.name, &script.source);
        let params = match &read {
            Ok(read) => read.params.check(&request.params, &self.zone).map_err(AppError::Params)?,
            // The interpreter has the better words for what is wrong.
            Err(_) => rollcall_domain::ParamValues::default(),
        };
        let user = permit
            .own_user(permit.user_by_name(username)?)
            .ok_or_else(|| StoreError::NoSuch(format!("user {username:?}")))?;
        let (columns, cells): (Vec<_>, Vec<_>) = request.row.iter().cloned().unzip();
        if let Some(twice) =
            columns.iter().enumerate().find_map(|(n, name)| columns[..n].contains(name).then_some(name))
        {
            return Err(Refusal::new(format!("the row has the column {twice:?} twice")).into());
        }
        let _place = Place::take(&self.trials)?;
        let sandbox = self.sandbox(engine)?;
        let strict = self.strict_here()?;
        let RunJob { job, dictionary } = self.job(script, params, &permit.scope, engine, strict)?;
        let prepared = Worker::prepare(&sandbox, &job).map_err(|error| match error {
            StartError::Syntax(fault) => {
                AppError::Syntax { name: script.name.clone(), fault: explained_syntax(fault) }
            }
            StartError::Broken(broken) => broken.into(),
        })?;
        read?;
        let now = self.clock.now();
        let mut worker = prepared.begin(RunFacts {
            id: NO_RUN,
            now,
            preview: true,
            administrator: self.actor.name().to_owned(),
            columns: columns.clone(),
        });
        let cells = (!columns.is_empty()).then_some(cells);
        worker.submit(vec![Target { number: 1, user, cells: cells.clone() }]);
        let (target, report) = loop {
            // A worker that has nothing to say is over its time limit at some point, and reported for that.
            if let Some(reported) = worker.receive()?.pop() {
                break reported;
            }
        };
        let reports = self.may(Right::Execute).is_err();
        let rules = Rules { profiles: &job.profiles, keep: false, reports, dictionary: &dictionary, strict };
        let settled = rules.evaluate(target, report, planned_update(now)).settled;
        let outcome = TargetOutcome { cells, ..settled.outcome().clone() };
        match settled.after() {
            Some(after) if Some(&after.username) != outcome.username.as_ref() => {
                self.refuse_taken(outcome, &after.username)
            }
            _ => Ok(outcome),
        }
    }

    /// The outcome, unless somebody has the name that it gives.
    fn refuse_taken(&self, outcome: TargetOutcome, name: &str) -> Result<TargetOutcome, AppError> {
        // Whoever has it: that a name is taken does not say by whom.
        let holder = self.engine().user_by_name(name)?.filter(|holder| holder.id != outcome.user_id);
        if holder.is_none() {
            return Ok(outcome);
        }
        let error = ScriptError::without_line("Refused", rollcall_store::name_taken(name));
        Ok(TargetOutcome {
            outcome: Outcome::Failed,
            changes: Vec::new(),
            dated: false,
            error: Some(error),
            ..outcome
        })
    }
}
