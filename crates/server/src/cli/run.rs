use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{ArgGroup, Args};
use rollcall_app::App;
use rollcall_app::runs::{Choice, Observer, Progress, Request, Script, Stop};
use rollcall_domain::{Mode, Run as Ran, RunState};

use super::{Context, EngineArgs, ask, can_ask, runs};
use crate::failure::{SOME_FAILED, Usage, unless_closed_pipe};
use crate::output::print_json;
use crate::progress::Meter;
use crate::show::RunJson;
use crate::style::{counted, grouped, tell};

/// Above this many targets a click is not enough: the number must be typed.
const TYPE_ABOVE: u64 = 1_000;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("who").required(true).args(["filter", "all"]), after_help = "Examples:\n  \
                  rollcall run extend.py --filter 'klass eq \"business\"'     what would it do?\n  \
                  rollcall run extend.py --filter 'klass eq \"business\"' --apply\n\n\
                  Exit status: 0 done; 3 done, but some targets failed, timed out or conflicted; 2 wrong usage; 1 anything \
                  else, a stopped or cancelled run too.")]
pub(super) struct Run {
    /// The script: a Python file
    script: PathBuf,
    /// Run it for the users that this filter selects
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Run it for every user
    #[arg(long)]
    all: bool,
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
    engine: EngineArgs,
}

impl Run {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let app = context.app()?;
        if self.apply && !self.yes && !can_ask() {
            return Err(Usage("--apply without a terminal needs --yes".to_owned()).into());
        }
        let request = Request {
            script: read_script(&self.script)?,
            mode: if self.apply { Mode::Apply } else { Mode::Preview },
            choice: match (self.filter, self.all) {
                (Some(filter), _) => Choice::Filter(filter),
                (None, true) => Choice::All,
                (None, false) => unreachable!("one of the two is required"),
            },
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

/// Reads a script from its file.
pub(super) fn read_script(path: &Path) -> anyhow::Result<Script> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read the script {}", path.display()))?;
    let source = String::from_utf8(bytes).map_err(|error| {
        let line =
            error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        anyhow::anyhow!("{}, line {line}: the script is not UTF-8", path.display())
    })?;
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    Ok(Script { name, source: source.trim_start_matches('\u{feff}').to_owned() })
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
            let users = counted(run.targets, "user");
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
