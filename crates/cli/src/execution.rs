//! The options for executing scripts in this process.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use rollcall_app::runs::ExecutionConfig;
use rollcall_domain::parse_duration;
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

/// Reads a time limit such as `500ms`, `5s` or `2m`; a number alone is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let seconds = |text: &str| Duration::try_from_secs_f64(text.parse().ok()?).ok();
    // Digits may begin with the point: `.5s`.
    let time = seconds(text)
        .or_else(|| parse_duration(text))
        .or_else(|| text.starts_with('.').then(|| parse_duration(&format!("0{text}")))?);
    let time = time.ok_or_else(|| format!("{text:?} is not a time: write 500ms, 5s or 2m"))?;
    if !(Duration::from_millis(1)..=Duration::from_secs(86_400)).contains(&time) {
        return Err("a time limit lies between 1ms and 24h".to_owned());
    }
    Ok(time)
}
