//! The settings of the installation.

use rollcall_domain::{Above, Rejection, Right, Zone};
use rollcall_store::FOUR_EYES_ABOVE;

use crate::age::Age;
use crate::app::TIME_ZONE;
use crate::error::AppError;
use crate::operations::SettingOperations;
use crate::radius::retention::RadiusRecords;

/// The setting that names the age at which runs are pruned.
pub(crate) const PRUNE_AFTER: &str = "prune_after";
/// The setting by which attributes that FreeRADIUS would reject a user for are refused.
pub(crate) const STRICT_ATTRIBUTES: &str = "strict_attributes";
/// The shortest time for which records of FreeRADIUS are kept. No month is longer, so older ones are in no limit of
/// this day, week or month.
const SHORTEST_RETENTION: &str = "32d";

impl SettingOperations<'_> {
    /// The number of targets above which a run needs the approval of a second administrator; none: never.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn four_eyes_above(self) -> Result<Option<Above>, AppError> {
        let text = self.app.require_permission(Right::Look)?.installation().setting(FOUR_EYES_ABOVE)?;
        Ok(text.map(|text| text.parse()).transpose()?)
    }

    /// Sets the number of targets above which a run needs the approval of a second administrator; none: never.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn set_four_eyes_above(self, above: Option<Above>) -> Result<(), AppError> {
        let permit = self.app.require_permission_everywhere(Right::Administer)?;
        let text = above.map(|above| above.to_string());
        Ok(permit.installation().set_setting(FOUR_EYES_ABOVE, text.as_deref(), &self.app.act())?)
    }

    /// The age at which runs are pruned; none: never.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn prune_after(self) -> Result<Option<Age>, AppError> {
        let text = self.app.require_permission(Right::Look)?.installation().setting(PRUNE_AFTER)?;
        Ok(text.map(|text| text.parse()).transpose()?)
    }

    /// Sets the age at which runs are pruned; none: never.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn set_prune_after(self, age: Option<Age>) -> Result<(), AppError> {
        let permit = self.app.require_permission_everywhere(Right::Administer)?;
        let text = age.map(|age| age.to_string());
        Ok(permit.installation().set_setting(PRUNE_AFTER, text.as_deref(), &self.app.act())?)
    }

    /// The time for which records of FreeRADIUS are kept; none: for ever.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn radius_retention(self, records: RadiusRecords) -> Result<Option<Age>, AppError> {
        let text = self.app.require_permission(Right::Look)?.installation().setting(records.setting())?;
        Ok(text.map(|text| text.parse()).transpose()?)
    }

    /// Sets the time for which records of FreeRADIUS are kept; none: for ever.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Rejected`] below 32 days, since limits count what happened in a month.
    pub fn set_radius_retention(self, records: RadiusRecords, age: Option<Age>) -> Result<(), AppError> {
        let permit = self.app.require_permission_everywhere(Right::Administer)?;
        let shortest: Age = SHORTEST_RETENTION.parse()?;
        if let Some(age) = age.filter(|age| age.time() < shortest.time()) {
            let why = format!(
                "{} cannot be {age}: limits count what happened in this month, so take {SHORTEST_RETENTION} or more",
                records.setting()
            );
            return Err(Rejection::new(why).into());
        }
        let text = age.map(|age| age.to_string());
        Ok(permit.installation().set_setting(records.setting(), text.as_deref(), &self.app.act())?)
    }

    /// Whether attributes that FreeRADIUS would reject a user for are refused everywhere, instead of warned of.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn strict_attributes(self) -> Result<bool, AppError> {
        self.app.require_permission(Right::Look)?;
        Ok(self.app.radius().refuses_unknown_attributes()?)
    }

    /// Sets whether attributes that FreeRADIUS would reject a user for are refused everywhere.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn set_strict_attributes(self, strict: bool) -> Result<(), AppError> {
        let permit = self.app.require_permission_everywhere(Right::Administer)?;
        Ok(permit.installation().set_setting(STRICT_ATTRIBUTES, strict.then_some("yes"), &self.app.act())?)
    }

    /// The time zone that the installation is set to; none: UTC.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn time_zone(self) -> Result<Option<Zone>, AppError> {
        let set = self.app.require_permission(Right::Look)?.installation().setting(TIME_ZONE)?;
        Ok(set.map(|name| name.parse()).transpose()?)
    }

    /// Sets the time zone of the installation; none: UTC.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn set_time_zone(self, zone: Option<&Zone>) -> Result<(), AppError> {
        let permit = self.app.require_permission_everywhere(Right::Administer)?;
        Ok(permit.installation().set_setting(TIME_ZONE, zone.map(Zone::name), &self.app.act())?)
    }
}
