//! Formats of moments in a zone, for people and for programs.

use crate::{Field, Kind, Timestamp, ValueRef, Zone};

/// The format of moments: their zone, and whether people or programs read them.
#[derive(Debug, Clone)]
pub struct Times {
    zone: Zone,
    for_people: bool,
}

impl Times {
    /// Moments such as `2027-01-31 00:00 CET`.
    #[must_use]
    pub fn for_people(zone: &Zone) -> Self {
        Self { zone: zone.clone(), for_people: true }
    }

    /// Moments such as `2027-01-31T00:00:00+01:00`, which imports read back.
    #[must_use]
    pub fn for_programs(zone: &Zone) -> Self {
        Self { zone: zone.clone(), for_people: false }
    }

    /// A moment, with every fraction of a second.
    #[must_use]
    pub fn exact(&self, time: Timestamp) -> String {
        if self.for_people { self.zone.show(time) } else { self.zone.rfc3339(time) }
    }

    /// A moment to the second, such as when a run was created: the whole value is in the JSON.
    #[must_use]
    pub fn short(&self, time: Timestamp) -> String {
        self.exact(time.to_second())
    }

    /// A value of a field; nothing for an absent time.
    #[must_use]
    pub fn value(&self, value: ValueRef<'_>) -> String {
        match value {
            ValueRef::Time(Some(time)) => self.exact(time),
            other => other.to_string(),
        }
    }

    /// Formats the moments in a change that users have in common. Groups of changes have it in UTC:
    /// `expiration none → 2027-01-31T00:00:00Z`.
    #[must_use]
    pub fn grouped_change(&self, text: &str) -> String {
        let Some((field, rest)) = text.split_once(' ') else { return text.to_owned() };
        if !field.parse::<Field>().is_ok_and(|field| field.kind() == Kind::Time) {
            return text.to_owned();
        }
        let shown = |word: &str| match Timestamp::parse(word, &Zone::utc()) {
            Ok(time) => self.exact(time),
            Err(_) => word.to_owned(),
        };
        format!("{field} {}", rest.split(' ').map(shown).collect::<Vec<_>>().join(" "))
    }

    /// All changes that a group of users has in common.
    #[must_use]
    pub fn grouped_changes(&self, changes: &[String]) -> String {
        changes.iter().map(|text| self.grouped_change(text)).collect::<Vec<_>>().join(", ")
    }
}
