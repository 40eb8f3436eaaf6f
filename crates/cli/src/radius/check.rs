use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use rollcall_app::App;
use rollcall_app::radius::DEFAULT_ROLE;
use rollcall_domain::Secret;

use crate::hints::hint;
use crate::output::stdout;
use crate::style::{self, paint};
use rollcall_domain::one_line;

#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 if nothing is missing, else 1.\n\n\
                  Example:\n  rollcall radius check --dir /etc/freeradius/3.0")]
pub(crate) struct Check {
    /// The PostgreSQL role of FreeRADIUS [default: that of --dir, or freeradius]
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    /// The configuration folder of FreeRADIUS; its mods-available/sql is tried
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Check {
    pub(super) fn run(self, app: &App) -> anyhow::Result<ExitCode> {
        let (mut role, mut password) = (self.role, None);
        if let Some(dir) = self.dir {
            let file = dir.join("mods-available/sql");
            let text =
                std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            role = role.or(setting(&text, "login"));
            password = setting(&text, "password").map(Secret::new);
        }
        let findings =
            app.radius().check_setup(role.as_deref().unwrap_or(DEFAULT_ROLE), password.as_ref())?;
        let mut out = stdout();
        for finding in &findings {
            let mark = match finding.good {
                Some(true) => paint(style::GOOD, "ok     "),
                Some(false) => paint(style::BAD, "missing"),
                None => paint(style::FAINT, "note   "),
            };
            writeln!(out, "{mark} {}", one_line(&finding.what))?;
            let hint = finding.suggestion.as_ref().and_then(|suggestion| hint(&suggestion.clone().into()));
            if let Some(hint) = hint {
                writeln!(out, "        {}", paint(style::FAINT, &format!("hint: {hint}")))?;
            }
        }
        let good = findings.iter().all(|finding| finding.good != Some(false));
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// What FreeRADIUS's file sets something to.
fn setting(text: &str, name: &str) -> Option<String> {
    let of = |line: &str| {
        let (key, value) = line.trim().split_once('=')?;
        (key.trim() == name).then(|| value.trim().trim_matches('"').to_owned())
    };
    text.lines().find_map(of).filter(|value| !value.is_empty())
}
