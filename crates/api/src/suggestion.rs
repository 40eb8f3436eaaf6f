use rollcall_domain::{self as domain, Outcome};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An action that corrects a problem. `action` says which; the other members are what it applies to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Suggestion {
    /// Start the run as a preview.
    PreviewRun,
    /// Preview a run over targets of an earlier run.
    PreviewOutcomes {
        /// The ID of the earlier run.
        run_id: i64,
        /// The outcome of the targets; missing: all targets.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(schema_with = super::outcomes)]
        outcome: Option<Outcome>,
    },
    /// Have another administrator approve the plan of a preview.
    ApproveRun {
        /// The ID of the preview; missing: it does not exist yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run_id: Option<i64>,
    },
    /// Apply the plan of a preview.
    ApplyRun {
        /// The ID of the preview; missing: it does not exist yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run_id: Option<i64>,
    },
    /// Start a held run.
    StartRun {
        /// The ID of the run.
        run_id: i64,
    },
    /// Resume a stopped or interrupted run.
    ResumeRun {
        /// The ID of the run.
        run_id: i64,
    },
    /// Cancel a run.
    CancelRun {
        /// The ID of the run.
        run_id: i64,
    },
    /// Undo the changes of a run.
    UndoRun {
        /// The ID of the run.
        run_id: i64,
    },
    /// Preview the script of a run again for the targets that failed or timed out.
    PreviewRetry {
        /// The ID of the run.
        run_id: i64,
    },
    /// Run the script of a run for the targets that it did not reach.
    RetryNotRun {
        /// The ID of the run.
        run_id: i64,
    },
    /// Set a parameter of the script.
    SetParameter {
        /// The name of the parameter.
        name: String,
    },
    /// Choose the column of a file that names the users.
    ChooseKeyColumn,
    /// Choose the column of a file that names the users, and the field that the column holds.
    ChooseKeyField {
        /// The name of the column; missing: any of the file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        column: Option<String>,
    },
    /// Choose the line or row of the header of a file.
    ChooseHeaderRow,
    /// Choose whether hidden rows of a sheet are included or skipped.
    ChooseHiddenRows,
    /// Grant a role to the administrator who is added.
    GrantRole,
    /// Save an archived script again.
    RestoreScript {
        /// The name of the script.
        name: String,
        /// Its latest version.
        version: i64,
    },
    /// Show the present head of the audit log.
    ShowAuditHead,
    /// Write the configuration of FreeRADIUS.
    WriteRadiusConfig,
    /// Load dictionaries of RADIUS attributes.
    LoadDictionaries,
    /// Create the tables of a database.
    CreateDatabase,
    /// Choose another database.
    ChooseDatabase,
    /// Bring the tables of a database up to date.
    UpgradeDatabase,
    /// Continue copying a database into another one.
    ResumeMigration {
        /// The database that is copied, without its password.
        from: String,
    },
    /// Choose another database to copy into.
    ChooseMigrationTarget,
    /// Remove old outcomes.
    PruneOutcomes,
    /// An action of another version. Clients ignore it.
    #[serde(other)]
    Unknown,
}

impl From<domain::Suggestion> for Suggestion {
    fn from(suggestion: domain::Suggestion) -> Self {
        use domain::Suggestion as From;
        match suggestion {
            From::PreviewRun => Self::PreviewRun,
            From::PreviewOutcomes { run_id, outcome } => {
                Self::PreviewOutcomes { run_id, outcome: outcome.and_then(|name| name.parse().ok()) }
            }
            From::ApproveRun { run_id } => Self::ApproveRun { run_id },
            From::ApplyRun { run_id } => Self::ApplyRun { run_id },
            From::StartRun { run_id } => Self::StartRun { run_id },
            From::ResumeRun { run_id } => Self::ResumeRun { run_id },
            From::CancelRun { run_id } => Self::CancelRun { run_id },
            From::UndoRun { run_id } => Self::UndoRun { run_id },
            From::PreviewRetry { run_id } => Self::PreviewRetry { run_id },
            From::RetryNotRun { run_id } => Self::RetryNotRun { run_id },
            From::SetParameter { name } => Self::SetParameter { name },
            From::ChooseKeyColumn => Self::ChooseKeyColumn,
            From::ChooseKeyField { column } => Self::ChooseKeyField { column },
            From::ChooseHeaderRow => Self::ChooseHeaderRow,
            From::ChooseHiddenRows => Self::ChooseHiddenRows,
            From::GrantRole => Self::GrantRole,
            From::RestoreScript { name, version } => Self::RestoreScript { name, version },
            From::ShowAuditHead => Self::ShowAuditHead,
            From::WriteRadiusConfig => Self::WriteRadiusConfig,
            From::LoadDictionaries => Self::LoadDictionaries,
            From::CreateDatabase => Self::CreateDatabase,
            From::ChooseDatabase => Self::ChooseDatabase,
            From::UpgradeDatabase => Self::UpgradeDatabase,
            From::ResumeMigration { from } => Self::ResumeMigration { from },
            From::ChooseMigrationTarget => Self::ChooseMigrationTarget,
            From::PruneOutcomes => Self::PruneOutcomes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_are_objects_with_an_action() {
        for (suggestion, json) in [
            (Suggestion::PreviewRun, r#"{"action":"preview_run"}"#),
            (Suggestion::UndoRun { run_id: 5 }, r#"{"action":"undo_run","run_id":5}"#),
            (Suggestion::ApplyRun { run_id: None }, r#"{"action":"apply_run"}"#),
            (
                Suggestion::PreviewOutcomes { run_id: 5, outcome: Some(Outcome::NotRun) },
                r#"{"action":"preview_outcomes","run_id":5,"outcome":"not_run"}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&suggestion).unwrap(), json);
            assert_eq!(serde_json::from_str::<Suggestion>(json).unwrap(), suggestion);
        }
    }

    #[test]
    fn an_action_of_a_newer_server_is_unknown() {
        let suggestion = serde_json::from_str(r#"{"action":"call_support","phone":"110"}"#);
        assert_eq!(suggestion.ok(), Some(Suggestion::Unknown));
    }
}
