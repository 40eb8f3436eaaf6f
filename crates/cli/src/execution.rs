//! The options for executing scripts in this process.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use rollcall_app::runs::ExecutionConfig;
use rollcall_sandbox::{Isolation, Limits};

use crate::backend::Backend;
use crate::failure::Usage;
use crate::style::tell;

/// How scripts are executed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Execution")]
pub struct ExecutionArgs {
    /// Worker processes [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,

    /// The time limit of the script for one user, such as 500ms, 5s or 2m [default: 5s, or that of the run]
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub(crate) time_limit: Option<Duration>,

    /// The Python interpreter
    #[arg(
        long,
        env = "ROLLCALL_PYTHON",
        default_value = "python3",
        value_name = "PATH",
        hide_env_values = true
    )]
    python: PathBuf,

    /// The sandbox of scripts; "none" gives them all permissions of your account (development only)
    #[arg(long, default_value = "full", value_name = "MODE")]
    sandbox: SandboxMode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SandboxMode {
    Full,
    None,
}

impl ExecutionArgs {
    /// Refuses what a server decides.
    pub(crate) fn check(&self, backend: &Backend) -> Result<(), Usage> {
        let said = match (self.workers, self.sandbox) {
            (Some(_), _) => "--workers",
            (_, SandboxMode::None) => "--sandbox none",
            _ => return Ok(()),
        };
        if !backend.is_remote() {
            return Ok(());
        }
        Err(Usage(format!(
            "{said} is for scripts that this process executes; a server's workers have their own"
        )))
    }

    /// The settings for executing scripts in this process. Says so if they are not locked down.
    #[must_use]
    pub fn execution(&self) -> ExecutionConfig {
        let isolation = match self.sandbox {
            SandboxMode::Full => Isolation::Full,
            SandboxMode::None => {
                tell(format_args!("warning: --sandbox=none: the script has every right of your account"));
                Isolation::None
            }
        };
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        ExecutionConfig {
            python: self.python.clone(),
            isolation,
            workers: self.workers.map_or(processors, usize::from),
            limits: self.time_limit.map_or_else(Limits::default, |time| Limits { time, ..Limits::default() }),
        }
    }
}

/// `500ms`, `5s`, `2m`
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a time: write 500ms, 5s or 2m");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    let seconds = match &text[digits.len()..] {
        "ms" => number / 1_000.0,
        "s" | "" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3_600.0,
        _ => return Err(wrong()),
    };
    if !(0.001..=86_400.0).contains(&seconds) {
        return Err("a time limit lies between 1ms and 24h".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}
