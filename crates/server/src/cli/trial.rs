use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use rollcall_app::AppError;
use rollcall_app::runs::{Entries, TrialRequest};
use rollcall_domain::{Outcome, Tally, TargetOutcome};

use super::run::param;
use super::{EngineArgs, scripts};
use crate::contract;
use crate::failure::SOME_FAILED;
use crate::output::{one_line, print_json, stdout};
use crate::remote::Site;
use crate::show::{Times, change_line, error_text, tally_line};
use crate::style::{self, paint};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  rollcall scripts try extend.py --user ana.berg --param days=30\n  \
                  rollcall scripts try set_klass.py --user ana.berg --row new_class=gold\n\n\
                  It ends like a run, with 3 if the script failed or timed out. What it sees as run.id is 0.")]
pub(super) struct Try {
    /// The script: a Python file, or the name of a saved one (extend, or extend@2 for its version 2)
    script: String,
    /// The user
    #[arg(long, value_name = "USERNAME")]
    user: String,
    /// A parameter that the script declares; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = param)]
    params: Vec<(String, String)>,
    /// A cell of the row that the script finds; may be repeated
    #[arg(long = "row", value_name = "COLUMN=VALUE", value_parser = param)]
    row: Vec<(String, String)>,
    /// Print one JSON object, as 'rollcall runs outcomes' does, and nothing else
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

impl Try {
    pub(super) fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        self.engine.check(site)?;
        let script = scripts::find(site, &self.script)?;
        if let Ok(read) = site.read_script(&script.name, &script.source) {
            read.params.check(&self.params, site.zone()?).map_err(AppError::Params)?;
            scripts::warn(&script.name, &read);
        }
        let columns: Vec<_> = self.row.iter().map(|(column, _)| column.clone()).collect();
        let engine = self.engine.engine();
        let Self { user: username, params, row, .. } = self;
        let outcome = site.try_script(&TrialRequest { script, username, params, row, engine })?;
        if self.json {
            print_json(&contract::TargetOutcome::of(outcome.clone(), Some(&columns)))?;
        } else {
            show(&outcome, &Times::for_people(site.zone()?))?;
        }
        Ok(match outcome.outcome {
            Outcome::Failed | Outcome::TimedOut | Outcome::Conflict => ExitCode::from(SOME_FAILED),
            _ => ExitCode::SUCCESS,
        })
    }
}

/// What would happen to the user, for people.
fn show(outcome: &TargetOutcome, times: &Times) -> anyhow::Result<()> {
    let mut out = stdout();
    let mut tally = Tally::default();
    tally.count(outcome.outcome);
    let time = format!("{:.1} ms", outcome.micros as f64 / 1_000.0);
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
        writeln!(out, "  {}", paint(style::BAD, &error_text(error)))?;
        for line in error.traceback.iter().flat_map(|text| text.lines()) {
            writeln!(out, "  {}", paint(style::FAINT, &one_line(line)))?;
        }
    }
    for warning in &outcome.warnings {
        writeln!(out, "  {}", paint(style::WARN, &one_line(warning)))?;
    }
    for (name, value) in &Entries::read(outcome.result.as_deref()).0 {
        writeln!(out, "  result {}: {}", one_line(name), one_line(value.get()))?;
    }
    for line in outcome.output.lines() {
        writeln!(out, "  {} {}", paint(style::FAINT, "|"), one_line(line))?;
    }
    Ok(())
}
