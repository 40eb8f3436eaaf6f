//! Settings, workers and pruning.

use axum::Json;
use axum::http::StatusCode;
use rollcall_app::radius::RadiusRecords;
use rollcall_app::runs::Stop;
use rollcall_app::{Age, App, AppError};
use rollcall_domain::{Above, Rejection, Zone};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::blocking;
use crate::extract::{Body, Path};
use crate::problem::{Fault, Problem};
use rollcall_api::{Page, PruneResult, Setting, Worker};

/// What a setting is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SettingValue {
    /// Such as `90d` for `prune_after`, `1000` for `four_eyes_above`, `yes` for `strict_attributes`, or `Europe/Berlin` for `time_zone`.
    value: String,
}

/// The age of the runs to prune.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PruneRequest {
    /// What ended longer ago than this, such as `90d`; missing: the setting `prune_after`. What FreeRADIUS has written goes by
    /// its own settings.
    #[serde(default)]
    older_than: Option<String>,
}

/// A setting that there is.
#[derive(Clone, Copy)]
enum Name {
    PruneAfter,
    FourEyesAbove,
    StrictAttributes,
    TimeZone,
    Kept(RadiusRecords),
}

impl Name {
    const ALL: [Self; 6] = [
        Self::PruneAfter,
        Self::FourEyesAbove,
        Self::StrictAttributes,
        Self::TimeZone,
        Self::Kept(RadiusRecords::Logins),
        Self::Kept(RadiusRecords::Sessions),
    ];

    fn text(self) -> &'static str {
        match self {
            Self::PruneAfter => "prune_after",
            Self::FourEyesAbove => "four_eyes_above",
            Self::StrictAttributes => "strict_attributes",
            Self::TimeZone => "time_zone",
            Self::Kept(past) => past.setting(),
        }
    }

    fn read(text: &str) -> Result<Self, Problem> {
        let missing = || Problem::new(StatusCode::NOT_FOUND, format!("there is no setting {text:?}"));
        Self::ALL.into_iter().find(|name| name.text() == text).ok_or_else(missing)
    }

    fn get(self, app: &App) -> Result<Setting, AppError> {
        let value = match self {
            Self::PruneAfter => app.settings().prune_after()?.map(|age| age.to_string()),
            Self::FourEyesAbove => app.settings().four_eyes_above()?.map(|above| above.to_string()),
            Self::StrictAttributes => app.settings().strict_attributes()?.then(|| "yes".to_owned()),
            Self::TimeZone => app.settings().time_zone()?.map(|zone| zone.name().to_owned()),
            Self::Kept(past) => app.settings().radius_retention(past)?.map(|age| age.to_string()),
        };
        Ok(Setting { name: self.text().to_owned(), value })
    }

    fn set(self, app: &App, value: Option<&str>) -> Result<Setting, AppError> {
        match self {
            Self::PruneAfter => app.settings().set_prune_after(value.map(str::parse::<Age>).transpose()?)?,
            Self::Kept(past) => {
                app.settings().set_radius_retention(past, value.map(str::parse::<Age>).transpose()?)?;
            }
            Self::FourEyesAbove => {
                app.settings().set_four_eyes_above(value.map(str::parse::<Above>).transpose()?)?;
            }
            Self::TimeZone => {
                app.settings().set_time_zone(value.map(str::parse::<Zone>).transpose()?.as_ref())?;
            }
            Self::StrictAttributes => app.settings().set_strict_attributes(match value {
                Some("yes") => true,
                Some("no") | None => false,
                Some(other) => {
                    return Err(Rejection::new(format!("{other:?} is neither yes nor no")).into());
                }
            })?,
        }
        self.get(app)
    }
}

/// Lists the settings.
#[utoipa::path(get, path = "/settings", operation_id = "listSettings", tag = "installation", responses((status = 200, body = Page<Setting>)))]
pub(super) async fn settings(Caller(app): Caller) -> Result<Json<Page<Setting>>, Problem> {
    let items = blocking(move || Name::ALL.into_iter().map(|name| name.get(&app)).collect()).await?;
    Ok(Json(Page { items, next: None }))
}

/// Sets a setting.
#[utoipa::path(put, path = "/settings/{name}", operation_id = "setSetting", tag = "installation", params(("name" = String, Path)),
    request_body = SettingValue, responses((status = 200, body = Setting)))]
pub(super) async fn set(
    Caller(app): Caller,
    Path(name): Path<String>,
    Body(new): Body<SettingValue>,
) -> Result<Json<Setting>, Problem> {
    let name = Name::read(&name)?;
    Ok(Json(blocking(move || name.set(&app, Some(&new.value))).await?))
}

/// Resets a setting to its default.
#[utoipa::path(delete, path = "/settings/{name}", operation_id = "unsetSetting", tag = "installation", params(("name" = String, Path)),
    responses((status = 200, body = Setting)))]
pub(super) async fn unset(Caller(app): Caller, Path(name): Path<String>) -> Result<Json<Setting>, Problem> {
    let name = Name::read(&name)?;
    Ok(Json(blocking(move || name.set(&app, None)).await?))
}

/// Lists worker processes and their status.
#[utoipa::path(get, path = "/workers", operation_id = "listWorkers", tag = "installation", responses((status = 200, body = Page<Worker>)))]
pub(super) async fn workers(Caller(app): Caller) -> Result<Json<Page<Worker>>, Problem> {
    let workers = blocking(move || app.workers().list()).await?;
    Ok(Json(Page { items: workers.into_iter().map(Worker::from).collect(), next: None }))
}

/// Removes the outcomes and journals of old runs.
///
/// A pruned run can no longer be undone.
#[utoipa::path(post, path = "/prune", operation_id = "pruneRuns", tag = "installation", request_body = Option<PruneRequest>,
    responses((status = 200, body = PruneResult)))]
pub(super) async fn prune(
    Caller(app): Caller,
    Body(older): Body<PruneRequest>,
) -> Result<Json<PruneResult>, Problem> {
    let age = older.older_than.as_deref().map(str::parse::<Age>).transpose();
    let age = age.map_err(|why: Rejection| {
        Problem::invalid(why.to_string()).at(Fault::at("/older_than", why.to_string()))
    })?;
    let pruned = blocking(move || {
        let unset = || Rejection::new("say how old: older_than, or the setting prune_after");
        let age = match age {
            None => app.settings().prune_after()?,
            age => age,
        };
        if age.is_none()
            && app
                .settings()
                .radius_retention(RadiusRecords::Logins)?
                .or(app.settings().radius_retention(RadiusRecords::Sessions)?)
                .is_none()
        {
            return Err(unset().into());
        }
        app.maintenance().prune(age, &Stop::default(), |_| {})
    });
    Ok(Json(pruned.await?.into()))
}
