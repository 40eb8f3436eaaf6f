//! Named sets of RADIUS items.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use rollcall_app::{App, AppError, revision};
use rollcall_domain::{self as domain, ItemKind};
use serde::Deserialize;
use utoipa::ToSchema;

use super::conditions::{Seen, tagged};
use super::reading::items;
use crate::auth::Caller;
use crate::blocking;
use crate::extract::{Body, Path, Query};
use crate::problem::Problem;
use crate::shared::listing::Part;
use rollcall_api::{Item, Page, Profile, Written};

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

/// What a profile is to hold.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProfileItems)]
pub(super) struct Items {
    /// Sent in the reply, in order.
    reply: Vec<Item>,
    /// Compared with or added to the request, in order.
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
        let found = app.profiles().list_after(wanted.after, wanted.look_for())?;
        Ok(wanted.page(found, |each| each.id, Profile::from))
    });
    Ok(Json(page.await?))
}

/// Adds a profile.
#[utoipa::path(post, path = "/profiles", tag = "profiles", request_body = NewProfile,
    responses((status = 201, body = Written<Profile>)))]
pub(super) async fn add(
    Caller(app): Caller,
    Body(new): Body<NewProfile>,
) -> Result<(StatusCode, Json<Written<Profile>>), Problem> {
    let (reply, check) =
        (items("/reply", new.reply, ItemKind::Reply)?, items("/check", new.check, ItemKind::Check)?);
    let added = blocking(move || {
        app.profiles().add(&new.short_name, new.organization.as_deref(), &reply, &check)?;
        written(&app, app.profiles().find(&new.short_name)?)
    });
    Ok((StatusCode::CREATED, Json(added.await?)))
}

/// A profile as it was written.
fn written(app: &App, profile: domain::Profile) -> Result<Written<Profile>, AppError> {
    let warnings = app.radius().list_warnings(profile.reply.iter().chain(&profile.check))?;
    Ok(Written { now: profile.into(), warnings })
}

/// One profile.
#[utoipa::path(get, path = "/profiles/{short_name}", tag = "profiles", params(("short_name" = String, Path)),
    responses((status = 200, body = Profile)))]
pub(super) async fn one(Caller(app): Caller, Path(name): Path<String>) -> Result<Response, Problem> {
    let profile = blocking(move || app.profiles().find(&name)).await?;
    let state = revision(&profile);
    Ok(tagged(Json(Profile::from(profile)).into_response(), &state))
}

/// Gives a profile other items. Whoever has it has these from then on.
#[utoipa::path(put, path = "/profiles/{short_name}", tag = "profiles", params(("short_name" = String, Path),
    ("If-Match" = Option<String>, Header, description = "The `ETag` of what was seen: else nothing is done")),
    request_body = Items, responses((status = 200, body = Written<Profile>, headers(("ETag" = String, description = "of the new state")))))]
pub(super) async fn edit(
    Caller(app): Caller,
    Path(name): Path<String>,
    seen: Seen,
    Body(new): Body<Items>,
) -> Result<Response, Problem> {
    let (reply, check) =
        (items("/reply", new.reply, ItemKind::Reply)?, items("/check", new.check, ItemKind::Check)?);
    let edited = blocking(move || {
        let profile = app.profiles().edit(&name, &reply, &check, seen.expected())?;
        let state = revision(&profile);
        Ok((written(&app, profile)?, state))
    });
    let (profile, state) = edited.await?;
    Ok(tagged(Json(profile).into_response(), &state))
}

/// Removes a profile that nobody has.
#[utoipa::path(delete, path = "/profiles/{short_name}", tag = "profiles", params(("short_name" = String, Path),
    ("If-Match" = Option<String>, Header, description = "The `ETag` of what was seen: else nothing is done")),
    responses((status = 204)))]
pub(super) async fn remove(
    Caller(app): Caller,
    Path(name): Path<String>,
    seen: Seen,
) -> Result<StatusCode, Problem> {
    blocking(move || app.profiles().remove_if_match(&name, seen.expected())).await?;
    Ok(StatusCode::NO_CONTENT)
}
