//! Runs: one script, once for every user on a frozen list.
//!
//! [`App::run`] walks the whole way: read the filter, start the workers (which compile the script), freeze the targets,
//! ask, execute. The execution is in [`execute`]: a loader, the [`crew`] of worker threads and one committer, joined
//! by channels, with a bounded number of targets between them. A run that applies a preview or takes another run back
//! executes no script: that is [`replay`]. Both commit through the [`ledger`], which knows when a run has to end.

mod apply;
mod approve;
mod bad_rows;
mod begin;
mod cancel;
mod chains;
mod conduct;
mod course;
mod crew;
mod evaluate;
mod execute;
mod guard;
mod histogram;
mod kept;
mod key_hints;
mod ledger;
mod once;
mod replay;
mod results;
mod resume;
mod retry;
mod rows;
mod trial;
mod troubles;
mod undo;
mod watch;
mod work;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rollcall_domain::{
    Dictionary, Mode, Outcome, ParamValues, Refusal, Right, Run, RunId, RunQuery, RunState, Scope, Selection,
    Tally, TargetOutcome, Timestamp,
};
use rollcall_sandbox::{Isolation, Job, Limits};
use rollcall_store::{List, StoreError};

use crate::error::conflict;
use crate::pages::{first, pages};
use crate::scripts::Source;
use crate::{App, AppError, SelectedUsers, UserSelection, holder};
pub use apply::ApplyRequest;
pub use approve::Approved;
pub use bad_rows::{BadRowsFile, LINE_COLUMN, REASON_COLUMN};
use conduct::New;
pub use conduct::Terms;
use crew::Crew;
pub use histogram::{Group, Histogram};
pub(crate) use kept::Kept;
pub use results::{MAX_RESULT_COLUMNS, ResultColumns};
pub use resume::ResumeRequest;
pub use retry::{Again, RetryRequest};
pub use rollcall_store::{CoursePart, Timeline};
pub use rows::{
    BadKind, BadRow, ChosenRows, Duplicates, KEY_FIELDS, Matched, ReadRows, RowsObserver, RowsReport,
    RowsRequest,
};
pub(crate) use rows::{bare_name, field_called};
pub use trial::TrialRequest;
pub use troubles::{Failure, RefusedCalls, Troubles, Warned};
pub use undo::UndoRequest;
pub use work::{Event, WorkerInfo};

/// Outcomes are read in pages of this many.
const PAGE: u32 = 1_000;

/// A script to be run.
#[derive(Debug, Clone)]
pub struct Script {
    /// What it is called: its file's name, or the name under which it is saved.
    pub name: String,
    /// Which version of a saved script it is.
    pub version: Option<i64>,
    /// Its text.
    pub source: String,
}

/// How scripts are executed here.
#[derive(Debug, Clone)]
pub struct Engine {
    /// The interpreter: a path, or a name to be found in `PATH`.
    pub python: PathBuf,
    /// Whether workers are locked down.
    pub isolation: Isolation,
    /// How many worker processes.
    pub workers: usize,
    /// What a target may use.
    pub limits: Limits,
}

/// The users that a run is wanted for.
#[derive(Debug)]
pub enum Choice {
    /// Those of a selection.
    Users(UserSelection),
    /// The rows of a file.
    Rows(Box<ChosenRows>),
    /// Targets of an earlier run, with their rows: those with this outcome, or all.
    Outcomes(RunId, Option<Outcome>),
    /// What failed or timed out in an earlier run, with its rows.
    Retry(RunId),
}

/// What is wanted of a run.
#[derive(Debug)]
pub struct Request {
    /// The script.
    pub script: Script,
    /// Whether it writes.
    pub mode: Mode,
    /// Whether it only reports: whoever would be changed fails. So it always is for whoever may not run scripts otherwise.
    pub report: bool,
    /// The users.
    pub choice: Choice,
    /// Its parameters, as they were typed: name and value.
    pub params: Vec<(String, String)>,
    /// How it is executed.
    pub engine: Engine,
    /// When it stops by itself, and whether it is asked for first.
    pub terms: Terms,
}

/// How far a run is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// All targets.
    pub targets: u64,
    /// The outcomes so far.
    pub tally: Tally,
}

/// Whoever started a run, while it goes on.
pub trait Observer {
    /// The targets are frozen. Whether to go on and execute them. Asked only where nobody has said so before.
    fn confirm(&mut self, run: &Run) -> bool;

    /// The execution begins.
    fn begins(&mut self, _run: &Run) {}

    /// Called a few times a second.
    fn progress(&mut self, progress: Progress);
}

/// A script, and what is held against its wishes.
struct RunJob {
    job: Job,
    /// What FreeRADIUS knows.
    dictionary: Arc<Dictionary>,
}

/// Nobody who could be asked, or would watch: for what is left to workers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Observer for Nobody {
    fn confirm(&mut self, _: &Run) -> bool {
        false
    }

    fn progress(&mut self, _: Progress) {}
}

/// Set by whoever wants a run to end early.
pub type Stop = Arc<AtomicBool>;

impl App {
    /// Runs a script over the users that `request` selects. The run that comes back has ended, unless it is left to workers;
    /// an error before its targets were frozen leaves no run behind.
    pub fn run(&self, request: &Request, stop: &Stop, observer: &mut dyn Observer) -> Result<Run, AppError> {
        self.once(request.terms.key, || self.run_now(request, stop, observer))
    }

    fn run_now(&self, request: &Request, stop: &Stop, observer: &mut dyn Observer) -> Result<Run, AppError> {
        let narrowed = match &request.choice {
            Choice::Users(UserSelection { organization: Some(organization), .. }) => {
                Some(self.within(*organization))
            }
            _ => None,
        };
        narrowed.as_ref().unwrap_or(self).run_for(request, stop, observer)
    }

    /// Runs a script within the organization that `request` means.
    fn run_for(&self, request: &Request, stop: &Stop, observer: &mut dyn Observer) -> Result<Run, AppError> {
        let permit = self.may_run(request.mode)?;
        let now = self.clock.now();
        let (name, source) = (&request.script.name, &request.script.source);
        // A text that cannot be read has no parameters yet; the interpreter has the better words for what is wrong.
        let read = self.read_script(name, source);
        let params = match &read {
            Ok(read) => read.params.check(&request.params, &self.zone).map_err(AppError::Params)?,
            Err(_) => ParamValues::default(),
        };
        let selected = match &request.choice {
            Choice::Users(selection) => Some(self.select_at(selection, now)?),
            _ => None,
        };
        let own = permit.narrow(selected.as_ref().and_then(SelectedUsers::tree));
        let earlier = match request.choice {
            Choice::Outcomes(run, _) | Choice::Retry(run) => Some(self.run_at_rest(run)?),
            _ => None,
        };
        let (selection, list) = match (&request.choice, &selected, &earlier) {
            (Choice::Users(_), Some(selected), _) => {
                (selected.kept(), own.as_ref().map_or(List::All, List::Filter))
            }
            (Choice::Outcomes(run, outcome), _, Some(earlier)) => {
                (Selection::Outcomes { run: *run, outcome: *outcome }, List::Outcomes(earlier, *outcome))
            }
            (Choice::Retry(run), _, Some(earlier)) => (Selection::Retry { run: *run }, List::Retry(earlier)),
            (Choice::Rows(rows), _, _) => {
                (rows.selection.clone(), List::Staged(&rows.staging, &rows.columns))
            }
            _ => unreachable!("a selection or an earlier run was read above"),
        };
        if let Ok(read) = &read {
            self.refuse_faulty_columns(&selection, read)?;
        }
        // The users of an earlier run are those that it could touch, which may be fewer, but never more.
        if let Some(earlier) = earlier.as_ref().filter(|earlier| !permit.owns(earlier)) {
            self.may_with(Right::Execute, earlier)?;
        }
        let whose = earlier.as_ref().map_or(&permit.scope, |earlier| &earlier.scope);
        let sandbox = self.sandbox(&request.engine)?;
        let terms = Terms { strict: request.terms.strict || self.strict_here()?, ..request.terms };
        let job = self.job(&request.script, params.clone(), whose, &request.engine, terms.strict)?;
        std::thread::scope(|scope| {
            // Of what is left to others it is only found out here whether it is Python.
            let leaves = request.terms.queue || request.terms.hold;
            let count = if leaves { 1 } else { request.engine.workers.max(1) };
            let crew = Crew::hire(scope, &sandbox, &job, count)?;
            read?;
            let new = New {
                mode: request.mode,
                script: name,
                script_version: request.script.version,
                source,
                params: &serde_json::to_string(&params).expect("parameters have JSON forms"),
                selection: &selection,
                list,
                applies: None,
                undoes: None,
                scope: whose,
                report: request.report || self.may(Right::Execute).is_err(),
                time_limit: request.engine.limits.time,
            };
            self.start(&new, terms, Some(&crew), stop, observer)
        })
    }

    /// Refuses a script that can read a column of the rows in which errors were ignored, since no script read it then.
    fn refuse_faulty_columns(&self, selection: &Selection, script: &Source) -> Result<(), AppError> {
        let mut selection = selection.clone();
        while let Some(earlier) = selection.earlier_run() {
            let Some(run) = self.engine().run(earlier)? else { return Ok(()) };
            selection = run.selection;
        }
        let Selection::Rows { file, faulty_columns, .. } = selection else { return Ok(()) };
        let is_read = |column: &&String| {
            script.row_columns.as_ref().is_none_or(|columns| columns.contains(column.as_str()))
        };
        match faulty_columns.iter().find(is_read) {
            None => Ok(()),
            Some(column) => Err(Refusal::new(format!(
                "the script can read the column {column:?}, in which cells of {file} have errors: correct the file and \
                 read it again"
            ))
            .into()),
        }
    }

    /// What workers need to know about a script, for users of a scope.
    fn job(
        &self,
        script: &Script,
        params: ParamValues,
        scope: &Scope,
        engine: &Engine,
        strict: bool,
    ) -> Result<RunJob, AppError> {
        let dictionary = self.known_attributes()?;
        let job = Job {
            name: script.name.clone(),
            source: script.source.clone(),
            params,
            profiles: self.engine().catalogue()?.within(scope),
            zone: self.zone.clone(),
            limits: engine.limits.clone(),
            dictionary: strict.then(|| Arc::clone(&dictionary)),
        };
        Ok(RunJob { job, dictionary })
    }

    /// A run that nobody is at.
    fn run_at_rest(&self, id: RunId) -> Result<Run, AppError> {
        let run = self.find_run(id)?;
        if run.state.at_rest() {
            return Ok(run);
        }
        conflict(format!("run {id} is still {}: wait for its end", run.state.name()))
    }

    /// One run, as it stands: `interrupted` if the process that executed it is gone.
    pub fn find_run(&self, id: RunId) -> Result<Run, AppError> {
        let permit = self.may(Right::Look)?;
        let run = permit
            .run(id)?
            .filter(|run| permit.owns(run))
            .ok_or_else(|| StoreError::NoSuch(format!("run {id}")))?;
        Ok(as_it_stands(run, self.clock.now()))
    }

    /// The script of a run as it was when the run started.
    pub fn source_of(&self, run: &Run) -> Result<String, AppError> {
        Ok(self.may_with(Right::Look, run)?.run_source(run.id)?)
    }

    /// All runs, newest first.
    pub fn runs(&self) -> Result<impl Iterator<Item = Result<Run, AppError>> + '_, AppError> {
        let permit = self.may(Right::Look)?;
        let store = self.engine();
        let all = pages(RunId::MAX, |before| Ok(store.runs_page(before, PAGE)?), |run: &Run| run.id);
        let own = all.filter(move |run| run.as_ref().map_or(true, |run| permit.owns(run)));
        Ok(own.map(|run| run.map(|run| as_it_stands(run, self.clock.now()))))
    }

    /// The next runs that `query` asks for after run `after`, newest first.
    pub fn runs_after(
        &self,
        query: &RunQuery,
        after: Option<RunId>,
        limit: u32,
    ) -> Result<Vec<Run>, AppError> {
        let permit = self.may(Right::Look)?;
        let page = |before| Ok(permit.find_runs(query, &permit.scope, before, limit)?);
        let found = pages(after.unwrap_or(RunId::MAX), page, |run: &Run| run.id);
        let now = self.clock.now();
        let standing = found.map(|run| run.map(|run| as_it_stands(run, now)));
        let is_wanted = |run: &Run| query.state.is_none_or(|state| run.state == state);
        first(standing.filter(|run| run.as_ref().map_or(true, is_wanted)), limit)
    }

    /// The last run of a script, by the name that it is saved under.
    pub fn last_run_of(&self, script: &str) -> Result<Option<Run>, AppError> {
        let permit = self.may(Right::Look)?;
        let found = permit.last_run_of(script, &permit.scope)?;
        Ok(found.map(|run| as_it_stands(run, self.clock.now())))
    }

    /// The next outcomes of a run after target `after`, in the order of its targets, of one kind only where `outcome` names
    /// it. Of a run that nobody is at, targets that had no turn are among them at their place, as `not_run`.
    pub fn outcomes_after(
        &self,
        run: &Run,
        outcome: Option<Outcome>,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<TargetOutcome>, AppError> {
        let permit = self.may_with(Right::Look, run)?;
        let after = after.unwrap_or(0);
        let mut page = match outcome {
            Some(Outcome::NotRun) => Vec::new(),
            _ => permit.outcomes_page(run.id, outcome, after, limit)?,
        };
        if run.state.at_rest() && matches!(outcome, None | Some(Outcome::NotRun)) {
            page.extend(permit.not_run_page(run.id, after, limit)?);
            page.sort_by_key(|outcome| outcome.target);
            page.truncate(limit as usize);
        }
        Ok(page)
    }

    /// The outcomes of a run in the order of its targets, of one kind only where `outcome` names it. Of a run that
    /// nobody is at, the targets that had no turn come last, as `not_run`.
    pub fn outcomes<'a>(
        &'a self,
        run: &Run,
        outcome: Option<Outcome>,
    ) -> Result<impl Iterator<Item = Result<TargetOutcome, AppError>> + 'a, AppError> {
        let store = self.may_with(Right::Look, run)?.into_store();
        let id = run.id;
        let had_turn = outcome != Some(Outcome::NotRun);
        let had_none = run.state.at_rest() && matches!(outcome, None | Some(Outcome::NotRun));
        let target = |outcome: &TargetOutcome| outcome.target;
        let done = had_turn
            .then(|| pages(0, move |after| Ok(store.outcomes_page(id, outcome, after, PAGE)?), target));
        let rest = had_none.then(|| pages(0, move |after| Ok(store.not_run_page(id, after, PAGE)?), target));
        Ok(done.into_iter().flatten().chain(rest.into_iter().flatten()))
    }

    /// The changes of a run, grouped by what was changed; at most about `groups` groups.
    pub fn histogram(&self, run: &Run, groups: usize) -> Result<Vec<Group>, AppError> {
        let mut histogram = Histogram::new(self.in_zone_of(run)?.zone);
        for outcome in self.outcomes(run, Some(Outcome::Changed))? {
            histogram.add(&outcome?);
        }
        Ok(histogram.into_groups(groups))
    }
}

/// A run is interrupted when the process that executed it is gone, or was not heard of until its lease ended; it is queued
/// when whoever was at it has left it to others, or nobody was.
pub(crate) fn as_it_stands(mut run: Run, now: Timestamp) -> Run {
    let dead = run.holder.as_deref().is_none_or(holder::is_dead);
    run.state = match run.state {
        RunState::Running if run.holder.is_none() => RunState::Queued,
        RunState::Running if dead || run.leased_until.is_none_or(|until| until < now) => {
            RunState::Interrupted
        }
        // Nobody has to be there for one that is held.
        RunState::Selecting if dead && run.holder.is_some() => RunState::Interrupted,
        state => state,
    };
    run
}
