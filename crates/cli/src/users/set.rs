use std::process::ExitCode;

use clap::Args;

use crate::backend::Backend;
use crate::show::change_line;
use crate::style::tell;
use rollcall_domain::Times;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rollcall users set ana.berg7 klass=business expiration=2027-01-31\n\n\
                        A date means the start of the day. Write the end of a day as in 'expiration=2027-01-31 24:00'.")]
pub(crate) struct Set {
    /// The username
    username: String,
    /// Assignments FIELD=VALUE; an empty value clears the field
    #[arg(required = true, value_name = "FIELD=VALUE")]
    assignments: Vec<String>,
}

impl Set {
    pub(super) fn run(self, backend: &Backend) -> anyhow::Result<ExitCode> {
        let changes = backend.set_user(&self.username, &self.assignments)?;
        let times = Times::for_people(backend.zone()?);
        for change in &changes {
            tell(format_args!("{}", change_line(change, &times)));
        }
        if changes.is_empty() {
            tell(format_args!("nothing to change: {} is like that already", self.username));
        }
        Ok(ExitCode::SUCCESS)
    }
}
