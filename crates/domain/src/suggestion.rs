//! Actions that correct errors. They name runs and outcomes by plain values: all rules make suggestions, so this module
//! depends on none of them.

/// An action that an administrator can take about an error. The command line shows it as a command, a page as a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suggestion {
    /// Start the run as a preview.
    PreviewRun,
    /// Preview a run over targets of an earlier run.
    PreviewOutcomes {
        /// The earlier run.
        run_id: i64,
        /// The name of the targets' outcome; none: all targets.
        outcome: Option<&'static str>,
    },
    /// Have another administrator approve the plan of a preview.
    ApproveRun {
        /// The preview; none: it does not exist yet.
        run_id: Option<i64>,
    },
    /// Apply the plan of a preview.
    ApplyRun {
        /// The preview; none: it does not exist yet.
        run_id: Option<i64>,
    },
    /// Start a held run.
    StartRun {
        /// The run.
        run_id: i64,
    },
    /// Resume a stopped or interrupted run.
    ResumeRun {
        /// The run.
        run_id: i64,
    },
    /// Cancel a run.
    CancelRun {
        /// The run.
        run_id: i64,
    },
    /// Undo the changes of a run.
    UndoRun {
        /// The run.
        run_id: i64,
    },
    /// Preview the script of a run again for the targets that failed or timed out.
    PreviewRetry {
        /// The run.
        run_id: i64,
    },
    /// Run the script of a run for the targets that it did not reach.
    RetryNotRun {
        /// The run.
        run_id: i64,
    },
    /// Set a parameter of the script.
    SetParameter {
        /// The parameter.
        name: String,
    },
    /// Choose the column of a file that names the users.
    ChooseKeyColumn,
    /// Choose the column of a file that names the users, and the field that the column holds.
    ChooseKeyField {
        /// The column; none: any of the file.
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
}
