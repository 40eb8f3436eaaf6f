//! Notifications within this process that something about runs has changed.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct News {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone, Copy)]
struct State {
    count: u64,
    listening: bool,
}

impl News {
    /// Whether somebody listens, so that news come by themselves.
    pub(crate) fn listening(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).listening
    }

    pub(crate) fn listen(&self, listening: bool) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).listening = listening;
    }

    /// Something has changed.
    pub(crate) fn tell(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).count += 1;
        self.changed.notify_all();
    }

    /// Whether there is something new since `known`, which is then known.
    pub(crate) fn any_since(&self, known: &mut u64) -> bool {
        let count = self.state.lock().unwrap_or_else(PoisonError::into_inner).count;
        std::mem::replace(known, count) != count
    }

    /// Waits until there is something new since `known`, but no longer than `most`.
    pub(crate) fn wait(&self, known: &mut u64, most: Duration) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let old = |state: &mut State| state.count == *known;
        let (state, _) =
            self.changed.wait_timeout_while(state, most, old).unwrap_or_else(PoisonError::into_inner);
        *known = state.count;
    }
}
