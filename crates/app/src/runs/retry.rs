use std::time::Duration;

use rollcall_domain::{Entries, Mode, Outcome, Rejection, Run, RunId, Selection, Suggestion};
use rollcall_store::List;

use super::conduct::New;
use super::config::ExecutionConfig;
use super::observer::{Observer, Stop};
use super::request::{Choice, RunOptions, RunRequest, Script};
use crate::error::AppError;
use crate::operations::RunOperations;

/// Which targets of a run are to have another turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Those that failed or timed out.
    Failed,
    /// Those whose user was changed meanwhile, or was removed.
    Conflicts,
    /// Those that had none.
    NotRun,
}

/// A run of which some targets are to have another turn.
#[derive(Debug)]
pub struct RetryRequest {
    /// Which.
    pub again: Again,
    /// Whether that only shows what would change; otherwise it is as the run was.
    pub preview: bool,
    /// The configuration with which its script is executed.
    pub execution: ExecutionConfig,
    /// Another time limit than it had.
    pub time_limit: Option<Duration>,
    /// When it stops by itself, and whether it is asked for first.
    pub options: RunOptions,
}

impl RunOperations<'_> {
    /// Executes run `id` again for some of its targets, as a new run with the same script, parameters and rows. What is
    /// left of a plan is written as planned.
    ///
    /// # Errors
    /// [`AppError::Conflict`] if it is still being executed; [`AppError::Rejected`] if it cannot be retried;
    /// [`AppError::Denied`]; if there is no such run.
    pub fn retry(
        self,
        id: RunId,
        request: &RetryRequest,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> Result<Run, AppError> {
        self.once(request.options.key, || self.retry_once(id, request, stop, observer))
    }

    fn retry_once(
        self,
        id: RunId,
        request: &RetryRequest,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> Result<Run, AppError> {
        let run = self.find_at_rest(id)?;
        self.app.require_permission_to_continue(&run)?;
        let mode = if request.preview { Mode::Preview } else { run.mode };
        if run.replays().is_some() && request.again == Again::NotRun {
            if mode != run.mode {
                let why = format!("what is left of run {id} is planned already: there is nothing to preview");
                return Err(Rejection::new(why).into());
            }
            let selection = Selection::Outcomes { run: id, outcome: Some(Outcome::NotRun) };
            let list = List::Outcomes(&run, Some(Outcome::NotRun));
            let source = self.app.store_unchecked().runs().source(id)?;
            let new = New {
                applies: run.applies,
                undoes: run.undoes,
                ..New::replaying(&run, &source, mode, &selection, list)
            };
            return self.start(&new, request.options, None, stop, observer);
        }
        if let Some(undone) = run.undoes {
            let why = format!(
                "run {id} undoes run {undone} and runs no script: undo run {undone} again, which skips users \
                 that are already undone"
            );
            return Err(Rejection::new(why).suggest(Suggestion::UndoRun { run_id: undone }).into());
        }
        let request = RunRequest {
            script: Script {
                name: run.script.clone(),
                version: run.script_version,
                source: self.app.store_unchecked().runs().source(id)?,
            },
            mode,
            report: run.settings.report,
            choice: match request.again {
                Again::Failed => Choice::Retry(id),
                Again::Conflicts => Choice::Outcomes(id, Some(Outcome::Conflict)),
                Again::NotRun => Choice::Outcomes(id, Some(Outcome::NotRun)),
            },
            params: given(&run),
            execution: request
                .execution
                .limited(request.time_limit.map_or(run.settings.time_limit, super::config::millis)),
            options: RunOptions { strict: request.options.strict || run.settings.strict, ..request.options },
        };
        self.app_in_zone_of(&run)?.runs().create(&request, stop, observer)
    }
}

/// The parameters of a run as they could have been typed.
pub(super) fn given(run: &Run) -> Vec<(String, String)> {
    let entries = Entries::read(Some(&run.params)).0;
    let typed = |(name, value): (String, &serde_json::value::RawValue)| {
        let text = match serde_json::from_str(value.get()).ok()? {
            serde_json::Value::Null => return None,
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        Some((name, text))
    };
    entries.into_iter().filter_map(typed).collect()
}
