//! Settings, pruning and workers.

use std::str::FromStr;

use rollcall_api::{PruneResult, Worker};
use rollcall_app::Age;
use rollcall_app::radius::RadiusRecords;
use rollcall_app::runs::Stop;
use rollcall_client::Client;
use rollcall_domain::{Above, Rejection, Zone};

use super::Backend;

const PRUNE_AFTER: &str = "prune_after";
const FOUR_EYES_ABOVE: &str = "four_eyes_above";
const TIME_ZONE: &str = "time_zone";
const STRICT_ATTRIBUTES: &str = "strict_attributes";

impl Backend {
    /// The age at which things are pruned, if that was set.
    pub(crate) fn prune_after(&self) -> anyhow::Result<Option<Age>> {
        match self {
            Self::Local(app) => Ok(app.settings().prune_after()?),
            Self::Remote(client) => setting(client, PRUNE_AFTER),
        }
    }

    /// Sets the age at which things are pruned; none: never.
    pub(crate) fn set_prune_after(&self, age: Option<Age>) -> anyhow::Result<()> {
        match self {
            Self::Local(app) => Ok(app.settings().set_prune_after(age)?),
            Self::Remote(client) => set(client, PRUNE_AFTER, age.map(|age| age.to_string()).as_deref()),
        }
    }

    /// The number of targets above which a run needs a second administrator, if that was set.
    pub(crate) fn four_eyes_above(&self) -> anyhow::Result<Option<Above>> {
        match self {
            Self::Local(app) => Ok(app.settings().four_eyes_above()?),
            Self::Remote(client) => setting(client, FOUR_EYES_ABOVE),
        }
    }

    /// Sets the number of targets above which a run needs a second administrator; none: no run does.
    pub(crate) fn set_four_eyes_above(&self, above: Option<Above>) -> anyhow::Result<()> {
        match self {
            Self::Local(app) => Ok(app.settings().set_four_eyes_above(above)?),
            Self::Remote(client) => {
                set(client, FOUR_EYES_ABOVE, above.map(|above| above.to_string()).as_deref())
            }
        }
    }

    /// The zone that dates are in, if that was set; else it is UTC.
    pub(crate) fn time_zone(&self) -> anyhow::Result<Option<Zone>> {
        match self {
            Self::Local(app) => Ok(app.settings().time_zone()?),
            Self::Remote(client) => setting(client, TIME_ZONE),
        }
    }

    /// Sets the zone that dates are in; none: UTC.
    pub(crate) fn set_time_zone(&self, zone: Option<&Zone>) -> anyhow::Result<()> {
        match self {
            Self::Local(app) => Ok(app.settings().set_time_zone(zone)?),
            Self::Remote(client) => set(client, TIME_ZONE, zone.map(Zone::name)),
        }
    }

    /// Whether items that FreeRADIUS would reject a user for are refused.
    pub(crate) fn is_strict(&self) -> anyhow::Result<bool> {
        match self {
            Self::Local(app) => Ok(app.settings().strict_attributes()?),
            Self::Remote(client) => Ok(value(client, STRICT_ATTRIBUTES)?.is_some()),
        }
    }

    /// Sets whether items that FreeRADIUS would reject a user for are refused.
    pub(crate) fn set_strict(&self, strict: bool) -> anyhow::Result<()> {
        match self {
            Self::Local(app) => Ok(app.settings().set_strict_attributes(strict)?),
            Self::Remote(client) => set(client, STRICT_ATTRIBUTES, strict.then_some("yes")),
        }
    }

    /// The age at which something is removed that FreeRADIUS writes; none: it stays.
    pub(crate) fn kept_past(&self, past: RadiusRecords) -> anyhow::Result<Option<Age>> {
        match self {
            Self::Local(app) => Ok(app.settings().radius_retention(past)?),
            Self::Remote(client) => setting(client, past.setting()),
        }
    }

    /// Sets the age at which something is removed that FreeRADIUS writes; none: it stays.
    pub(crate) fn set_kept_past(&self, past: RadiusRecords, age: Option<Age>) -> anyhow::Result<()> {
        match self {
            Self::Local(app) => Ok(app.settings().set_radius_retention(past, age)?),
            Self::Remote(client) => set(client, past.setting(), age.map(|age| age.to_string()).as_deref()),
        }
    }

    /// Removes the targets, outcomes and journals of what ended longer than `age` ago, and by their settings what
    /// FreeRADIUS has written. A server does that in one request: it gives no `progress`, and heeds no `stop`.
    pub(crate) fn prune(
        &self,
        age: Option<Age>,
        stop: &Stop,
        progress: impl FnMut(u64),
    ) -> anyhow::Result<PruneResult> {
        match self {
            Self::Local(app) => Ok(app.maintenance().prune(age, stop, progress)?.into()),
            Self::Remote(client) => Ok(client.prune(age.map(|age| age.to_string()).as_deref())?),
        }
    }

    /// Lists the workers.
    pub(crate) fn workers(&self) -> anyhow::Result<Vec<Worker>> {
        match self {
            Self::Local(app) => Ok(app.workers().list()?.into_iter().map(Worker::from).collect()),
            Self::Remote(client) => Ok(client.workers()?),
        }
    }

    /// Whether a worker can take a queued run.
    pub(crate) fn has_workers(&self) -> anyhow::Result<bool> {
        match self {
            Self::Local(app) => Ok(app.workers().any_available()?),
            Self::Remote(client) => Ok(client.has_workers()?),
        }
    }
}

fn value(client: &Client, name: &str) -> anyhow::Result<Option<String>> {
    let setting = client.settings()?.into_iter().find(|setting| setting.name == name);
    Ok(setting.and_then(|setting| setting.value))
}

fn setting<T: FromStr<Err = Rejection>>(client: &Client, name: &str) -> anyhow::Result<Option<T>> {
    Ok(value(client, name)?.map(|value| value.parse()).transpose()?)
}

fn set(client: &Client, name: &str, value: Option<&str>) -> anyhow::Result<()> {
    Ok(client.set_setting(name, value)?)
}
