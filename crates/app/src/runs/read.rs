//! Runs and their outcomes, as they stand.

use rollcall_domain::{Outcome, Right, Run, RunId, RunQuery, TargetOutcome};
use rollcall_store::StoreError;

use super::standing::as_it_stands;
use crate::error::{AppError, conflict};
use crate::operations::RunOperations;
use crate::pages::{first, pages};

/// Outcomes are read in pages of this many.
pub(super) const PAGE: u32 = 1_000;

impl<'a> RunOperations<'a> {
    /// Finds a run that no process executes.
    pub(super) fn find_at_rest(self, id: RunId) -> Result<Run, AppError> {
        let run = self.find(id)?;
        if run.state.at_rest() {
            return Ok(run);
        }
        conflict(format!("run {id} is still {}: wait for its end", run.state.name()))
    }

    /// Finds run `id` as it stands: `interrupted` if the process that executed it has ended.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if the actor can see no such run.
    pub fn find(self, id: RunId) -> Result<Run, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        let run = permit
            .runs()
            .by_id(id)?
            .filter(|run| permit.owns(run))
            .ok_or_else(|| StoreError::NoSuch(format!("run {id}")))?;
        Ok(as_it_stands(run, self.app.now()))
    }

    /// Loads the script of a run, as it was when the run started.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn load_source(self, run: &Run) -> Result<String, AppError> {
        Ok(self.app.require_permission_on(Right::Look, run)?.runs().source(run.id)?)
    }

    /// Lists all runs that the actor can see, newest first. Only a page of them is in memory at any time.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list(self) -> Result<impl Iterator<Item = Result<Run, AppError>> + 'a, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        let store = self.app.store_unchecked();
        let all = pages(RunId::MAX, |before| Ok(store.runs().page(before, PAGE)?), |run: &Run| run.id);
        let own = all.filter(move |run| run.as_ref().map_or(true, |run| permit.owns(run)));
        Ok(own.map(|run| run.map(|run| as_it_stands(run, self.app.now()))))
    }

    /// Lists at most `limit` runs that `query` selects after run `after`, newest first.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list_after(
        self,
        query: &RunQuery,
        after: Option<RunId>,
        limit: u32,
    ) -> Result<Vec<Run>, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        let page = |before| Ok(permit.runs().find(query, &permit.scope, before, limit)?);
        let found = pages(after.unwrap_or(RunId::MAX), page, |run: &Run| run.id);
        let now = self.app.now();
        let standing = found.map(|run| run.map(|run| as_it_stands(run, now)));
        let is_wanted = |run: &Run| query.state.is_none_or(|state| run.state == state);
        first(standing.filter(|run| run.as_ref().map_or(true, is_wanted)), limit)
    }

    /// Finds the last run of a saved script, by its name.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn find_last_of_script(self, script: &str) -> Result<Option<Run>, AppError> {
        let permit = self.app.require_permission(Right::Look)?;
        let found = permit.runs().last_of(script, &permit.scope)?;
        Ok(found.map(|run| as_it_stands(run, self.app.now())))
    }

    /// Lists at most `limit` outcomes of a run after target `after`, in the order of its targets; only those of one
    /// kind if `outcome` names it. If no process executes the run, targets without an outcome are in their places, as
    /// `not_run`.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list_outcomes_after(
        self,
        run: &Run,
        outcome: Option<Outcome>,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<TargetOutcome>, AppError> {
        let permit = self.app.require_permission_on(Right::Look, run)?;
        let after = after.unwrap_or(0);
        let mut page = match outcome {
            Some(Outcome::NotRun) => Vec::new(),
            _ => permit.outcomes().page(run.id, outcome, after, limit)?,
        };
        if run.state.at_rest() && matches!(outcome, None | Some(Outcome::NotRun)) {
            page.extend(permit.outcomes().not_run_page(run.id, after, limit)?);
            page.sort_by_key(|outcome| outcome.target);
            page.truncate(limit as usize);
        }
        Ok(page)
    }

    /// Lists the outcomes of a run in the order of its targets; only those of one kind if `outcome` names it. If no
    /// process executes the run, targets without an outcome come last, as `not_run`.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list_outcomes(
        self,
        run: &Run,
        outcome: Option<Outcome>,
    ) -> Result<impl Iterator<Item = Result<TargetOutcome, AppError>> + 'a, AppError> {
        let store = self.app.require_permission_on(Right::Look, run)?.into_store();
        let id = run.id;
        let had_turn = outcome != Some(Outcome::NotRun);
        let had_none = run.state.at_rest() && matches!(outcome, None | Some(Outcome::NotRun));
        let target = |outcome: &TargetOutcome| outcome.target;
        let done = had_turn
            .then(|| pages(0, move |after| Ok(store.outcomes().page(id, outcome, after, PAGE)?), target));
        let rest = had_none
            .then(|| pages(0, move |after| Ok(store.outcomes().not_run_page(id, after, PAGE)?), target));
        Ok(done.into_iter().flatten().chain(rest.into_iter().flatten()))
    }
}
