//! Outcomes as they are read back.

use rollcall_domain::{Mismatch, Outcome, PlanHash, RefusedCall, Run, RunId, ScriptError, TargetOutcome};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::areas::Outcomes;
use crate::columns::{at, read};
use crate::db::{Row, Tx, args};
use crate::sql::sql;
use crate::{StoreError, json, runs};

sql! {
    PAGE = "SELECT o.seq, o.user_id, o.username, o.organization_id, o.outcome, o.journal, o.result, o.output, o.notes, \
            o.micros, t.cells FROM outcomes o JOIN targets t ON t.run_id = o.run_id AND t.seq = o.seq \
            WHERE o.run_id = ?1 AND o.seq > ?2 AND (CAST(?3 AS TEXT) IS NULL OR o.outcome = ?3) ORDER BY o.seq LIMIT ?4";
    PLAN = "SELECT seq, user_id, outcome, version, journal, notes FROM outcomes WHERE run_id = ?1 AND seq > ?2 ORDER BY seq";
    RESULTS_PAGE = "SELECT seq, result FROM outcomes WHERE run_id = ?1 AND seq > ?2 AND (CAST(?3 AS TEXT) IS NULL OR outcome = ?3) \
                    AND result IS NOT NULL ORDER BY seq LIMIT ?4";
    // The name of a list in the notes, which no text in them looks like: their quotation marks are escaped.
    REFUSED = "SELECT count(*) FROM outcomes WHERE run_id = ?1 AND outcome IN ('changed', 'unchanged') \
               AND notes LIKE '%\"refused_calls\":[%'";
    NOT_RUN_PAGE = "SELECT t.seq, t.user_id, u.username, u.organization_id, t.cells FROM targets t \
                    LEFT JOIN users u ON u.id = t.user_id WHERE t.run_id = ?1 AND t.seq > ?2 \
                    AND t.seq > (SELECT cursor FROM runs WHERE id = ?1) \
                    AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.run_id = ?1 AND o.seq = t.seq) ORDER BY t.seq LIMIT ?3";
}

/// The seldom parts of an outcome, in one column.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Notes {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) refused_calls: Vec<RefusedCall>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<ScriptError>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) mismatches: Vec<Mismatch>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) dated: bool,
}

impl Notes {
    pub(super) fn are_any(&self) -> bool {
        let Self { warnings, refused_calls, error, mismatches, reason, dated } = self;
        !warnings.is_empty()
            || !refused_calls.is_empty()
            || error.is_some()
            || !mismatches.is_empty()
            || reason.is_some()
            || *dated
    }
}

impl Outcomes<'_> {
    /// The hash of the plan that the outcomes of a preview are, computed anew.
    pub fn plan_of(&self, preview: &Run) -> Result<PlanHash, StoreError> {
        self.0.read(|tx| {
            let source = runs::source(tx, preview.id)?;
            let start = PlanHash::new(&source, &preview.params, preview.undoes);
            plan_after(tx, preview.id, start, 0)
        })
    }

    /// The number of targets of a run that ended well although calls of the script were refused.
    pub fn count_refused(&self, run: RunId) -> Result<u64, StoreError> {
        let count: i64 = self.0.read(|tx| tx.value(REFUSED, args![run]))?;
        Ok(count.unsigned_abs())
    }

    /// The next outcomes of a run after target `after`, in order; of one kind only where `outcome` names it.
    pub fn page(
        &self,
        run: RunId,
        outcome: Option<Outcome>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<TargetOutcome>, StoreError> {
        self.0.read(|tx| tx.all(PAGE, args![run, after, outcome.map(Outcome::name), limit], read_outcome))
    }

    /// The next targets of a run after target `after` that have no outcome.
    pub fn not_run_page(&self, run: RunId, after: i64, limit: u32) -> Result<Vec<TargetOutcome>, StoreError> {
        self.0.read(|tx| {
            tx.all(NOT_RUN_PAGE, args![run, after, limit], |row| {
                Ok(TargetOutcome {
                    username: row.get(at!(NOT_RUN_PAGE, "username"))?,
                    organization_id: row.get(at!(NOT_RUN_PAGE, "organization_id"))?,
                    cells: row.maybe_json(at!(NOT_RUN_PAGE, "cells"))?,
                    ..TargetOutcome::new(
                        row.get(at!(NOT_RUN_PAGE, "seq"))?,
                        row.get(at!(NOT_RUN_PAGE, "user_id"))?,
                        Outcome::NotRun,
                    )
                })
            })
        })
    }

    /// The next results of a run after target `after`, each the text of a JSON object, with the numbers of their
    /// targets; of outcomes of one kind only where `outcome` names it.
    pub fn results_page(
        &self,
        run: RunId,
        outcome: Option<Outcome>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, String)>, StoreError> {
        self.0.read(|tx| {
            let values = args![run, after, outcome.map(Outcome::name), limit];
            tx.all(RESULTS_PAGE, values, |row| {
                Ok((row.get(at!(RESULTS_PAGE, "seq"))?, row.get(at!(RESULTS_PAGE, "result"))?))
            })
        })
    }
}

/// The hash of a preview's plan with what follows target `planned`, up to which it is known.
pub(crate) fn plan_after(
    tx: &Tx<'_>,
    run: RunId,
    plan: PlanHash,
    planned: i64,
) -> Result<PlanHash, StoreError> {
    let mut plan = plan;
    tx.each(PLAN, args![run, planned], |row| {
        let outcome = row.get(at!(PLAN, "outcome"))?;
        let notes: Notes = parse(row.maybe_text(at!(PLAN, "notes"))?)?;
        let target = TargetOutcome {
            dated: notes.dated,
            ..TargetOutcome::new(row.get(at!(PLAN, "seq"))?, row.get(at!(PLAN, "user_id"))?, outcome)
        };
        plan = plan.with(
            &target,
            outcome,
            row.get(at!(PLAN, "version"))?,
            row.maybe_text(at!(PLAN, "journal"))?,
        );
        Ok(())
    })?;
    Ok(plan)
}

pub(crate) fn read_plan(text: &str) -> Result<PlanHash, StoreError> {
    text.parse().map_err(|error: rollcall_domain::Rejection| StoreError::Corrupt(error.to_string()))
}

pub(crate) fn parse<T: DeserializeOwned + Default>(text: Option<&str>) -> Result<T, StoreError> {
    text.map_or_else(|| Ok(T::default()), json::read)
}

fn read_outcome(row: &Row<'_>) -> Result<TargetOutcome, StoreError> {
    let Notes { warnings, refused_calls, error, mismatches, reason, dated } =
        parse(row.maybe_text(at!(PAGE, "notes"))?)?;
    Ok(read!(row, PAGE => TargetOutcome {
        target = "o.seq", user_id, username, organization_id, outcome, result, micros;
        changes: parse(row.maybe_text(at!(PAGE, "journal"))?)?,
        output: row.get::<Option<String>>(at!(PAGE, "output"))?.unwrap_or_default(),
        cells: row.maybe_json(at!(PAGE, "cells"))?,
        warnings: warnings,
        refused_calls: refused_calls,
        error: error,
        mismatches: mismatches,
        reason: reason,
        dated: dated,
    }))
}
