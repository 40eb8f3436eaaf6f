//! Requests about runs and their outcomes.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rollcall_api::{
    ApplyRunRequest, ApproveRunRequest, ChangeGroup, CreateRunRequest, IDEMPOTENCY_KEY, Outcome, Page,
    ResultColumns, ResumeRunRequest, RetryRunRequest, Run, RunProblems, StartRunRequest, UndoRunRequest,
};
use rollcall_domain::Outcome as OutcomeKind;
use serde::Serialize;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method};
use uuid::Uuid;

use crate::{Address, Client, Error, Items};

/// The time between two attempts to reach a server.
pub(crate) const RETRY: Duration = Duration::from_secs(1);
/// A server that is restarted is back within this time.
pub(crate) const RETURN: Duration = Duration::from_secs(120);
/// The time between two looks at a flag.
const LOOK: Duration = Duration::from_millis(100);

const KEY: HeaderName = HeaderName::from_static(IDEMPOTENCY_KEY);

/// The format of exported outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeFile {
    /// CSV; unless `raw`, texts that a spreadsheet would take for formulas are defused.
    Csv {
        /// Whether texts are written as they are.
        raw: bool,
    },
    /// One JSON object a line.
    Json,
    /// An Excel workbook.
    Xlsx,
}

/// Runs: created, read, started, ended.
impl Client {
    /// One run, with its approvals and what can be done with it.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn run(&self, id: i64) -> Result<Run, Error> {
        self.get(&Address::of_run(id, &[]))
    }

    /// The runs, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn runs(&self) -> Result<Items<'_, Run>, Error> {
        self.pages(Address::of(&["runs"]))
    }

    /// The newest run, if there is one.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn latest_run(&self) -> Result<Option<Run>, Error> {
        let page: Page<Run> = self.get(&Address::of(&["runs"]).with("limit", Some(1)))?;
        Ok(page.items.into_iter().next())
    }

    /// Creates a run of a script. While the answer is lost, the request is repeated with its idempotency key, until `stop`
    /// is set or two minutes have passed.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Unreachable`] if it is not known whether the run was created.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::AtomicBool;
    ///
    /// use rollcall_api::CreateRunRequest;
    /// use rollcall_client::{Client, Error};
    ///
    /// /// Previews a saved script for the gold users, and waits for nothing.
    /// fn preview(client: &Client) -> Result<i64, Error> {
    ///     let run: CreateRunRequest = serde_json::from_value(serde_json::json!({
    ///         "script": "extend-by-days",
    ///         "targets": { "filter": "klass eq \"gold\"" },
    ///         "params": { "days": 30 },
    ///     }))
    ///     .expect("the body of a new run");
    ///     Ok(client.create_run(&run, &AtomicBool::new(false))?.run_id)
    /// }
    /// ```
    pub fn create_run(&self, run: &CreateRunRequest, stop: &AtomicBool) -> Result<Run, Error> {
        self.create(&Address::of(&["runs"]), run, stop)
    }

    /// Creates the run that applies a preview, as [`Client::create_run`] does.
    ///
    /// # Errors
    /// See [`Client::create_run`].
    pub fn apply_preview(&self, id: i64, body: &ApplyRunRequest, stop: &AtomicBool) -> Result<Run, Error> {
        self.create(&Address::of_run(id, &["apply"]), body, stop)
    }

    /// Creates the run that undoes another, as [`Client::create_run`] does.
    ///
    /// # Errors
    /// See [`Client::create_run`].
    pub fn undo_run(&self, id: i64, body: &UndoRunRequest, stop: &AtomicBool) -> Result<Run, Error> {
        self.create(&Address::of_run(id, &["undo"]), body, stop)
    }

    /// Creates the run that retries targets of another, as [`Client::create_run`] does.
    ///
    /// # Errors
    /// See [`Client::create_run`].
    pub fn retry_run(&self, id: i64, body: &RetryRunRequest, stop: &AtomicBool) -> Result<Run, Error> {
        self.create(&Address::of_run(id, &["retry"]), body, stop)
    }

    fn create(&self, address: &Address, body: &impl Serialize, stop: &AtomicBool) -> Result<Run, Error> {
        let key = HeaderValue::try_from(Uuid::new_v4().to_string());
        let key = key.map_err(|error| Error::Answer(error.to_string()))?;
        let headers = HeaderMap::from_iter([(KEY, key)]);
        let mut lost: Option<Instant> = None;
        let created: Run = loop {
            let answer = self.send_json(Method::POST, address, &headers, body);
            let error = match answer.and_then(|answer| self.read(answer)) {
                Ok(created) => break created,
                Err(error) => error,
            };
            match &error {
                Error::Unreachable(away) if away.may_have_arrived() || lost.is_some() => {
                    let since = *lost.get_or_insert_with(Instant::now);
                    if since.elapsed() > RETURN || stop.load(Ordering::Relaxed) {
                        return Err(error);
                    }
                    pause(RETRY, stop);
                }
                _ => return Err(error),
            }
        };
        // With its columns and with what can be done with it.
        self.run(created.run_id)
    }

    /// Starts a run that was created with `hold`, if it has this number of targets.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn start_run(&self, id: i64, targets: u64) -> Result<Run, Error> {
        self.call::<Run>(Method::POST, &Address::of_run(id, &["start"]), &StartRunRequest { targets })?;
        self.run(id)
    }

    /// Resumes a run that was interrupted or has stopped.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn resume_run(&self, id: i64, body: &ResumeRunRequest) -> Result<Run, Error> {
        self.call::<Run>(Method::POST, &Address::of_run(id, &["resume"]), body)?;
        self.run(id)
    }

    /// Ends a run for good.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn cancel_run(&self, id: i64) -> Result<Run, Error> {
        self.post::<Run>(&Address::of_run(id, &["cancel"]))?;
        self.run(id)
    }

    /// Approves the plan of a preview, if its hash begins with `plan`.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn approve_run(&self, id: i64, plan: Option<&str>) -> Result<Run, Error> {
        let body = ApproveRunRequest { plan_hash: plan.map(str::to_owned) };
        self.call::<Run>(Method::POST, &Address::of_run(id, &["approve"]), &body)?;
        self.run(id)
    }

    /// The outcomes of a run in the order of its targets, of one kind only where `outcome` names it.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn outcomes(&self, id: i64, outcome: Option<OutcomeKind>) -> Result<Items<'_, Outcome>, Error> {
        self.pages(Address::of_run(id, &["outcomes"]).with("outcome", outcome))
    }

    /// Writes the outcomes of a run to `out`.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn export_outcomes(
        &self,
        id: i64,
        outcome: Option<OutcomeKind>,
        file: OutcomeFile,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        let (name, raw) = match file {
            OutcomeFile::Csv { raw } => ("outcomes.csv", raw.then_some(true)),
            OutcomeFile::Json => ("outcomes.jsonl", None),
            OutcomeFile::Xlsx => ("outcomes.xlsx", None),
        };
        self.copy(&Address::of_run(id, &[name]).with("outcome", outcome).with("raw", raw), out)
    }

    /// The names of all results of a run.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn result_columns(&self, id: i64, outcome: Option<OutcomeKind>) -> Result<ResultColumns, Error> {
        self.get(&Address::of_run(id, &["result-columns"]).with("outcome", outcome))
    }

    /// The failures and warnings of a run, in groups.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn troubles(&self, id: i64) -> Result<RunProblems, Error> {
        self.get(&Address::of_run(id, &["failure-groups"]))
    }

    /// The changes of a run, grouped by what was changed; at most about `groups` groups.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn changes(&self, id: i64, groups: usize) -> Result<Vec<ChangeGroup>, Error> {
        let address = Address::of_run(id, &["change-groups"]).with("groups", Some(groups));
        Ok(self.get::<Page<ChangeGroup>>(&address)?.items)
    }
}

/// Waits for a time, or until `stop` is set.
pub(crate) fn pause(time: Duration, stop: &AtomicBool) {
    let began = Instant::now();
    while began.elapsed() < time && !stop.load(Ordering::Relaxed) {
        std::thread::park_timeout(LOOK);
    }
}
