use rollcall_app::{App, AppError};
use rollcall_domain::{self as domain, Mode, RunState, Scope, Selection, Settings, Tally, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Run {
    /// Its number.
    pub(crate) run: i64,
    #[schema(schema_with = super::modes)]
    pub(crate) mode: Mode,
    /// `selecting`: its targets are being frozen, or wait for a yes. `interrupted`: whoever executed it is gone, and
    /// nothing is lost.
    #[schema(schema_with = super::run_states)]
    pub(crate) state: RunState,
    pub(crate) targets: u64,
    /// How many targets had which outcome.
    #[schema(value_type = std::collections::BTreeMap<String, u64>)]
    pub(crate) outcomes: Tally,
    /// How long it was executed.
    pub(crate) seconds: f64,
    /// The preview whose plan it applies.
    pub(crate) applies: Option<i64>,
    /// The run that it takes back.
    pub(crate) undoes: Option<i64>,
    pub(crate) script: String,
    /// Null: the script is not a saved one.
    pub(crate) script_version: Option<i64>,
    #[schema(value_type = Option<Object>)]
    pub(crate) params: Option<Box<RawValue>>,
    /// How the targets were chosen.
    #[schema(value_type = Value)]
    pub(crate) selection: Selection,
    /// The numbers of those within which it is; null: everywhere.
    pub(crate) organizations: Option<Vec<i64>>,
    /// Who started it.
    pub(crate) administrator: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    /// Why it ended early.
    pub(crate) note: Option<String>,
    /// Of a preview: the hash of its plan.
    pub(crate) plan: Option<String>,
    #[schema(value_type = Object)]
    pub(crate) settings: Settings,
    /// When its outcomes were removed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) pruned_at: Option<Timestamp>,
    /// Who has approved its plan; given with a single run, where there are some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) approvals: Vec<Approval>,
    /// What can be done with it; given by the API with a single run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) standing: Option<Standing>,
}

/// What can be done with a run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Standing {
    /// The columns of its targets' rows, where they have rows.
    pub(crate) columns: Option<Vec<String>>,
    /// Whether it waits for somebody to let it begin.
    pub(crate) held: bool,
    /// Whether somebody has said yes to it, where that was needed.
    pub(crate) confirmed: bool,
    /// The run that has applied its plan.
    pub(crate) applied_by: Option<i64>,
    /// The run that has taken it back.
    pub(crate) undone_by: Option<i64>,
    /// Of a finished preview: why its plan cannot be applied yet, if it takes a second administrator.
    pub(crate) unapproved: Option<String>,
    /// Whether some target has put something into `result`.
    pub(crate) has_results: bool,
}

impl Standing {
    /// How a run stands now.
    pub(crate) fn of(app: &App, run: &domain::Run) -> Result<Self, AppError> {
        let is_plan = run.mode == Mode::Preview && run.state == RunState::Finished;
        let unapproved = if is_plan { app.unapproved(run)? } else { None };
        Ok(Self {
            columns: run.columns.clone(),
            held: run.is_held(),
            confirmed: run.confirmed,
            applied_by: app.applied_by(run.id)?,
            undone_by: app.undone_by(run.id)?,
            unapproved: unapproved.map(|why| why.on_the_command_line()),
            has_results: app.has_results(run)?,
        })
    }
}

/// Who has approved which plan.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Approval {
    pub(crate) who: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    /// Its hash.
    pub(crate) plan: String,
}

impl From<&domain::Run> for Run {
    fn from(run: &domain::Run) -> Self {
        Self {
            run: run.id,
            mode: run.mode,
            state: run.state,
            targets: run.targets,
            outcomes: run.final_tally(),
            seconds: run.millis as f64 / 1_000.0,
            applies: run.applies,
            undoes: run.undoes,
            script: run.script.clone(),
            script_version: run.script_version,
            params: RawValue::from_string(run.params.clone()).ok(),
            selection: run.selection.clone(),
            organizations: match &run.scope {
                Scope::Everywhere => None,
                Scope::Within(organizations) => Some(organizations.iter().copied().collect()),
            },
            administrator: run.administrator.clone(),
            created_at: run.created_at,
            note: run.note.clone(),
            plan: run.plan.clone(),
            settings: run.settings.clone(),
            pruned_at: run.pruned_at,
            approvals: Vec::new(),
            standing: None,
        }
    }
}

impl From<domain::Run> for Run {
    fn from(run: domain::Run) -> Self {
        Self::from(&run)
    }
}

impl Run {
    /// The same, with who has approved its plan.
    pub(crate) fn approved(self, approvals: &[domain::Approval]) -> Self {
        let one = |approval: &domain::Approval| {
            let domain::Approval { who, at, plan, .. } = approval.clone();
            Approval { who, at, plan }
        };
        Self { approvals: approvals.iter().map(one).collect(), ..self }
    }
}
