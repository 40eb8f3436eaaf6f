use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use rollcall_api::RadiusReply;

use crate::backend::Backend;
use crate::output::{print_json, stdout};
use crate::runs::RunName;
use rollcall_domain::one_line;

#[derive(Debug, Args)]
#[command(
    after_help = "The reply is computed from the items of the user and the profiles. Counters and additions of other modules \
                        of FreeRADIUS are not included.\n\n\
                        Example:\n  rollcall radius reply ana.berg7 --preview 12"
)]
pub(crate) struct ReplyTo {
    /// The username
    username: String,
    /// Also show the reply after this preview is applied: a run ID, or latest
    #[arg(long, value_name = "RUN")]
    preview: Option<RunName>,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
}

impl ReplyTo {
    pub(super) fn run(self, backend: &Backend) -> anyhow::Result<ExitCode> {
        let Some(preview) = self.preview else {
            let reply = backend.radius_reply(&self.username)?;
            if self.json {
                print_json(&reply)?;
            } else {
                write(&reply, "")?;
            }
            return Ok(ExitCode::SUCCESS);
        };
        let planned = backend.planned_reply(preview.find(backend)?, &self.username)?;
        if self.json {
            print_json(&planned)?;
        } else {
            writeln!(stdout(), "before")?;
            write(&planned.before, "  ")?;
            writeln!(stdout(), "after")?;
            write(&planned.after, "  ")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn write(reply: &RadiusReply, indent: &str) -> std::io::Result<()> {
    let mut out = stdout();
    reply.lines().iter().try_for_each(|line| writeln!(out, "{indent}{}", one_line(line)))
}
