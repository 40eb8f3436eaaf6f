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

/// The name of a new or renamed organization.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrganizationRequest {
    /// The unique name.
    name: String,
}

/// Lists the organizations whose users you may see, by ID.
#[utoipa::path(get, path = "/organizations", operation_id = "listOrganizations", tag = "organizations", params(Part),
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

/// Creates an organization.
#[utoipa::path(post, path = "/organizations", operation_id = "createOrganization", tag = "organizations", request_body = OrganizationRequest,
    responses((status = 201, body = Organization)))]
pub(super) async fn add(
    Caller(app): Caller,
    Body(new): Body<OrganizationRequest>,
) -> Result<(StatusCode, Json<Organization>), Problem> {
    let OrganizationRequest { name } = new;
    let added =
        blocking(move || Ok(Organization { organization_id: app.organizations().add(&name)?, name })).await?;
    Ok((StatusCode::CREATED, Json(added)))
}

/// Renames an organization.
#[utoipa::path(patch, path = "/organizations/{name}", operation_id = "renameOrganization", tag = "organizations", params(("name" = String, Path)),
    request_body = OrganizationRequest, responses((status = 204)))]
pub(super) async fn rename(
    Caller(app): Caller,
    Path(name): Path<String>,
    Body(new): Body<OrganizationRequest>,
) -> Result<StatusCode, Problem> {
    blocking(move || app.organizations().rename(&name, &new.name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes an organization without users, filters, scripts and profiles.
#[utoipa::path(delete, path = "/organizations/{name}", operation_id = "removeOrganization", tag = "organizations", params(("name" = String, Path)),
    responses((status = 204)))]
pub(super) async fn remove(Caller(app): Caller, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    blocking(move || app.organizations().remove(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}
