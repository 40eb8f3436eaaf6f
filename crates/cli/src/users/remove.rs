use std::process::ExitCode;

use clap::Args;

use crate::backend::Backend;
use crate::confirm;
use crate::style::tell;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rollcall users remove ana.berg7")]
pub(crate) struct Remove {
    /// The username
    username: String,
    /// Do not ask for confirmation; required without a terminal
    #[arg(long)]
    yes: bool,
}

impl Remove {
    pub(super) fn run(self, backend: &Backend) -> anyhow::Result<ExitCode> {
        let (user, seen) = backend.see_user(&self.username)?;
        let name = format!("{} {}", user.first_name, user.last_name);
        let name = if name.trim().is_empty() { String::new() } else { format!(" ({})", name.trim()) };
        let question = format!("Remove user {}{name}? This cannot be undone.", user.username);
        if !confirm(self.yes, "removing a user", &question)? {
            return Ok(ExitCode::FAILURE);
        }
        backend.remove_user(&seen)?;
        tell(format_args!("user {:?} is gone", user.username));
        Ok(ExitCode::SUCCESS)
    }
}
