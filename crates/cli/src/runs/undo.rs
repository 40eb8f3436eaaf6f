use std::process::ExitCode;

use clap::Args;
use rollcall_app::runs::UndoRequest;
use rollcall_domain::Mode;

use super::{Context, RunName};
use crate::style::tell;
use crate::terminal::{Answer, RunOptionsArgs, Terminal, finish};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  rollcall runs undo 8                      what would it do?\n  \
                  rollcall runs undo 8 --apply\n  \
                  rollcall runs undo 8 --user ana.berg7 --apply\n\n\
                  Whatever the run has changed becomes what it was before, if it is still as the run left it; a user of whom it is \
                  not is in conflict and stays as they are. Changes of other things do not matter. An undo is a run, which can be \
                  undone itself.")]
pub(crate) struct Undo {
    /// The run's number, or latest
    run: RunName,
    /// Only what it has changed of this user
    #[arg(long, value_name = "USERNAME")]
    user: Option<String>,
    /// Write it; without this nothing is written
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    answer: Answer,
    #[command(flatten)]
    options: RunOptionsArgs,
}

impl Undo {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        let number = self.run.find_to_act(&backend)?;
        if self.apply {
            self.options.check(&self.answer, "--apply")?;
        }
        let undone = backend.run(number)?;
        if let Some(by) = undone.standing.as_ref().and_then(|standing| standing.undone_by)
            && undone.pruned_at.is_none()
        {
            tell(format_args!(
                "run {number} was taken back before, by run {by}: who is back already stays so"
            ));
        }
        let request = UndoRequest {
            mode: if self.apply { Mode::Apply } else { Mode::Preview },
            user: self.user,
            options: self.options.options(&self.answer),
        };
        let mut terminal = Terminal::new();
        let run = backend.undo(number, &request, &terminal.stop(), &mut terminal)?;
        finish(&backend, &run, &self.answer, &context.hints())
    }
}
