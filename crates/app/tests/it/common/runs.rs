//! Steps of stories about runs. Each gives the run that it creates, whose invariants are checked.

use std::io::Cursor;
use std::time::Duration;

use rollcall_app::runs::{
    Again, ApplyRequest, BadRow, Choice, ChosenRows, Observer, Progress, ResumeRequest, RetryRequest,
    RowsObserver, RowsRequest, RunOptions, RunRequest, Stop, UndoRequest,
};
use rollcall_app::{App, AppError, Kind, Table, TableOptions, UserSelection};
use rollcall_domain::{Brakes, Mismatch, Mode, Outcome, Run, RunId, RunState, TargetOutcome};
use rollcall_store::StoreError;

use super::site::{Site, audited, users};
use super::{check, outcomes};

/// Confirms every run and follows nothing.
pub struct Yes;

impl Observer for Yes {
    fn confirm(&mut self, _: &Run) -> bool {
        true
    }

    fn progress(&mut self, _: Progress) {}
}

impl RowsObserver for Yes {
    fn columns(&mut self, _: &[String], _: &str) -> std::io::Result<()> {
        Ok(())
    }

    fn bad_row(&mut self, bad: &BadRow<'_>) -> std::io::Result<()> {
        panic!("{bad:?}")
    }

    fn progress(&mut self, _: u64) {}
}

/// Options of a run that is confirmed.
pub fn confirmed() -> RunOptions {
    RunOptions { confirmed: true, ..RunOptions::default() }
}

/// Options of a confirmed run that stops after this number of targets.
pub fn canary(targets: u64) -> RunOptions {
    RunOptions { canary: Some(targets), ..confirmed() }
}

/// A run of a script for every user, with one worker: most stories are about a few users.
pub fn request(script: &str, mode: Mode) -> RunRequest {
    let mut request = super::request(script, mode);
    request.execution.workers = 1;
    request.options = confirmed();
    request
}

/// Returns a request for the users that a filter selects.
pub fn request_for(script: &str, mode: Mode, filter: &str) -> RunRequest {
    RunRequest { choice: Choice::Users(UserSelection::filtered(filter)), ..request(script, mode) }
}

/// Returns a request for the rows of a CSV text, with the options for reading it.
pub fn request_for_rows(app: &App, script: &str, mode: Mode, csv: &str, key: Option<&str>) -> RunRequest {
    let choice = Choice::Rows(Box::new(rows(app, csv, key)));
    RunRequest { choice, ..request(script, mode) }
}

/// The rows of a CSV text, of which each names its user.
pub fn rows(app: &App, csv: &str, key: Option<&str>) -> ChosenRows {
    let table = Table::read(Cursor::new(csv.to_owned()), &TableOptions::default()).unwrap();
    let wanted = RowsRequest { file: "rows.csv", key, ..RowsRequest::default() };
    app.runs().read_rows(table, &wanted, &mut Yes).unwrap().chosen.unwrap()
}

/// Creates a run.
pub fn try_run(app: &App, request: &RunRequest) -> Result<Run, AppError> {
    app.runs().create(request, &Stop::default(), &mut Yes)
}

/// Creates a run, which must end.
#[track_caller]
pub fn run(app: &App, request: &RunRequest) -> Run {
    let run = try_run(app, request).unwrap();
    check(app, &run);
    run
}

/// Previews a script for every user.
#[track_caller]
pub fn preview(app: &App, script: &str) -> Run {
    run(app, &request(script, Mode::Preview))
}

/// Applies a script to every user.
#[track_caller]
pub fn apply(app: &App, script: &str) -> Run {
    run(app, &request(script, Mode::Apply))
}

/// Applies a script to the users that a filter selects.
#[track_caller]
pub fn apply_to(app: &App, filter: &str, script: &str) -> Run {
    run(app, &request_for(script, Mode::Apply, filter))
}

/// Writes what a preview has planned.
pub fn try_apply_plan(app: &App, preview: RunId) -> Result<Run, AppError> {
    let wanted = ApplyRequest { plan: None, options: confirmed() };
    app.runs().apply(preview, &wanted, &Stop::default(), &mut Yes)
}

/// Writes what a preview has planned, which must work.
#[track_caller]
pub fn apply_plan(app: &App, preview: &Run) -> Run {
    let run = try_apply_plan(app, preview.id).unwrap();
    check(app, &run);
    run
}

/// Undoes a run, or previews that; of one user only, if one is named.
pub fn try_undo(app: &App, run: RunId, mode: Mode, user: Option<&str>) -> Result<Run, AppError> {
    let wanted = UndoRequest { mode, user: user.map(str::to_owned), options: confirmed() };
    app.runs().undo(run, &wanted, &Stop::default(), &mut Yes)
}

/// Undoes a run, which must work.
#[track_caller]
pub fn undo(app: &App, run: &Run) -> Run {
    let undone = try_undo(app, run.id, Mode::Apply, None).unwrap();
    check(app, &undone);
    undone
}

/// Previews the undo of a run.
#[track_caller]
pub fn preview_undo(app: &App, run: &Run) -> Run {
    let undone = try_undo(app, run.id, Mode::Preview, None).unwrap();
    check(app, &undone);
    undone
}

/// A retry of these targets, in the mode that the run had.
pub fn retry_request(again: Again) -> RetryRequest {
    RetryRequest {
        again,
        preview: false,
        execution: request("", Mode::Preview).execution,
        time_limit: None,
        options: confirmed(),
    }
}

/// Runs some targets of a run again.
pub fn try_retry(app: &App, run: RunId, request: &RetryRequest) -> Result<Run, AppError> {
    app.runs().retry(run, request, &Stop::default(), &mut Yes)
}

/// Runs some targets of a run again, which must work.
#[track_caller]
pub fn retry(app: &App, run: &Run, again: Again) -> Run {
    let run = try_retry(app, run.id, &retry_request(again)).unwrap();
    check(app, &run);
    run
}

/// Previews another turn for some targets of a run.
#[track_caller]
pub fn preview_retry(app: &App, run: &Run, again: Again) -> Run {
    let run = try_retry(app, run.id, &RetryRequest { preview: true, ..retry_request(again) }).unwrap();
    check(app, &run);
    run
}

/// A resumption with these brakes, and the others that the run had.
pub fn resume_request(brakes: Brakes) -> ResumeRequest {
    ResumeRequest {
        execution: request("", Mode::Preview).execution,
        time_limit: None,
        brakes,
        confirmed: false,
        queue: false,
    }
}

/// Resumes a run.
pub fn try_resume(app: &App, run: RunId, request: &ResumeRequest) -> Result<Run, AppError> {
    app.runs().resume(run, request, &Stop::default(), &mut Yes)
}

/// Resumes a run, which must work.
#[track_caller]
pub fn resume(app: &App, run: &Run) -> Run {
    let run = try_resume(app, run.id, &resume_request(Brakes::default())).unwrap();
    check(app, &run);
    run
}

/// A run that hangs at the third user, unless `go` is the description. The others take long enough for their outcomes to
/// be reported one by one.
pub fn hangs_at_third(mode: Mode) -> RunRequest {
    let script = "\
        import time\n\
        time.sleep(80_000 if user.obj_id == 3 and user.description != 'go' else 0.1)\n\
        user.klass = 'done'\n\
        user.username_length += 1\n";
    patient(request(script, mode))
}

/// A request whose script may take a day for a user.
pub fn patient(mut request: RunRequest) -> RunRequest {
    request.execution.limits.time = Duration::from_secs(86_400);
    request
}

/// Calls a function with the run's number, once the outcomes of its first targets are committed.
struct Meanwhile<'a, F> {
    app: &'a App,
    run: RunId,
    targets: i64,
    act: Option<F>,
}

impl<F: FnOnce(RunId)> Observer for Meanwhile<'_, F> {
    fn confirm(&mut self, _: &Run) -> bool {
        true
    }

    fn begins(&mut self, run: &Run) {
        self.run = run.id;
    }

    fn progress(&mut self, _: Progress) {
        if self.app.runs().find(self.run).unwrap().cursor >= self.targets
            && let Some(act) = self.act.take()
        {
            act(self.run);
        }
    }
}

/// Creates a run, and does something once the outcomes of its first `targets` targets are committed.
#[track_caller]
pub fn meanwhile(
    app: &App,
    request: &RunRequest,
    targets: i64,
    act: impl FnOnce(RunId),
) -> Result<Run, AppError> {
    let mut observer = Meanwhile { app, run: 0, targets, act: Some(act) };
    let ended = app.runs().create(request, &Stop::default(), &mut observer);
    assert!(observer.act.is_none(), "the run ended before {targets} targets were done");
    ended
}

/// Interrupts a run when two targets have their outcome, as a crash of its process does.
#[track_caller]
pub fn interrupted(site: &Site, request: &RunRequest) -> Run {
    let mut id = 0;
    let lost = meanwhile(site, request, 2, |run| {
        id = run;
        site.interrupt_runs();
    });
    assert!(matches!(lost, Err(AppError::Store(StoreError::RunLost(_)))), "{lost:?}");
    let run = site.runs().find(id).unwrap();
    assert_eq!(run.state, RunState::Interrupted);
    run
}

/// All runs, newest first.
pub fn list(app: &App) -> Vec<Run> {
    app.runs().list().unwrap().map(Result::unwrap).collect()
}

/// Checks that an operation is rejected, and that it leaves no run, no change of a user and no row in the audit log.
#[track_caller]
pub fn rejected(app: &App, operation: impl FnOnce() -> Result<Run, AppError>) -> AppError {
    let state = || (list(app), users(app), audited(app));
    let before = state();
    let Err(error) = operation() else { panic!("it was not rejected") };
    assert_eq!(state(), before, "{error}");
    error
}

/// Checks that an operation is rejected since something stands in its way; the sentence.
#[track_caller]
pub fn conflicts(app: &App, operation: impl FnOnce() -> Result<Run, AppError>) -> String {
    let error = rejected(app, operation);
    assert_eq!(error.kind(), Kind::Conflict, "{error}");
    error.to_string()
}

/// The number of targets with this outcome.
pub fn count(run: &Run, outcome: Outcome) -> u64 {
    run.final_tally().get(outcome)
}

/// Applies `of` to each outcome of a run, in the order of its targets.
pub fn each_outcome<T>(app: &App, run: &Run, of: impl FnMut(TargetOutcome) -> T) -> Vec<T> {
    outcomes(app, run).into_iter().map(of).collect()
}

/// The kinds of a run's outcomes, in the order of its targets.
pub fn kinds(app: &App, run: &Run) -> Vec<Outcome> {
    each_outcome(app, run, |outcome| outcome.outcome)
}

/// The names of a run's targets.
pub fn names(app: &App, run: &Run) -> Vec<String> {
    each_outcome(app, run, |outcome| outcome.username.unwrap_or_default())
}

/// The message of a conflict.
#[track_caller]
pub fn conflict_message(outcome: &TargetOutcome) -> &str {
    assert_eq!((outcome.outcome, &outcome.changes[..]), (Outcome::Conflict, &[][..]), "{outcome:?}");
    let error = outcome.error.as_ref().unwrap();
    assert_eq!(error.kind, "Conflict");
    &error.message
}

/// The difference that a conflict names.
pub fn mismatch(subject: &str, expected: &str, found: &str) -> Mismatch {
    Mismatch { subject: subject.to_owned(), expected: expected.to_owned(), found: found.to_owned() }
}
