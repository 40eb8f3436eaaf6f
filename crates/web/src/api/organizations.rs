//! Organizations.

use axum::Json;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::blocking;
use crate::extract::{Body, Path, Query};
use crate::problem::Problem;
use crate::shared::listing::Part;
use rollcall_api::{Organization, Page};

/// What an organization is to be called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrganizationName {
    name: String,
}

/// The organizations whose users may be looked at, by number.
#[utoipa::path(get, path = "/organizations", tag = "organizations", params(Part),
    responses((status = 200, body = Page<Organization>)))]
pub(super) async fn list(
    Caller(app): Caller,
    Query(part): Query<Part>,
) -> Result<Json<Page<Organization>>, Problem> {
    let wanted = part.read()?;
    let page = blocking(move || {
        let found = app.organizations().list_after(wanted.after, wanted.look_for())?;
        Ok(wanted.page(found, |each| each.id, Organization::from))
    });
    Ok(Json(page.await?))
}

/// Adds an organization.
#[utoipa::path(post, path = "/organizations", tag = "organizations", request_body = OrganizationName,
    responses((status = 201, body = Organization)))]
pub(super) async fn add(
    Caller(app): Caller,
    Body(new): Body<OrganizationName>,
) -> Result<(StatusCode, Json<Organization>), Problem> {
    let OrganizationName { name } = new;
    let added = blocking(move || Ok(Organization { id: app.organizations().add(&name)?, name })).await?;
    Ok((StatusCode::CREATED, Json(added)))
}

/// Gives an organization another name.
#[utoipa::path(patch, path = "/organizations/{name}", tag = "organizations", params(("name" = String, Path)),
    request_body = OrganizationName, responses((status = 204)))]
pub(super) async fn rename(
    Caller(app): Caller,
    Path(name): Path<String>,
    Body(new): Body<OrganizationName>,
) -> Result<StatusCode, Problem> {
    blocking(move || app.organizations().rename(&name, &new.name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes an organization that nothing belongs to.
#[utoipa::path(delete, path = "/organizations/{name}", tag = "organizations", params(("name" = String, Path)),
    responses((status = 204)))]
pub(super) async fn remove(Caller(app): Caller, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    blocking(move || app.organizations().remove(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}
