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
use rollcall_api::{Page, Profile, RadiusItem, Saved};

/// A new profile.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateProfileRequest {
    /// The unique name.
    short_name: String,
    /// The name of the organization whose users can have it; null or missing: all organizations.
    #[serde(default)]
    organization: Option<String>,
    /// Sent in the reply, in order.
    #[serde(default)]
    reply: Vec<RadiusItem>,
    /// Compared with or added to the request, in order.
    #[serde(default)]
    check: Vec<RadiusItem>,
}

/// What a profile is to hold.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProfileItems)]
pub(super) struct ProfileItems {
    /// Sent in the reply, in order.
    reply: Vec<RadiusItem>,
    /// Compared with or added to the request, in order.
    check: Vec<RadiusItem>,
}

/// Lists the profiles that you may see, by ID.
#[utoipa::path(get, path = "/profiles", operation_id = "listProfiles", tag = "profiles", params(Part), responses((status = 200, body = Page<Profile>)))]
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

/// Creates a profile.
#[utoipa::path(post, path = "/profiles", operation_id = "createProfile", tag = "profiles", request_body = CreateProfileRequest,
    responses((status = 201, body = Saved<Profile>)))]
pub(super) async fn add(
    Caller(app): Caller,
    Body(new): Body<CreateProfileRequest>,
) -> Result<(StatusCode, Json<Saved<Profile>>), Problem> {
    let (reply, check) =
        (items("/reply", new.reply, ItemKind::Reply)?, items("/check", new.check, ItemKind::Check)?);
    let added = blocking(move || {
        app.profiles().add(&new.short_name, new.organization.as_deref(), &reply, &check)?;
        written(&app, app.profiles().find(&new.short_name)?)
    });
    Ok((StatusCode::CREATED, Json(added.await?)))
}

/// A profile as it was written.
fn written(app: &App, profile: domain::Profile) -> Result<Saved<Profile>, AppError> {
    let warnings = app.radius().list_warnings(profile.reply.iter().chain(&profile.check))?;
    Ok(Saved { now: profile.into(), warnings })
}

/// Returns a profile.
#[utoipa::path(get, path = "/profiles/{short_name}", operation_id = "getProfile", tag = "profiles", params(("short_name" = String, Path)),
    responses((status = 200, body = Profile)))]
pub(super) async fn one(Caller(app): Caller, Path(name): Path<String>) -> Result<Response, Problem> {
    let profile = blocking(move || app.profiles().find(&name)).await?;
    let state = revision(&profile);
    Ok(tagged(Json(Profile::from(profile)).into_response(), &state))
}

/// Replaces the items of a profile.
///
/// The change applies to all users with this profile.
#[utoipa::path(put, path = "/profiles/{short_name}", operation_id = "updateProfile", tag = "profiles", params(("short_name" = String, Path),
    ("If-Match" = Option<String>, Header, description = "The `ETag` of what was seen: else nothing is done")),
    request_body = ProfileItems, responses((status = 200, body = Saved<Profile>, headers(("ETag" = String, description = "of the new state")))))]
pub(super) async fn edit(
    Caller(app): Caller,
    Path(name): Path<String>,
    seen: Seen,
    Body(new): Body<ProfileItems>,
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

/// Removes a profile that no user has.
#[utoipa::path(delete, path = "/profiles/{short_name}", operation_id = "removeProfile", tag = "profiles", params(("short_name" = String, Path),
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
