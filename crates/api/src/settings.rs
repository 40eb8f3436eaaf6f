//! Settings that a run keeps.

use rollcall_domain as domain;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Brakes;

/// The settings of a run's execution.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct RunSettings {
    /// The longest time that the script may take for one target, in seconds.
    pub time_limit: f64,
    /// The limits at which the run stops by itself.
    pub brakes: Brakes,
    /// The number of targets after which the run stops, to be checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<u64>,
    /// The IANA name of the time zone in which the script reads dates without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Whether the run only reports: a target whose user would be changed fails.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub report: bool,
    /// Whether items that FreeRADIUS would reject a user for are refused, in place of a warning.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
    /// The account or administrator who started or resumed the run, if that was not its creator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorized_by: Option<RunAuthority>,
}

/// The account or administrator with whose permissions a run continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunAuthority {
    /// An account of the operating system.
    Account,
    /// An administrator, by ID.
    Administrator(i64),
}

impl From<&domain::Settings> for RunSettings {
    fn from(settings: &domain::Settings) -> Self {
        let domain::Settings { time_limit, brakes, canary, zone, report, strict, vouched_by } = settings;
        Self {
            time_limit: *time_limit as f64 / 1_000.0,
            brakes: (*brakes).into(),
            canary: *canary,
            zone: zone.clone(),
            report: *report,
            strict: *strict,
            authorized_by: vouched_by.map(|voucher| match voucher {
                domain::Voucher::Account => RunAuthority::Account,
                domain::Voucher::Administrator(id) => RunAuthority::Administrator(id),
            }),
        }
    }
}
