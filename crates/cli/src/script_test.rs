use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use rollcall_api::Outcome;
use rollcall_app::AppError;
use rollcall_app::runs::ScriptTestRequest;
use rollcall_domain::{Outcome as OutcomeKind, Tally};
use serde_json::value::RawValue;

use super::run::param;
use super::{ExecutionArgs, scripts};
use crate::backend::Backend;
use crate::failure::SOME_FAILED;
use crate::output::{print_json, stdout};
use crate::show::{change_line, tally_line};
use crate::style::{self, paint};
use rollcall_domain::one_line;
use rollcall_domain::{Entries, Times};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  rollcall scripts test extend.py --user ana.berg --param days=30\n  \
                  rollcall scripts test set_klass.py --user ana.berg --row new_class=gold\n\n\
                  The exit status is 3 if the script failed or timed out. run.id is 0 in a test.")]
pub(super) struct Test {
    /// The script: a Python file, or the name of a saved script (extend, or extend@2 for version 2)
    script: String,
    /// The user
    #[arg(long, value_name = "USERNAME")]
    user: String,
    /// A parameter of the script; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = param)]
    params: Vec<(String, String)>,
    /// A cell of the row of the script; may be repeated
    #[arg(long = "row", value_name = "COLUMN=VALUE", value_parser = param)]
    row: Vec<(String, String)>,
    /// Print one JSON object, as 'rollcall runs outcomes' does, and nothing else
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    execution: ExecutionArgs,
}

impl Test {
    pub(super) fn run(self, backend: &Backend) -> anyhow::Result<ExitCode> {
        self.execution.check(backend)?;
        let script = scripts::find(backend, &self.script)?;
        if let Ok(read) = backend.read_script(&script.name, &script.source) {
            read.params.check(&self.params, backend.zone()?).map_err(AppError::Params)?;
            scripts::warn(&script.name, &read);
        }
        let execution = self.execution.execution();
        let Self { user: username, params, row, .. } = self;
        let outcome = backend.test_script(&ScriptTestRequest { script, username, params, row, execution })?;
        if self.json {
            print_json(&Outcome { duration_us: None, ..outcome.clone() })?;
        } else {
            show(&outcome, &Times::for_people(backend.zone()?))?;
        }
        Ok(match outcome.outcome {
            OutcomeKind::Failed | OutcomeKind::TimedOut | OutcomeKind::Conflict => {
                ExitCode::from(SOME_FAILED)
            }
            _ => ExitCode::SUCCESS,
        })
    }
}

/// What would happen to the user, for people.
fn show(outcome: &Outcome, times: &Times) -> anyhow::Result<()> {
    let mut out = stdout();
    let mut tally = Tally::default();
    tally.count(outcome.outcome);
    let time = format!("{:.1} ms", outcome.duration_us.unwrap_or_default() as f64 / 1_000.0);
    writeln!(
        out,
        "{}: {}   {}",
        one_line(outcome.username.as_deref().unwrap_or("?")),
        tally_line(&tally),
        paint(style::FAINT, &time)
    )?;
    for change in &outcome.changes {
        writeln!(out, "  {}", change_line(change, times))?;
    }
    if let Some(reason) = &outcome.reason {
        writeln!(out, "  {}", one_line(reason))?;
    }
    if let Some(error) = &outcome.error {
        writeln!(out, "  {}", paint(style::BAD, &error.in_one_line()))?;
        for line in error.traceback.iter().flat_map(|text| text.lines()) {
            writeln!(out, "  {}", paint(style::FAINT, &one_line(line)))?;
        }
    }
    for warning in &outcome.warnings {
        writeln!(out, "  {}", paint(style::WARN, &one_line(warning)))?;
    }
    for (name, value) in &Entries::read(outcome.result.as_deref().map(RawValue::get)).0 {
        writeln!(out, "  result {}: {}", one_line(name), one_line(value.get()))?;
    }
    for line in outcome.output.lines() {
        writeln!(out, "  {} {}", paint(style::FAINT, "|"), one_line(line))?;
    }
    Ok(())
}
