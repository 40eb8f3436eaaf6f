//! The sandbox that a process keeps from one run to the next, with started processes if it is a worker.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rollcall_sandbox::{Isolation, Sandbox};
use tracing::debug;

use super::config::ExecutionConfig;
use crate::error::AppError;

/// The most processes that wait for a script: as many as a script test and a small run need.
const WARM: usize = 2;

/// The sandbox of this process, which is warm if it is a worker's.
#[derive(Default)]
pub(crate) struct WarmPool(Mutex<Option<WarmSandbox>>);

/// A sandbox, and what it was made for.
struct WarmSandbox {
    python: PathBuf,
    isolation: Isolation,
    warm: usize,
    sandbox: Arc<Sandbox>,
}

impl WarmSandbox {
    fn new(execution: &ExecutionConfig, warm: usize) -> Result<Self, AppError> {
        let sandbox = Arc::new(Sandbox::new(&execution.python, execution.isolation)?);
        if warm > 0 {
            debug!(python = %execution.python.display(), processes = warm, "keeping processes warm");
            sandbox.keep_warm(warm);
        }
        Ok(Self { python: execution.python.clone(), isolation: execution.isolation, warm, sandbox })
    }

    fn fits(&self, execution: &ExecutionConfig) -> bool {
        self.python == execution.python && self.isolation == execution.isolation
    }
}

/// Ends the processes of the pool when it is dropped.
pub(super) struct KeepsWarm<'a>(&'a WarmPool);

impl Drop for KeepsWarm<'_> {
    fn drop(&mut self) {
        drop(self.0.lock().take());
    }
}

impl WarmPool {
    fn lock(&self) -> MutexGuard<'_, Option<WarmSandbox>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps processes started for the next scripts, until what it returns is dropped.
    pub(super) fn keep_warm(&self, execution: &ExecutionConfig) -> Result<KeepsWarm<'_>, AppError> {
        let sandbox = WarmSandbox::new(execution, execution.workers.clamp(1, WARM))?;
        *self.lock() = Some(sandbox);
        Ok(KeepsWarm(self))
    }

    /// The sandbox for scripts with this configuration: the one that is kept, or a new one. To check an interpreter takes
    /// longer than a small run, so a new one is kept, unless another one is warm.
    pub(super) fn sandbox(&self, execution: &ExecutionConfig) -> Result<Arc<Sandbox>, AppError> {
        let mut kept = self.lock();
        if let Some(kept) = kept.as_mut().filter(|kept| kept.fits(execution)) {
            // The system's Python was upgraded meanwhile.
            if !kept.sandbox.interpreter().is_current() {
                *kept = WarmSandbox::new(execution, kept.warm)?;
            }
            return Ok(Arc::clone(&kept.sandbox));
        }
        if kept.as_ref().is_some_and(|kept| kept.warm > 0) {
            drop(kept);
            return Ok(Arc::new(Sandbox::new(&execution.python, execution.isolation)?));
        }
        let new = WarmSandbox::new(execution, 0)?;
        Ok(Arc::clone(&kept.insert(new).sandbox))
    }
}
