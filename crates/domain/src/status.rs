//! The status of a user: whether they can sign in, by FreeRADIUS's rule.

use std::fmt;

use crate::{Timestamp, User};

/// Whether a user can sign in at a moment, by the rule that FreeRADIUS follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// The user is active and has not expired.
    Active,
    /// The user is active, but the expiration is the present moment or an earlier one.
    Expired,
    /// The user is inactive, expired or not.
    Inactive,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Active, Self::Expired, Self::Inactive];

    /// The status of a user with these fields at the moment `now`.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), rollcall_domain::Rejection> {
    /// use rollcall_domain::{Status, Timestamp, Zone};
    ///
    /// let now = Timestamp::parse("2026-12-01T12:00", &Zone::utc())?;
    /// assert_eq!(Status::of(true, None, now), Status::Active);
    /// assert_eq!(Status::of(true, Some(now), now), Status::Expired);
    /// assert_eq!(Status::of(false, Some(now), now), Status::Inactive);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn of(is_active: bool, expiration: Option<Timestamp>, now: Timestamp) -> Self {
        match expiration {
            _ if !is_active => Self::Inactive,
            Some(expiration) if expiration <= now => Self::Expired,
            _ => Self::Active,
        }
    }

    /// The name that is shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Inactive => "inactive",
        }
    }

    /// The text of the filter that selects the users with this status.
    #[must_use]
    pub fn filter(self) -> &'static str {
        match self {
            Self::Active => "is_active eq true and not (expiration le now)",
            Self::Expired => "is_active eq true and expiration le now",
            Self::Inactive => "is_active eq false",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl User {
    /// The status of the user at the moment `now`.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        Status::of(self.is_active, self.expiration, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::parse;
    use crate::{Reply, Zone};

    #[test]
    fn status_is_what_its_filter_and_radius_say() {
        let zone = Zone::utc();
        let at = |text: &str| Timestamp::parse(text, &zone).unwrap();
        let now = at("2026-12-01T12:00:00Z");
        for (is_active, expiration, status) in [
            (true, None, Status::Active),
            (true, Some("2026-12-01T12:00:00.000001Z"), Status::Active),
            (true, Some("2026-12-01T12:00:00Z"), Status::Expired),
            (true, Some("2020-01-01"), Status::Expired),
            (false, None, Status::Inactive),
            (false, Some("2020-01-01"), Status::Inactive),
            (false, Some("2027-01-01"), Status::Inactive),
        ] {
            let user = User { is_active, expiration: expiration.map(at), ..User::new(1, "ana", 1, now) };
            assert_eq!(user.status(now), status, "{user:?}");
            for other in Status::ALL {
                let filter = parse(other.filter(), &zone, now).unwrap();
                assert_eq!(filter.matches(&user, ""), other == status, "{other}: {user:?}");
            }
            let rejected = Reply::to(&user, &[], now).rejected;
            assert_eq!(rejected.is_some(), status != Status::Active, "{user:?}: {rejected:?}");
        }
    }
}
