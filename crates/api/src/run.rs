//! Runs.

use rollcall_domain::{self as domain, Mode, RunState, Scope, Tally, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{RunSelection, RunSettings};

/// A run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// Its number.
    pub run_id: i64,
    /// Whether the run writes.
    #[schema(schema_with = super::modes)]
    pub mode: Mode,
    /// `selecting`: its targets are being frozen, or it waits to be started. `interrupted`: its process died; it can be
    /// resumed without loss.
    #[schema(schema_with = super::run_states)]
    pub state: RunState,
    /// The number of targets.
    pub targets: u64,
    /// The number of targets by outcome.
    #[schema(value_type = std::collections::BTreeMap<String, u64>)]
    pub outcomes: Tally,
    /// The duration of the execution.
    pub duration_seconds: f64,
    /// The preview whose plan it applies.
    pub applies_run_id: Option<i64>,
    /// The run that it takes back.
    pub undoes_run_id: Option<i64>,
    /// The name of the script.
    pub script: String,
    /// Null: the script is not a saved one.
    pub script_version: Option<i64>,
    /// The parameters of the run, by name.
    #[schema(value_type = Option<Object>)]
    pub params: Option<Box<RawValue>>,
    /// The selection of the targets.
    pub selection: RunSelection,
    /// The numbers of those within which it is; null: everywhere.
    pub organization_ids: Option<Vec<i64>>,
    /// Who started it.
    pub administrator: String,
    /// When the run was created: the moment that the script sees as now.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Why it ended early.
    pub end_reason: Option<String>,
    /// Of a preview: the hash of its plan.
    pub plan_hash: Option<String>,
    /// The settings of its execution.
    pub settings: RunSettings,
    /// When its outcomes were removed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub pruned_at: Option<Timestamp>,
    /// Who has approved its plan; given with a single run, where there are some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// Details; present for a single run in the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<RunDetails>,
}

/// Details of a single run: what can be done with it, and what was done.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct RunDetails {
    /// The columns of its targets' rows, where they have rows.
    pub columns: Option<Vec<String>>,
    /// Whether it is held and waits to be started.
    pub held: bool,
    /// Whether it was confirmed, where that was needed.
    pub confirmed: bool,
    /// The run that has applied its plan.
    pub applied_by_run_id: Option<i64>,
    /// The run that has taken it back.
    pub undone_by_run_id: Option<i64>,
    /// Of a finished preview: why its plan cannot be applied yet, if it takes a second administrator.
    pub unapproved: Option<String>,
    /// Whether some target has put something into `result`.
    pub has_results: bool,
}

/// Who has approved which plan.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    /// The administrator who approved it.
    pub administrator: String,
    /// When it was approved.
    #[schema(value_type = String, format = DateTime)]
    pub approved_at: Timestamp,
    /// Its hash.
    pub plan_hash: String,
}

impl From<&domain::Run> for Run {
    fn from(run: &domain::Run) -> Self {
        Self {
            run_id: run.id,
            mode: run.mode,
            state: run.state,
            targets: run.targets,
            outcomes: run.final_tally(),
            duration_seconds: run.millis as f64 / 1_000.0,
            applies_run_id: run.applies,
            undoes_run_id: run.undoes,
            script: run.script.clone(),
            script_version: run.script_version,
            params: RawValue::from_string(run.params.clone()).ok(),
            selection: run.selection.clone().into(),
            organization_ids: match &run.scope {
                Scope::Everywhere => None,
                Scope::Within(organizations) => Some(organizations.iter().copied().collect()),
            },
            administrator: run.administrator.clone(),
            created_at: run.created_at,
            end_reason: run.note.clone(),
            plan_hash: run.plan.clone(),
            settings: (&run.settings).into(),
            pruned_at: run.pruned_at,
            approvals: Vec::new(),
            details: None,
        }
    }
}

impl From<domain::Run> for Run {
    fn from(run: domain::Run) -> Self {
        Self::from(&run)
    }
}

impl Run {
    /// Adds the administrators who have approved its plan.
    pub fn approved(self, approvals: &[domain::Approval]) -> Self {
        let one = |approval: &domain::Approval| {
            let domain::Approval { who, at, plan, .. } = approval.clone();
            Approval { administrator: who, approved_at: at, plan_hash: plan }
        };
        Self { approvals: approvals.iter().map(one).collect(), ..self }
    }
}

impl Run {
    /// The run as listings and commands print it: without its approvals and what can be done with it.
    #[must_use]
    pub fn bare(&self) -> Self {
        Self { approvals: Vec::new(), details: None, ..self.clone() }
    }

    /// The counts of outcomes without the targets that had no turn.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        let had_turn = self.outcomes.iter().filter(|(outcome, _)| *outcome != domain::Outcome::NotRun);
        had_turn.for_each(|(outcome, n)| tally.add(outcome, n));
        tally
    }

    /// The name of the script, `extend@2` if it is a saved one.
    #[must_use]
    pub fn script_name(&self) -> String {
        self.script_version
            .map_or_else(|| self.script.clone(), |version| format!("{}@{version}", self.script))
    }

    /// The number of targets that have an outcome of their own; those that had no turn are not among them.
    #[must_use]
    pub fn finished(&self) -> u64 {
        self.tally().total()
    }

    /// The number of targets that had no turn yet.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.targets.saturating_sub(self.finished())
    }

    /// Whether the run waits, with its list frozen, to be started. Known of a single run only.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.state == RunState::Selecting && self.details.as_ref().is_some_and(|details| details.held)
    }

    /// The columns of its targets' rows, if they have rows. Known of a single run only.
    #[must_use]
    pub fn columns(&self) -> Option<&[String]> {
        self.details.as_ref()?.columns.as_deref()
    }
}
