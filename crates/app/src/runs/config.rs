use std::path::PathBuf;
use std::time::Duration;

use rollcall_sandbox::{Isolation, Limits};

/// The configuration with which this process executes scripts.
#[derive(Debug, Clone)]
pub struct ExecutionConfig {
    /// The interpreter: a path, or a name to be found in `PATH`.
    pub python: PathBuf,
    /// Whether workers are locked down.
    pub isolation: Isolation,
    /// The number of sandboxed processes.
    pub workers: usize,
    /// The limits of one target.
    pub limits: Limits,
}

impl ExecutionConfig {
    /// Replaces the time limit, in milliseconds.
    pub(super) fn limited(&self, time_limit: u64) -> Self {
        let mut execution = self.clone();
        execution.limits.time = Duration::from_millis(time_limit);
        execution
    }
}

/// A time limit in milliseconds, as it is stored.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
