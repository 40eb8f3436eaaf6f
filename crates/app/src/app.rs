//! Rollcall on behalf of one actor: what every area of use cases starts from.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rollcall_domain::{Act, Clock, OrganizationId, Timestamp, Zone};
use rollcall_store::Store;

use crate::actor::Actor;
use crate::error::AppError;
use crate::radius::machine_dictionary::MachineDictionary;
use crate::shared::Shared;

/// The time after which other processes take over the work of a process that has not reported since. It is long enough
/// for a machine that is busy or swaps, and short enough for an administrator who waits.
pub const LEASE: Duration = Duration::from_secs(30);

/// The setting that names the time zone of the installation.
pub(crate) const TIME_ZONE: &str = "time_zone";

/// Rollcall on behalf of one [`Actor`]. Its operations are grouped by area, such as [`App::runs`] and [`App::users`].
///
/// Copies are cheap: they share the database, the clock and the counters of the process, and differ in their actor and
/// time zone.
#[derive(Clone)]
pub struct App {
    pub(crate) shared: Arc<Shared>,
    actor: Actor,
    /// The zone in which dates without an offset are read and moments are shown.
    zone: Zone,
    /// The zone of the installation when it was last read.
    installation_zone: Zone,
    /// Whether a command or a request has chosen `zone`.
    is_zone_chosen: bool,
    pub(crate) lease: Duration,
    pub(crate) machine_dictionary: Arc<MachineDictionary>,
}

impl App {
    /// Works on `store` for `actor`. Dates without an offset are in `zone`, until the setting is read
    /// ([`App::with_installation_zone`]).
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>, zone: Zone, actor: Actor) -> Self {
        Self {
            shared: Arc::new(Shared::new(store, clock)),
            actor,
            installation_zone: zone.clone(),
            zone,
            is_zone_chosen: false,
            lease: LEASE,
            machine_dictionary: Arc::default(),
        }
    }

    /// Replaces the time after which other processes take over this one's work, which is [`LEASE`] at first.
    #[must_use]
    pub fn with_lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// Sets the folder of this machine's FreeRADIUS dictionaries; without one the built-in dictionary is used.
    #[must_use]
    pub fn with_dictionaries(self, folder: Option<PathBuf>) -> Self {
        Self { machine_dictionary: Arc::new(MachineDictionary::new(folder)), ..self }
    }

    /// Makes a copy that acts for another actor, who is authenticated already.
    #[must_use]
    pub fn with_actor(&self, actor: Actor) -> Self {
        Self { actor, ..self.clone() }
    }

    /// Makes a copy that sees and changes one organization only. It has no right that this one lacks, so an
    /// organization that the actor may not see is empty.
    #[must_use]
    pub fn within_organization(&self, organization: OrganizationId) -> Self {
        self.with_actor(self.actor.within(organization))
    }

    /// Makes a copy with another zone than the installation's, for one command or request.
    #[must_use]
    pub fn with_zone(&self, zone: &Zone) -> Self {
        Self { zone: zone.clone(), is_zone_chosen: true, ..self.clone() }
    }

    /// Makes a copy with the zone that the installation has now, unless another one was chosen ([`App::with_zone`]).
    /// Servers do so at every request.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn with_installation_zone(&self) -> Result<Self, AppError> {
        let set = self.store_unchecked().installation().setting(TIME_ZONE)?;
        let installation_zone = set.map_or_else(|| Ok(Zone::utc()), |name| name.parse())?;
        let zone = if self.is_zone_chosen { self.zone.clone() } else { installation_zone.clone() };
        Ok(Self { zone, installation_zone, ..self.clone() })
    }

    /// The actor on whose behalf this copy works.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The zone in which dates without an offset are read and moments are shown.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The zone in which shared items, such as saved filters, are read, whatever zone was chosen.
    pub(crate) fn installation_zone(&self) -> &Zone {
        &self.installation_zone
    }

    /// The present moment.
    pub(crate) fn now(&self) -> Timestamp {
        self.shared.now()
    }

    /// The actor and the moment, for the audit log.
    pub(crate) fn act(&self) -> Act<'_> {
        Act {
            at: self.now(),
            who: self.actor.name(),
            administrator_id: self.actor.id(),
            address: self.actor.address(),
        }
    }

    /// Gives the database without a permission check: see [`Shared::store_unchecked`].
    pub(crate) fn store_unchecked(&self) -> &Store {
        self.shared.store_unchecked()
    }
}
