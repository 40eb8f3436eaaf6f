use std::process::ExitCode;

use clap::{ArgGroup, Args};
use rollcall_app::runs::{Choice, Observer, Progress, Request, Stop};
use rollcall_app::{App, AppError};
use rollcall_domain::{Mode, Outcome, Run as Ran, RunId, RunState};

use super::rows::RowsArgs;
use super::{Context, EngineArgs, ask, can_ask, runs, scripts};
use crate::failure::{SOME_FAILED, Usage, unless_closed_pipe};
use crate::output::print_json;
use crate::progress::Meter;
use crate::show::RunJson;
use crate::style::{counted, grouped, tell};

/// Above this many targets a click is not enough: the number must be typed.
const TYPE_ABOVE: u64 = 1_000;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("who").required(true).args(["filter", "all", "csv", "targets_from"]), after_help = "Examples:\n  \
                  rollcall run extend.py --filter 'klass eq \"business\"' --param days=30     what would it do?\n  \
                  rollcall run extend.py --filter 'klass eq \"business\"' --param days=30 --apply\n  \
                  rollcall run set_klass.py --csv new-classes.xlsx --skip-unmatched\n  \
                  rollcall run extend@3 --targets-from 7:failed\n\n\
                  What a filter can say: rollcall filters --help\n\n\
                  Exit status: 0 done; 3 done, but some targets failed, timed out or conflicted; 2 wrong usage; 1 anything \
                  else, a stopped or cancelled run too.")]
pub(super) struct Run {
    /// The script: a Python file, or the name of a saved one (extend, or extend@2 for its version 2)
    script: String,
    /// Run it for the users that this filter selects: a condition, or the name of a saved one
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Run it for every user
    #[arg(long)]
    all: bool,
    /// Run it for the targets of an earlier run: all of them, or those with one outcome, such as 7:failed
    #[arg(long, value_name = "RUN[:OUTCOME]", value_parser = targets_from)]
    targets_from: Option<(RunId, Option<Outcome>)>,
    /// A parameter that the script declares; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = param)]
    params: Vec<(String, String)>,
    /// Write the changes; without this nothing is written
    #[arg(long)]
    apply: bool,
    /// Do not ask before applying
    #[arg(long)]
    yes: bool,
    /// Print one JSON object about the run and nothing else
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    rows: RowsArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

fn targets_from(text: &str) -> Result<(RunId, Option<Outcome>), String> {
    let (run, outcome) = text.split_once(':').map_or((text, None), |(run, outcome)| (run, Some(outcome)));
    let run = run.parse().map_err(|_| format!("{run:?} is no run's number: write 7 or 7:failed"))?;
    let outcome =
        outcome.map(str::parse).transpose().map_err(|why: rollcall_domain::Refusal| why.to_string())?;
    Ok((run, outcome))
}

fn param(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("{text:?} gives nothing: write NAME=VALUE"))?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

impl Run {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let app = context.app()?;
        if self.apply && !self.yes && !can_ask() {
            return Err(Usage("--apply without a terminal needs --yes".to_owned()).into());
        }
        self.rows.check()?;
        let script = scripts::find(&app, &self.script)?;
        // Said before a long file is read; a text that cannot be read is told of when the run starts.
        if let Ok(read) = app.read_script(&script.name, &script.source) {
            read.params.check(&self.params, app.zone()).map_err(AppError::Params)?;
            scripts::warn(&script.name, &read);
        }
        let choice = match (self.filter, self.targets_from, &self.rows.csv) {
            (Some(filter), ..) => Choice::Filter(filter),
            (_, Some((run, outcome)), _) => Choice::Outcomes(run, outcome),
            (_, _, Some(file)) => Choice::Rows(self.rows.read(&app, file)?),
            (None, None, None) => Choice::All,
        };
        let request = Request {
            script,
            mode: if self.apply { Mode::Apply } else { Mode::Preview },
            choice,
            params: self.params,
            engine: self.engine.engine(),
        };
        let run = execute(&app, &request, self.yes)?;
        let printed = if self.json {
            print_json(&RunJson::new(&run)).map_err(Into::into)
        } else {
            runs::report(&app, &run, &context.hints())
        };
        unless_closed_pipe(printed)?;
        if let Some(note) = run.note.as_ref().filter(|_| self.json) {
            tell(format_args!("run {} was {}: {note}", run.id, run.state.name()));
        }
        Ok(exit_code(&run))
    }
}

/// Runs a script and shows its progress. The first Ctrl-C ends the run in good order, a second one at once.
pub(super) fn execute(app: &App, request: &Request, yes: bool) -> anyhow::Result<Ran> {
    let stop = Stop::default();
    let mut terminal = Terminal { yes, meter: None, stop: stop.clone() };
    Ok(app.run(request, &stop, &mut terminal)?)
}

/// From here on the first signal sets `stop`, and a second one ends the process at once.
fn heed_signals(stop: &Stop) -> std::io::Result<()> {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, stop.clone())?;
        signal_hook::flag::register(signal, stop.clone())?;
    }
    Ok(())
}

/// 0, 3 or 1: see [`crate::failure`].
pub(super) fn exit_code(run: &Ran) -> ExitCode {
    match run.state {
        RunState::Finished if run.tally.has_trouble() => ExitCode::from(SOME_FAILED),
        RunState::Finished => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// The administrator at the terminal.
struct Terminal {
    yes: bool,
    meter: Option<Meter>,
    stop: Stop,
}

impl Observer for Terminal {
    fn confirm(&mut self, run: &Ran) -> bool {
        if run.mode == Mode::Apply && !self.yes && run.targets > 0 {
            let users = counted(run.targets, runs::noun(run));
            let number = run.targets.to_string();
            let sure = if run.targets > TYPE_ABOVE {
                let question = format!("This applies {} to {users}. Type {number} to go on:", run.script);
                ask(&question, &[&number, &grouped(run.targets)])
            } else {
                ask(&format!("Apply {} to {users}? [y/N]", run.script), &["y", "yes"])
            };
            if !sure.unwrap_or(false) {
                tell(format_args!("nothing was changed"));
                return false;
            }
        }
        // Not before: at the question, Ctrl-C is an answer, too. Nothing has happened yet.
        if let Err(error) = heed_signals(&self.stop) {
            tell(format_args!("warning: Ctrl-C will end this run without its report: {error}"));
        }
        let what = if run.mode == Mode::Preview { "preview" } else { "apply" };
        self.meter = Some(Meter::new(what, run.targets));
        true
    }

    fn progress(&mut self, progress: Progress) {
        if let Some(meter) = &mut self.meter {
            meter.at_run(progress);
        }
    }
}
