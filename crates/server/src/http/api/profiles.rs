//! Named sets of RADIUS items.

use axum::Json;
use axum::http::StatusCode;
use rollcall_domain::ItemKind;
use serde::Deserialize;
use utoipa::ToSchema;

use super::page::Part;
use super::reading::items;
use crate::contract::{Item, Page, Profile};
use crate::http::blocking;
use crate::http::door::Caller;
use crate::http::extract::{Body, Path, Query};
use crate::http::problem::Problem;

/// A profile that is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewProfile {
    short_name: String,
    /// Whose users may have it, by name; null or missing: everybody's.
    #[serde(default)]
    organization: Option<String>,
    /// Sent in the reply, in order.
    #[serde(default)]
    reply: Vec<Item>,
    /// Compared with or added to the request, in order.
    #[serde(default)]
    check: Vec<Item>,
}

/// Every profile that can be seen, by number.
#[utoipa::path(get, path = "/profiles", tag = "profiles", params(Part), responses((status = 200, body = Page<Profile>)))]
pub(super) async fn list(
    Caller(app): Caller,
    Query(part): Query<Part>,
) -> Result<Json<Page<Profile>>, Problem> {
    let wanted = part.read()?;
    let page = blocking(move || {
        let found = app.profiles_after(wanted.after, wanted.look_for())?;
        Ok(wanted.page(found, |each| each.id, Profile::from))
    });
    Ok(Json(page.await?))
}

/// Adds a profile.
#[utoipa::path(post, path = "/profiles", tag = "profiles", request_body = NewProfile,
    responses((status = 201, body = Profile)))]
pub(super) async fn add(
    Caller(app): Caller,
    Body(new): Body<NewProfile>,
) -> Result<(StatusCode, Json<Profile>), Problem> {
    let (reply, check) =
        (items("/reply", new.reply, ItemKind::Reply)?, items("/check", new.check, ItemKind::Check)?);
    let added = blocking(move || {
        app.add_profile(&new.short_name, new.organization.as_deref(), &reply, &check)?;
        app.profile(&new.short_name)
    });
    Ok((StatusCode::CREATED, Json(added.await?.into())))
}

/// One profile.
#[utoipa::path(get, path = "/profiles/{short_name}", tag = "profiles", params(("short_name" = String, Path)),
    responses((status = 200, body = Profile)))]
pub(super) async fn one(Caller(app): Caller, Path(name): Path<String>) -> Result<Json<Profile>, Problem> {
    Ok(Json(blocking(move || app.profile(&name)).await?.into()))
}

/// Removes a profile that nobody has.
#[utoipa::path(delete, path = "/profiles/{short_name}", tag = "profiles", params(("short_name" = String, Path)),
    responses((status = 204)))]
pub(super) async fn remove(Caller(app): Caller, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    blocking(move || app.remove_profile(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}
