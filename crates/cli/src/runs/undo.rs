use std::process::ExitCode;

use clap::Args;
use rollcall_app::runs::UndoRequest;
use rollcall_domain::Mode;

use super::{Context, RunName};
use crate::style::tell;
use crate::terminal::{Answer, RunOptionsArgs, Terminal, finish};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  rollcall runs undo 8                      preview\n  \
                  rollcall runs undo 8 --apply\n  \
                  rollcall runs undo 8 --user ana.berg7 --apply\n\n\
                  Each value that the run changed gets its earlier value back, unless it was changed since. A user with such a \
                  later change is skipped and listed as a conflict. Other changes of the user do not matter. An undo is a \
                  run, and can be undone.")]
pub(crate) struct Undo {
    /// The ID of the run, or latest
    run: RunName,
    /// Only undo the changes of this user
    #[arg(long, value_name = "USERNAME")]
    user: Option<String>,
    /// Write the changes; without this option the run is a preview
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
        if let Some(by) = undone.details.as_ref().and_then(|details| details.undone_by_run_id)
            && undone.pruned_at.is_none()
        {
            tell(format_args!(
                "run {number} was already undone by run {by}: users who have their earlier values stay unchanged"
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
