//! Tests of a script on one user. They are no runs, and nothing of them is stored.

use std::sync::atomic::{AtomicUsize, Ordering};

use rollcall_domain::{Mode, Outcome, Rejection, Right, RunId, ScriptError, TargetOutcome};
use rollcall_sandbox::{RunFacts, StartError, Target, Worker};
use rollcall_store::StoreError;

use super::config::ExecutionConfig;
use super::evaluate::{Rules, planned_update};
use super::job::RunJob;
use super::request::Script;
use crate::error::AppError;
use crate::operations::ScriptOperations;
use crate::scripts::hints::explained_syntax;

/// The number of the run that a script sees in a test.
const NO_RUN: RunId = 0;
/// The most tests at once in one process: each needs a sandboxed process of its own.
const MOST: usize = 8;

/// A script to be tested.
#[derive(Debug)]
pub struct ScriptTestRequest {
    /// The script, which need not be saved.
    pub script: Script,
    /// The name of the user.
    pub username: String,
    /// Its parameters, as they were typed: name and value.
    pub params: Vec<(String, String)>,
    /// What the script finds in `row`: column and cell. If there is none, it has no row.
    pub row: Vec<(String, String)>,
    /// The configuration with which it is executed; the number of workers is ignored.
    pub execution: ExecutionConfig,
}

/// A place among the tests of this process, until it is dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(taken: &'a AtomicUsize) -> Result<Self, AppError> {
        let place = Self(taken);
        // Dropping the place gives it back in either case.
        if taken.fetch_add(1, Ordering::Relaxed) >= MOST {
            return Err(AppError::Limit { what: "script tests", most: MOST });
        }
        Ok(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ScriptOperations<'_> {
    /// Tests a script on one user, as a preview would, and stores nothing. It takes as long as the start of a sandboxed
    /// process and the time limit of the script. An actor who may only report gets a failure if the script changes
    /// something.
    ///
    /// # Errors
    /// [`AppError::Syntax`], [`AppError::BadScript`] and [`AppError::Params`] for what is wrong in the request;
    /// [`AppError::Limit`] if too many tests are under way; [`AppError::Denied`]; if there is no such user.
    pub fn test(self, request: &ScriptTestRequest) -> Result<TargetOutcome, AppError> {
        let permit = self.app.require_permission_to_run(Mode::Preview)?;
        let ScriptTestRequest { script, username, execution, .. } = request;
        let read = self.parse(&script.name, &script.source);
        let params = match &read {
            Ok(read) => read.params.check(&request.params, self.app.zone()).map_err(AppError::Params)?,
            // The interpreter has the better words for what is wrong.
            Err(_) => rollcall_domain::ParamValues::default(),
        };
        let user = permit
            .own_user(permit.users().by_name(username)?)
            .ok_or_else(|| StoreError::NoSuch(format!("user {username:?}")))?;
        let (columns, cells): (Vec<_>, Vec<_>) = request.row.iter().cloned().unzip();
        if let Some(twice) =
            columns.iter().enumerate().find_map(|(n, name)| columns[..n].contains(name).then_some(name))
        {
            return Err(Rejection::new(format!("the row has the column {twice:?} twice")).into());
        }
        let _place = Place::take(&self.app.shared.script_tests)?;
        let sandbox = self.app.shared.warm_pool.sandbox(execution)?;
        let strict = self.app.radius().refuses_unknown_attributes()?;
        let RunJob { job, dictionary } =
            self.app.runs().job(script, params, &permit.scope, execution, strict)?;
        let prepared = Worker::prepare(&sandbox, &job).map_err(|error| match error {
            StartError::Syntax(fault) => {
                AppError::Syntax { name: script.name.clone(), fault: explained_syntax(fault) }
            }
            StartError::Broken(broken) => broken.into(),
        })?;
        read?;
        let now = self.app.now();
        let mut worker = prepared.begin(RunFacts {
            id: NO_RUN,
            now,
            preview: true,
            administrator: self.app.actor().name().to_owned(),
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
        let reports = self.app.require_permission(Right::Execute).is_err();
        let rules = Rules { profiles: &job.profiles, keep: false, reports, dictionary: &dictionary, strict };
        let settled = rules.evaluate(target, report, planned_update(now)).settled;
        let outcome = TargetOutcome { cells, ..settled.outcome().clone() };
        match settled.after() {
            Some(after) if Some(&after.username) != outcome.username.as_ref() => {
                self.refuse_taken_name(outcome, &after.username)
            }
            _ => Ok(outcome),
        }
    }

    /// The outcome, unless another user has the name that it gives.
    fn refuse_taken_name(self, outcome: TargetOutcome, name: &str) -> Result<TargetOutcome, AppError> {
        // Of any organization: that a name is taken does not say by whom.
        let holder =
            self.app.store_unchecked().users().by_name(name)?.filter(|holder| holder.id != outcome.user_id);
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
