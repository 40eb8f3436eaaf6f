//! What all copies of an [`App`](crate::App) in one process share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use rollcall_domain::{Clock, Timestamp};
use rollcall_store::Store;

use crate::counters::Counters;
use crate::news::News;
use crate::runs::warm_pool::WarmPool;
use crate::sign_in::hasher::Hasher;

/// The database, the clock and the counters of one process.
pub(crate) struct Shared {
    /// Reached by [`Shared::store_unchecked`] only.
    store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    /// The number of outcomes that this process has committed.
    pub(crate) committed: AtomicU64,
    /// The number of scripts that this process tests at this moment.
    pub(crate) script_tests: AtomicUsize,
    /// Sandboxed processes that wait for a script.
    pub(crate) warm_pool: WarmPool,
    pub(crate) counters: Counters,
    pub(crate) news: News,
    /// One for the process, since it limits the memory that passwords take.
    pub(crate) hasher: Hasher,
}

impl Shared {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            committed: AtomicU64::default(),
            script_tests: AtomicUsize::default(),
            warm_pool: WarmPool::default(),
            counters: Counters::default(),
            news: News::default(),
            hasher: Hasher::for_this_machine(),
        }
    }

    /// Gives the database without a permission check. It is for the sign-in of administrators, for the execution of
    /// runs that were allowed when they were made, and for the coordination of processes.
    pub(crate) fn store_unchecked(&self) -> &Store {
        &self.store
    }

    /// The present moment.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Counts outcomes that this process has committed.
    pub(crate) fn count_committed(&self, outcomes: u64) {
        self.committed.fetch_add(outcomes, Ordering::Relaxed);
    }
}
