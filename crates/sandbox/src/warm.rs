//! Worker processes that are started and locked down and wait for a script, so that a small run does not wait for an
//! interpreter. Each gets one script and ends with it, like any other.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::Sandbox;
use crate::process::Process;
use crate::worker::locked_down;

/// Those that wait.
#[derive(Debug)]
pub(crate) struct Warm {
    idle: Mutex<Vec<Idle>>,
    /// Wakes the thread that starts them, which ends when this is gone.
    taken: SyncSender<()>,
}

/// A process that waits.
struct Idle(Process);

// SAFETY: a process has pipes, a child's number and memory of its own, which any thread may use. It is bound to the thread
// that has started it since the kernel kills it when that ends: this one is the sandbox's keeper, which lives for as long as
// the sandbox does, and whoever has a process borrows the sandbox. Should the keeper panic, those that it has started die,
// and are replaced like any that dies.
unsafe impl Send for Idle {}

impl std::fmt::Debug for Idle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Idle")
    }
}

impl Warm {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sandbox {
    /// From now on so many processes wait for a script, as far as they are not taken faster than they can be started. They
    /// end with the sandbox. The first call counts.
    pub fn keep_warm(self: &Arc<Self>, count: usize) {
        let (taken, wakes) = sync_channel(1);
        if self.warm.set(Warm { idle: Mutex::default(), taken }).is_err() {
            return;
        }
        let sandbox = Arc::downgrade(self);
        // Without the thread there are none that wait, and every start takes its time.
        let _ = std::thread::Builder::new()
            .name("warm workers".to_owned())
            .spawn(move || keep(&sandbox, count, &wakes));
    }

    /// How many processes wait for a script.
    #[must_use]
    pub fn warm(&self) -> usize {
        self.warm.get().map_or(0, |warm| warm.idle().len())
    }

    /// A process that waits for a script; the one that has waited longest.
    pub(crate) fn take_warm(&self) -> Option<Process> {
        let warm = self.warm.get()?;
        let taken = {
            let mut idle = warm.idle();
            if idle.is_empty() { None } else { Some(idle.remove(0).0) }
        };
        // If it is told already, once is enough.
        let _ = warm.taken.try_send(());
        taken
    }
}

/// Starts processes whenever fewer than `count` wait, until the sandbox is gone.
fn keep(sandbox: &Weak<Sandbox>, count: usize, wakes: &Receiver<()>) {
    loop {
        while let Some(sandbox) = sandbox.upgrade()
            && let Some(warm) = sandbox.warm.get()
            && warm.idle().len() < count
        {
            // Whoever needs one is told why it cannot be started.
            let Ok(process) = locked_down(&sandbox) else { break };
            warm.idle().push(Idle(process));
        }
        if wakes.recv().is_err() {
            return;
        }
    }
}
