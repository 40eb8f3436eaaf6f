//! The sandbox of a process that stays: looked at once, with workers that wait for a script.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use rollcall_sandbox::{Isolation, Sandbox};

use super::Engine;
use crate::{App, AppError};

/// So many workers wait for a script in a process that stays, at most: what a try and a small run take.
const WARM: usize = 2;

/// A sandbox, and what it was made for.
pub(crate) struct Kept {
    python: PathBuf,
    isolation: Isolation,
    warm: usize,
    sandbox: Arc<Sandbox>,
}

impl Kept {
    fn new(engine: &Engine, warm: usize) -> Result<Self, AppError> {
        let sandbox = Arc::new(Sandbox::new(&engine.python, engine.isolation)?);
        sandbox.keep_warm(warm);
        Ok(Self { python: engine.python.clone(), isolation: engine.isolation, warm, sandbox })
    }

    fn fits(&self, engine: &Engine) -> bool {
        self.python == engine.python && self.isolation == engine.isolation
    }
}

/// For as long as this is there, workers wait.
pub(super) struct KeepsWarm<'a>(&'a App);

impl Drop for KeepsWarm<'_> {
    fn drop(&mut self) {
        drop(self.0.lock_kept().take());
    }
}

impl App {
    fn lock_kept(&self) -> std::sync::MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps workers started, for whatever script comes next in this process.
    pub(super) fn keep_warm(&self, engine: &Engine) -> Result<KeepsWarm<'_>, AppError> {
        let kept = Kept::new(engine, engine.workers.clamp(1, WARM))?;
        *self.lock_kept() = Some(kept);
        Ok(KeepsWarm(self))
    }

    /// What executes scripts here: the sandbox that is kept, or one for this time.
    pub(super) fn sandbox(&self, engine: &Engine) -> Result<Arc<Sandbox>, AppError> {
        let mut kept = self.lock_kept();
        match kept.as_mut().filter(|kept| kept.fits(engine)) {
            Some(kept) => {
                // The system's Python was upgraded meanwhile.
                if !kept.sandbox.interpreter().is_current() {
                    *kept = Kept::new(engine, kept.warm)?;
                }
                Ok(Arc::clone(&kept.sandbox))
            }
            None => {
                drop(kept);
                Ok(Arc::new(Sandbox::new(&engine.python, engine.isolation)?))
            }
        }
    }
}
