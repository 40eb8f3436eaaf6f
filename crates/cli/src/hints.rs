//! The command line's form of suggestions: lines that say what to do about an error, and by which command or option.

use std::str::FromStr;

use rollcall_api::Suggestion;
use rollcall_app::AppError;
use rollcall_app::database::StoreError;
use rollcall_client::Error;
use rollcall_domain::{self as domain, Rejection, one_line};

use crate::shell::shell_word;

/// The hints about an error and what led to it, without repetitions.
pub(crate) fn hints(error: &anyhow::Error) -> Vec<String> {
    lines(error.chain().flat_map(suggestions))
}

/// Parses the value of an option. The error has the hints, since the parser of options prints it as it is.
pub(crate) fn parse_value<T: FromStr<Err = Rejection>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|rejection: Rejection| {
        let hints = lines(rejection.suggestions().iter().cloned().map(Suggestion::from));
        hints.iter().fold(rejection.to_string(), |message, hint| format!("{message}\nhint: {hint}"))
    })
}

fn suggestions(error: &(dyn std::error::Error + 'static)) -> Vec<Suggestion> {
    let to_api = |all: Vec<domain::Suggestion>| all.into_iter().map(Suggestion::from).collect();
    if let Some(error) = error.downcast_ref::<AppError>() {
        return to_api(error.suggestions());
    }
    if let Some(error) = error.downcast_ref::<StoreError>() {
        return to_api(error.suggestions());
    }
    if let Some(rejection) = error.downcast_ref::<Rejection>() {
        return to_api(rejection.suggestions().to_vec());
    }
    let refused = error.downcast_ref().and_then(Error::refused);
    refused.map_or_else(Vec::new, |refused| refused.suggestions().to_vec())
}

fn lines(suggestions: impl IntoIterator<Item = Suggestion>) -> Vec<String> {
    let mut lines = Vec::new();
    for line in suggestions.into_iter().filter_map(|suggestion| hint(&suggestion)) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// The hint for a suggestion; none for an action that this version does not know.
pub(crate) fn hint(suggestion: &Suggestion) -> Option<String> {
    let (action, how) = match suggestion {
        Suggestion::PreviewRun => ("preview the run", "leave out --apply".to_owned()),
        Suggestion::PreviewOutcomes { run_id, outcome } => {
            let outcome = outcome.map_or_else(String::new, |outcome| format!(":{}", outcome.name()));
            (
                "preview a script for these targets",
                command(&format!("run SCRIPT --targets-from {run_id}{outcome}")),
            )
        }
        Suggestion::ApproveRun { run_id } => {
            ("approve the preview as another administrator", of_preview("approve", *run_id))
        }
        Suggestion::ApplyRun { run_id } => ("apply the preview", of_preview("apply", *run_id)),
        Suggestion::StartRun { run_id } => ("start the run", command(&format!("runs start {run_id}"))),
        Suggestion::ResumeRun { run_id } => ("resume the run", command(&format!("runs resume {run_id}"))),
        Suggestion::CancelRun { run_id } => ("cancel the run", command(&format!("runs cancel {run_id}"))),
        Suggestion::UndoRun { run_id } => ("preview the undo", command(&format!("runs undo {run_id}"))),
        Suggestion::PreviewRetry { run_id } => {
            ("preview the retry", command(&format!("runs retry {run_id} --preview")))
        }
        Suggestion::RetryNotRun { run_id } => {
            ("run the remaining targets", command(&format!("runs retry {run_id} --not-run")))
        }
        Suggestion::SetParameter { name } => {
            ("set the parameter", format!("--param {}=VALUE", shell_word(name)))
        }
        Suggestion::ChooseKeyColumn => ("choose the column", "--key COLUMN".to_owned()),
        Suggestion::ChooseKeyField { column } => {
            let key = format!("{}=FIELD", column.as_deref().unwrap_or("COLUMN"));
            ("choose the column and its field", format!("--key {}", shell_word(&key)))
        }
        Suggestion::ChooseHeaderRow => ("choose the row of the header", "--header-row N".to_owned()),
        Suggestion::ChooseHiddenRows => {
            ("include or skip hidden rows", "--hidden include or --hidden skip".to_owned())
        }
        Suggestion::GrantRole => ("grant a role", "--grant ROLE@ORGANIZATION".to_owned()),
        Suggestion::RestoreScript { name, version } => {
            ("restore the script", command(&format!("scripts restore {} {version}", shell_word(name))))
        }
        Suggestion::ShowAuditHead => ("show the present head", command("audit head")),
        Suggestion::WriteRadiusConfig => ("write the configuration", command("radius config")),
        Suggestion::LoadDictionaries => ("load dictionaries", command("radius dictionary load DIR")),
        Suggestion::CreateDatabase => ("create it", command("init")),
        Suggestion::ChooseDatabase => ("name another database", "--database URL".to_owned()),
        Suggestion::UpgradeDatabase => ("bring it up to date", command("init")),
        Suggestion::ResumeMigration { from } => {
            ("continue the copy", command(&format!("migrate --from {} --to URL", shell_word(from))))
        }
        Suggestion::ChooseMigrationTarget => ("name another database", "--to URL".to_owned()),
        Suggestion::PruneOutcomes => ("remove old outcomes", command("prune")),
        Suggestion::Unknown => return None,
    };
    Some(one_line(&format!("{action}: {how}")))
}

fn command(arguments: &str) -> String {
    format!("rollcall {arguments}")
}

/// The command for a preview, which may not exist yet.
fn of_preview(verb: &str, run_id: Option<i64>) -> String {
    let preview = run_id.map_or_else(|| "PREVIEW".to_owned(), |id| id.to_string());
    command(&format!("runs {verb} {preview}"))
}

#[cfg(test)]
mod tests {
    use rollcall_domain::Outcome;

    use super::*;

    #[test]
    fn each_suggestion_names_its_command_or_option() {
        let outcome = Some(Outcome::NotRun);
        let name = "North:it's".to_owned();
        for (suggestion, text) in [
            (Suggestion::UndoRun { run_id: 5 }, "preview the undo: rollcall runs undo 5"),
            (
                Suggestion::PreviewOutcomes { run_id: 5, outcome },
                "preview a script for these targets: rollcall run SCRIPT --targets-from 5:not_run",
            ),
            (
                Suggestion::PreviewOutcomes { run_id: 5, outcome: None },
                "preview a script for these targets: rollcall run SCRIPT --targets-from 5",
            ),
            (Suggestion::ApplyRun { run_id: None }, "apply the preview: rollcall runs apply PREVIEW"),
            (Suggestion::ApplyRun { run_id: Some(7) }, "apply the preview: rollcall runs apply 7"),
            (
                Suggestion::ChooseKeyField { column: Some("Kunden nr".to_owned()) },
                "choose the column and its field: --key 'Kunden nr=FIELD'",
            ),
            (
                Suggestion::ChooseKeyField { column: None },
                "choose the column and its field: --key 'COLUMN=FIELD'",
            ),
        ] {
            assert_eq!(hint(&suggestion).as_deref(), Some(text));
        }
        let quoted = hint(&Suggestion::RestoreScript { name: name.clone(), version: 2 });
        assert!(quoted.is_some_and(|hint| hint.contains(&shell_word(&name))));
        assert_eq!(hint(&Suggestion::Unknown), None);
    }

    #[test]
    fn hints_are_found_below_what_was_added_to_an_error_and_stand_once() {
        let cancel = domain::Suggestion::CancelRun { run_id: 3 };
        let rejection = Rejection::new("no").suggest(cancel.clone()).suggest(cancel);
        let error = anyhow::Error::from(AppError::Conflict(rejection)).context("meanwhile");
        assert_eq!(hints(&error), ["cancel the run: rollcall runs cancel 3"]);
        assert!(hints(&anyhow::anyhow!("no")).is_empty());
    }
}
