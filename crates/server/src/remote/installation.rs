//! What holds for all of it: settings, pruning, workers.

use std::str::FromStr;

use rollcall_app::radius::Past;
use rollcall_app::runs::{Stop, WorkerInfo};
use rollcall_app::{Age, Pruned};
use rollcall_domain::{Above, Refusal, Zone};
use serde_json::json;
use ureq::http::{HeaderMap, Method};

use super::{Address, Client, Site};
use crate::contract::{self, Page, Setting};

const PRUNE_AFTER: &str = "prune_after";
const FOUR_EYES_ABOVE: &str = "four_eyes_above";
const TIME_ZONE: &str = "time_zone";
const STRICT_ATTRIBUTES: &str = "strict_attributes";

impl Site {
    /// The age at which things are pruned, if that was set.
    pub(crate) fn prune_after(&self) -> anyhow::Result<Option<Age>> {
        match self {
            Self::Here(app) => Ok(app.prune_after()?),
            Self::There(client) => client.setting(PRUNE_AFTER),
        }
    }

    /// Sets the age at which things are pruned; none: never.
    pub(crate) fn set_prune_after(&self, age: Option<Age>) -> anyhow::Result<()> {
        match self {
            Self::Here(app) => Ok(app.set_prune_after(age)?),
            Self::There(client) => client.set(PRUNE_AFTER, age.map(|age| age.to_string())),
        }
    }

    /// Above how many targets a run takes a second administrator, if that was set.
    pub(crate) fn four_eyes_above(&self) -> anyhow::Result<Option<Above>> {
        match self {
            Self::Here(app) => Ok(app.four_eyes_above()?),
            Self::There(client) => client.setting(FOUR_EYES_ABOVE),
        }
    }

    /// Sets above how many targets a run takes a second administrator; none: never.
    pub(crate) fn set_four_eyes_above(&self, above: Option<Above>) -> anyhow::Result<()> {
        match self {
            Self::Here(app) => Ok(app.set_four_eyes_above(above)?),
            Self::There(client) => client.set(FOUR_EYES_ABOVE, above.map(|above| above.to_string())),
        }
    }

    /// The zone that dates are in, if that was set; else it is UTC.
    pub(crate) fn time_zone(&self) -> anyhow::Result<Option<Zone>> {
        match self {
            Self::Here(app) => Ok(app.time_zone()?),
            Self::There(client) => client.setting(TIME_ZONE),
        }
    }

    /// Sets the zone that dates are in; none: UTC.
    pub(crate) fn set_time_zone(&self, zone: Option<&Zone>) -> anyhow::Result<()> {
        match self {
            Self::Here(app) => Ok(app.set_time_zone(zone)?),
            Self::There(client) => client.set(TIME_ZONE, zone.map(|zone| zone.name().to_owned())),
        }
    }

    /// Whether items that FreeRADIUS would reject a user for are refused.
    pub(crate) fn is_strict(&self) -> anyhow::Result<bool> {
        match self {
            Self::Here(app) => Ok(app.is_strict()?),
            Self::There(client) => Ok(client.value(STRICT_ATTRIBUTES)?.is_some()),
        }
    }

    /// Sets whether they are.
    pub(crate) fn set_strict(&self, strict: bool) -> anyhow::Result<()> {
        match self {
            Self::Here(app) => Ok(app.set_strict(strict)?),
            Self::There(client) => client.set(STRICT_ATTRIBUTES, strict.then(|| "yes".to_owned())),
        }
    }

    /// How long something is kept that FreeRADIUS writes; none: for ever.
    pub(crate) fn kept_past(&self, past: Past) -> anyhow::Result<Option<Age>> {
        match self {
            Self::Here(app) => Ok(app.kept_past(past)?),
            Self::There(client) => client.setting(past.setting()),
        }
    }

    /// Sets that.
    pub(crate) fn set_kept_past(&self, past: Past, age: Option<Age>) -> anyhow::Result<()> {
        match self {
            Self::Here(app) => Ok(app.set_kept_past(past, age)?),
            Self::There(client) => client.set(past.setting(), age.map(|age| age.to_string())),
        }
    }

    /// Removes the targets, outcomes and journals of what ended longer than `age` ago, and what the settings want of what
    /// FreeRADIUS has written. A server does that by itself, in one go: `progress` is not told, and `stop` is not heard.
    pub(crate) fn prune(
        &self,
        age: Option<Age>,
        stop: &Stop,
        progress: impl FnMut(u64),
    ) -> anyhow::Result<Pruned> {
        match self {
            Self::Here(app) => Ok(app.prune(age, stop, progress)?),
            Self::There(client) => {
                let body = json!({ "older_than": age.map(|age| age.to_string()) });
                Ok(client.tell::<contract::Pruned>(Method::POST, &Address::of(&["prune"]), &body)?.into())
            }
        }
    }

    /// The workers that have not said farewell, in the order in which they began.
    pub(crate) fn workers(&self) -> anyhow::Result<Vec<WorkerInfo>> {
        match self {
            Self::Here(app) => Ok(app.workers()?),
            Self::There(client) => {
                let all = client.list::<contract::Worker>(Address::of(&["workers"]))?;
                Ok(all.into_iter().map(WorkerInfo::from).collect())
            }
        }
    }
}

impl Client {
    fn value(&self, name: &str) -> anyhow::Result<Option<String>> {
        let all = self.get::<Page<Setting>>(&Address::of(&["settings"]))?.items;
        Ok(all.into_iter().find(|setting| setting.name == name).and_then(|setting| setting.value))
    }

    fn setting<T: FromStr<Err = Refusal>>(&self, name: &str) -> anyhow::Result<Option<T>> {
        Ok(self.value(name)?.map(|value| value.parse()).transpose()?)
    }

    fn set(&self, name: &str, value: Option<String>) -> anyhow::Result<()> {
        let address = Address::of(&["settings", name]);
        match value {
            Some(value) => self.tell::<Setting>(Method::PUT, &address, &json!({ "value": value })).map(drop),
            None => self.remove(&address, &HeaderMap::new()).map(drop),
        }
    }
}
