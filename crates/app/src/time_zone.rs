//! The time zone of the installation, in which everybody reads dates without an offset and sees moments.

use rollcall_domain::{Right, Zone};

use crate::{App, AppError};

/// The setting that names it.
const TIME_ZONE: &str = "time_zone";

impl App {
    /// The zone in which dates without an offset are read and moments are shown.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Rollcall with another zone than the installation's, for one command or request.
    #[must_use]
    pub fn in_zone(&self, zone: &Zone) -> Self {
        Self { zone: zone.clone(), is_zone_chosen: true, ..self.clone() }
    }

    /// Rollcall with the zone that the installation has now, unless another one was chosen ([`App::in_zone`]). Processes
    /// that stay ask for it at every request.
    pub fn in_installation_zone(&self) -> Result<Self, AppError> {
        let set = self.engine().setting(TIME_ZONE)?;
        let installation_zone = set.map_or_else(|| Ok(Zone::utc()), |name| name.parse())?;
        let zone = if self.is_zone_chosen { self.zone.clone() } else { installation_zone.clone() };
        Ok(Self { zone, installation_zone, ..self.clone() })
    }

    /// The zone in which shared items, such as saved filters, are read, whatever zone was chosen.
    pub(crate) fn installation_zone(&self) -> &Zone {
        &self.installation_zone
    }

    /// The zone that the installation is set to, if it is; else it is UTC.
    pub fn time_zone(&self) -> Result<Option<Zone>, AppError> {
        let set = self.may(Right::Look)?.setting(TIME_ZONE)?;
        Ok(set.map(|name| name.parse()).transpose()?)
    }

    /// Sets the zone of the installation, or unsets it.
    pub fn set_time_zone(&self, zone: Option<&Zone>) -> Result<(), AppError> {
        let permit = self.may_everywhere(Right::Administer)?;
        Ok(permit.set_setting(TIME_ZONE, zone.map(Zone::name), &self.act())?)
    }
}
