//! What Rollcall can do, for whichever door it is asked through: look users up and edit them, import and export
//! them, run scripts over them in preview or for good.
//!
//! Use cases join the database and the sandbox, which do not know each other. There is no terminal and no HTTP here.

mod access;
mod administrators;
mod audit;
mod catalogue;
mod csv_text;
mod error;
mod expected;
mod export;
mod filters;
mod history;
mod holder;
mod import;
mod import_faults;
mod migrate;
mod news;
mod owned;
mod pages;
mod prune;
pub mod radius;
pub mod runs;
pub mod sample;
pub mod scripts;
pub mod sign_in;
mod statistics;
mod table;
mod time_zone;
mod uploads;
mod users;
pub mod wire;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rollcall_domain::{Clock, Zone};
use rollcall_store::Store;

use access::Vault;
use news::News;
use radius::MachineDictionary;
use runs::Kept;
use statistics::Counts;

pub use access::Actor;
pub use error::{AppError, Kind};
pub use expected::{Expected, revision};
pub use filters::{Counted, FilterFault, ReadFilter};
pub use import::{FaultyRow, ImportDuplicates, ImportObserver, ImportRequest, Imported};
pub use import_faults::{Fault, FaultGroup, FaultGroups, FaultKind};
pub use prune::{Age, Pruned};
pub use statistics::Statistics;
pub use table::{
    HiddenCells, MAX_COLUMNS, MAX_ROW, NAME_ENCODING, Quote, Row, Table, TableError, TableOptions,
};
pub use uploads::Uploading;
pub use users::{
    Found, ListKey, Listed, NewUser, Reverting, SearchKey, SelectedUsers, UserEdit, UserSelection, Users,
};

/// The databases: opened, created, and named by URLs.
pub mod database {
    pub use rollcall_store::{Copied, CopyEvent, Location, Phase, Store, StoreError};
}

/// What a process executes and is not heard of for so long, others may take over. Long enough for a machine that is busy
/// or swaps, short enough for whoever waits for one that is gone.
pub const LEASE: Duration = Duration::from_secs(30);

/// Rollcall, on behalf of one administrator.
#[derive(Clone)]
pub struct App {
    vault: Vault,
    clock: Arc<dyn Clock>,
    /// The zone for reading dates without an offset and for showing moments: the installation's or another.
    zone: Zone,
    /// As it was set when it was last read.
    installation_zone: Zone,
    /// Whether a command or a request has chosen another zone than the installation's.
    is_zone_chosen: bool,
    actor: Actor,
    lease: Duration,
    /// Outcomes that this process has committed.
    committed: Arc<AtomicU64>,
    /// How many scripts this process tries at this moment.
    trials: Arc<AtomicUsize>,
    /// The sandbox of a process that stays, with workers that wait for a script.
    kept: Arc<Mutex<Option<Kept>>>,
    counts: Arc<Counts>,
    news: Arc<News>,
    /// Where the dictionaries of this machine's FreeRADIUS are.
    dictionaries: Option<PathBuf>,
    machine_dictionary: Arc<MachineDictionary>,
}

impl App {
    /// Works on `store` for `actor`. Dates without an offset are in `zone`, until the setting is read
    /// ([`App::in_installation_zone`]).
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>, zone: Zone, actor: Actor) -> Self {
        Self {
            vault: Vault::new(store),
            clock,
            installation_zone: zone.clone(),
            is_zone_chosen: false,
            zone,
            actor,
            lease: LEASE,
            committed: Arc::default(),
            trials: Arc::default(),
            kept: Arc::default(),
            counts: Arc::default(),
            news: Arc::default(),
            dictionaries: None,
            machine_dictionary: Arc::default(),
        }
    }

    /// The same, where what it executes may be taken over after another time than [`LEASE`].
    #[must_use]
    pub fn with_lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// The same, where the dictionaries of a FreeRADIUS are in a folder of this machine.
    #[must_use]
    pub fn with_dictionaries(self, folder: Option<PathBuf>) -> Self {
        Self { dictionaries: folder, machine_dictionary: Arc::default(), ..self }
    }

    /// Counts outcomes that this process has committed.
    fn count_committed(&self, outcomes: u64) {
        self.committed.fetch_add(outcomes, Ordering::Relaxed);
    }

    /// Between two looks at what other processes do.
    #[expect(clippy::disallowed_methods, reason = "nothing in this process tells what others do")]
    fn pause(time: Duration) {
        std::thread::sleep(time);
    }

    /// The same for somebody else, for a door that has let them in.
    #[must_use]
    pub fn acting(&self, actor: Actor) -> Self {
        Self { actor, ..self.clone() }
    }

    /// On whose behalf.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }
}
