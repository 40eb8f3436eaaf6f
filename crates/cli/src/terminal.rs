//! The options, the question, the progress and the report that all commands share which create a run.

use std::process::ExitCode;

use clap::Args;
use rollcall_api::Run;
use rollcall_app::runs::{Progress, RunOptions, Stop};
use rollcall_domain::{Brakes, Mode, RunId, RunState};

use super::{Hints, ask, check_consent, runs};
use crate::backend::{Backend, RunObserver};
use crate::failure::{SOME_FAILED, unless_closed_pipe};
use crate::output::print_json;
use crate::progress::Meter;
use crate::show::noun;
use crate::style::tell;
use rollcall_domain::{counted, grouped};

/// Above this many targets a click is not enough: the number must be typed.
const TYPE_ABOVE: u64 = 1_000;

/// How a run is asked for and told about.
#[derive(Debug, Args)]
pub(super) struct Answer {
    /// Do not ask before writing
    #[arg(long)]
    pub(super) yes: bool,
    /// Print one JSON object about the run and nothing else
    #[arg(long)]
    pub(super) json: bool,
}

impl Answer {
    /// Refuses `what` where nobody can be asked.
    pub(super) fn check(&self, what: &str) -> anyhow::Result<()> {
        Ok(check_consent(self.yes, what)?)
    }
}

/// When a run stops by itself.
#[derive(Debug, Args)]
#[command(next_help_heading = "Brakes")]
pub(super) struct BrakeArgs {
    /// Stop after more than N targets failed or timed out [default: 100, if that is over 10 %]
    #[arg(long, value_name = "N")]
    max_failures: Option<u64>,
    /// Stop before more than N users are changed
    #[arg(long, value_name = "N")]
    max_changes: Option<u64>,
    /// Stop before more than N users are deactivated
    #[arg(long, value_name = "N")]
    max_deactivations: Option<u64>,
}

impl BrakeArgs {
    pub(super) fn brakes(&self) -> Brakes {
        let Self { max_failures, max_changes, max_deactivations } = *self;
        Brakes { max_failures, max_changes, max_deactivations }
    }
}

/// When a new run stops by itself.
#[derive(Debug, Args)]
pub(super) struct RunOptionsArgs {
    #[command(flatten)]
    brakes: BrakeArgs,
    /// Stop after the first K targets; 'rollcall runs resume' continues with the rest
    #[arg(long, value_name = "K", help_heading = "Brakes", value_parser = clap::value_parser!(u64).range(1..))]
    canary: Option<u64>,
    /// Queue the run for workers ('rollcall worker'), and do not wait for it
    #[arg(long, help_heading = "Execution")]
    queue: bool,
    /// Create the run with its targets, but do not start it: 'rollcall runs start' queues it for workers
    #[arg(long, help_heading = "Execution")]
    hold: bool,
}

impl RunOptionsArgs {
    pub(super) fn options(&self, answer: &Answer) -> RunOptions {
        let Self { canary, queue, hold, .. } = *self;
        let brakes = self.brakes.brakes();
        RunOptions { brakes, canary, confirmed: answer.yes, queue, strict: false, hold, key: None }
    }

    /// Refuses `what`, which writes, where nobody can be asked. Of a run that is held it is asked later.
    pub(super) fn check(&self, answer: &Answer, what: &str) -> anyhow::Result<()> {
        if self.hold { Ok(()) } else { answer.check(what) }
    }
}

/// Asks whoever sits at the terminal whether to go on with what is done to so many users.
pub(super) fn sure(what: &str, users: u64) -> bool {
    let number = users.to_string();
    let sure = if users > TYPE_ABOVE {
        ask(&format!("This {what}. Type {number} to go on:"), &[&number, &grouped(users)])
    } else {
        ask(&format!("This {what}. Go on? [y/N]"), &["y", "yes"])
    };
    let sure = sure.unwrap_or(false);
    if !sure {
        tell(format_args!("nothing was changed"));
    }
    sure
}

/// What a run is about to do: `applies extend.py to 20 users`.
pub(super) fn what_it_does(run: &Run) -> String {
    let script = run.script_name();
    let users = counted(run.left(), noun(run));
    match (run.mode, run.undoes_run_id, run.applies_run_id) {
        (Mode::Preview, ..) => format!("previews {script} for {users}"),
        (_, Some(undone), _) => format!("takes back what run {undone} ({script}) has changed of {users}"),
        (_, None, Some(preview)) => {
            format!("writes what preview {preview} ({script}) has planned for {users}")
        }
        (_, None, None) => format!("applies {script} to {users}"),
    }
}

/// The end of a question about a preview's plan, on refused calls of the script; empty if there were none.
pub(super) fn refused_in(backend: &Backend, preview: RunId) -> anyhow::Result<String> {
    let preview = backend.run(preview)?;
    Ok(match backend.refused_targets(&preview)? {
        0 => String::new(),
        count => format!("; calls of the script were refused for {}", counted(count, noun(&preview))),
    })
}

/// The administrator at the terminal. The first Ctrl-C ends a run in good order, a second one at once.
pub(super) struct Terminal {
    meter: Option<Meter>,
    stop: Stop,
    /// The end of the question, on refused calls of the script; empty if there were none.
    refused: String,
}

impl Terminal {
    pub(super) fn new() -> Self {
        Self { meter: None, stop: Stop::default(), refused: String::new() }
    }

    /// The question repeats how many targets of this preview had calls that were refused.
    pub(super) fn about_plan(backend: &Backend, preview: RunId) -> anyhow::Result<Self> {
        Ok(Self { refused: refused_in(backend, preview)?, ..Self::new() })
    }

    /// Set when a run is to end.
    pub(super) fn stop(&self) -> Stop {
        self.stop.clone()
    }
}

/// From here on the first signal sets `stop`, and a second one ends the process at once.
pub(super) fn heed_signals(stop: &Stop) -> std::io::Result<()> {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, stop.clone())?;
        signal_hook::flag::register(signal, stop.clone())?;
    }
    Ok(())
}

impl RunObserver for Terminal {
    fn confirm(&mut self, run: &Run) -> bool {
        run.left() == 0 || sure(&format!("{}{}", what_it_does(run), self.refused), run.left())
    }

    fn begins(&mut self, run: &Run) {
        // Not before: at the question, Ctrl-C is an answer, too. Nothing has happened yet.
        if let Err(error) = heed_signals(&self.stop) {
            tell(format_args!("warning: Ctrl-C will end this run without its report: {error}"));
        }
        let what = match (run.mode, run.undoes_run_id) {
            (Mode::Preview, _) => "preview",
            (Mode::Apply, None) => "apply",
            (Mode::Apply, Some(_)) => "undo",
        };
        self.meter = Some(Meter::new(what, run.targets));
    }

    fn progress(&mut self, progress: Progress) {
        if let Some(meter) = &mut self.meter {
            meter.at_run(progress);
        }
    }
}

/// Tells about a run that has ended, and says so with the exit status.
pub(super) fn finish(
    backend: &Backend,
    run: &Run,
    answer: &Answer,
    hints: &Hints,
) -> anyhow::Result<ExitCode> {
    let printed = if answer.json {
        print_json(&run.bare()).map_err(Into::into)
    } else {
        runs::report(backend, run, hints)
    };
    unless_closed_pipe(printed)?;
    if run.state == RunState::Queued && !backend.has_workers()? {
        tell(format_args!(
            "warning: run {} waits for a worker, and none is there: start one with 'rollcall worker'",
            run.run_id
        ));
    }
    if let Some(note) = run.end_reason.as_ref().filter(|_| answer.json) {
        tell(format_args!("run {} was {}: {note}", run.run_id, run.state.name()));
    }
    Ok(exit_code(run))
}

/// 0, 3 or 1: see [`crate::failure`].
pub(super) fn exit_code(run: &Run) -> ExitCode {
    match run.state {
        RunState::Finished if run.outcomes.has_trouble() => ExitCode::from(SOME_FAILED),
        // What is left to workers is done as far as this command goes.
        RunState::Finished | RunState::Queued | RunState::Running => ExitCode::SUCCESS,
        _ if run.is_held() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
