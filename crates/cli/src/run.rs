use std::process::ExitCode;

use clap::{ArgGroup, Args};
use rollcall_app::runs::{Choice, RunOptions};
use rollcall_app::{AppError, UserSelection};
use rollcall_domain::{Mode, Outcome};

use super::rows::RowsArgs;
use super::runs::RunName;
use super::terminal::{Answer, RunOptionsArgs, Terminal, finish};
use super::{Context, ExecutionArgs, scripts};
use crate::backend::{Listed, Wanted};
use crate::failure::Usage;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("who").required(true).multiple(true).args(["filter", "search", "all", "csv", "targets_from"]), after_help = "Examples:\n  \
                  rollcall run extend.py --filter 'klass eq \"business\"' --param days=30     preview\n  \
                  rollcall run extend.py --filter 'klass eq \"business\"' --param days=30 --apply\n  \
                  rollcall run set_klass.py --csv new-classes.xlsx --skip-unmatched\n  \
                  rollcall run extend@3 --targets-from 7:failed\n  \
                  rollcall run extend.py --all --apply --canary 100     stop after 100; continue with runs resume\n\n\
                  Filter syntax: rollcall filters --help\n\n\
                  Exit status: 0 success; 3 finished, but some targets failed, timed out or had conflicts; 2 wrong usage; \
                  1 other errors, and stopped or cancelled runs.")]
pub(super) struct Run {
    /// The script: a Python file, or the name of a saved script (extend, or extend@2 for version 2)
    script: String,
    /// Select users by a filter, or the name of a saved one
    #[arg(long, value_name = "FILTER", conflicts_with_all = ["all", "csv", "targets_from"])]
    filter: Option<String>,
    /// Select users by a search, as 'users list --search' does; can be combined with --filter
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["all", "csv", "targets_from"])]
    search: Option<String>,
    /// Select all users
    #[arg(long, conflicts_with_all = ["csv", "targets_from"])]
    all: bool,
    /// Select the targets of an earlier run, or those with one outcome, such as 7:failed or latest:failed
    #[arg(long, value_name = "RUN[:OUTCOME]", value_parser = targets_from, conflicts_with = "csv")]
    targets_from: Option<(RunName, Option<Outcome>)>,
    /// A parameter of the script; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = param)]
    params: Vec<(String, String)>,
    /// Write the changes; without this option the run is a preview
    #[arg(long)]
    apply: bool,
    /// Only report: a preview in which a target with changes fails
    #[arg(long, conflicts_with = "apply")]
    report: bool,
    /// Reject attributes for which FreeRADIUS would reject the user, instead of warning
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    answer: Answer,
    #[command(flatten)]
    rows: RowsArgs,
    #[command(flatten)]
    options: RunOptionsArgs,
    #[command(flatten)]
    execution: ExecutionArgs,
}

fn targets_from(text: &str) -> Result<(RunName, Option<Outcome>), String> {
    let (run, outcome) = text.split_once(':').map_or((text, None), |(run, outcome)| (run, Some(outcome)));
    let run = run.parse().map_err(|_| format!("{run:?} is not a run: write 7, 7:failed or latest:failed"))?;
    let outcome =
        outcome.map(str::parse).transpose().map_err(|why: rollcall_domain::Rejection| why.to_string())?;
    Ok((run, outcome))
}

pub(super) fn param(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("{text:?} gives nothing: write NAME=VALUE"))?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

impl Run {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        self.execution.check(&backend)?;
        if self.apply {
            self.options.check(&self.answer, "--apply")?;
        }
        self.rows.check()?;
        let script = scripts::find(&backend, &self.script)?;
        // Said before a long file is read; a text that cannot be read is told of when the run starts.
        let read = backend.read_script(&script.name, &script.source).ok();
        if let Some(read) = &read {
            read.params.check(&self.params, backend.zone()?).map_err(AppError::Params)?;
            scripts::warn(&script.name, read);
        }
        for (option, text) in [("filter", &self.filter), ("search", &self.search)] {
            if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
                let why = format!("--{option}: the {option} is empty; every user is --all");
                return Err(Usage(why).into());
            }
        }
        let list = match (self.targets_from, &self.rows.csv) {
            (Some((run, outcome)), _) => {
                Listed::Chosen(Choice::Outcomes(run.find_to_act(&backend)?, outcome))
            }
            (None, Some(file)) => {
                let read_columns = read.as_ref().and_then(|read| read.row_columns.as_ref());
                self.rows.read(&backend, file, read_columns)?
            }
            (None, None) => Listed::Chosen(Choice::Users(UserSelection::asked(self.filter, self.search)?)),
        };
        let wanted = Wanted {
            script,
            mode: if self.apply { Mode::Apply } else { Mode::Preview },
            report: self.report,
            list,
            params: self.params,
            execution: self.execution.execution(),
            options: RunOptions { strict: self.strict, ..self.options.options(&self.answer) },
        };
        let mut terminal = Terminal::new();
        let run = backend.run_script(wanted, &terminal.stop(), &mut terminal)?;
        finish(&backend, &run, &self.answer, &context.hints())
    }
}
