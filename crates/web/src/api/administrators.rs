//! Administrators and their roles.

use std::collections::HashMap;

use axum::Json;
use axum::http::StatusCode;
use rollcall_app::{App, AppError};
use rollcall_domain::{self as domain, Secret};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Caller;
use crate::blocking;
use crate::extract::{Body, Path, Query};
use crate::problem::Problem;
use crate::shared::listing::Part;
use crate::shared::organizations;
use rollcall_api::{self as contract, Administrator, Grant, Page, RemovalResult};

/// A new administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateAdministratorRequest {
    /// The unique name.
    name: String,
    /// The roles; you can grant more later.
    #[serde(default)]
    grants: Vec<Grant>,
    /// The password; without one the administrator cannot sign in.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<String>,
}

/// A role and its permissions.
#[derive(Serialize, ToSchema)]
pub(super) struct Role {
    /// The name: `admin`, `operator`, `author` or `read-only`.
    role: &'static str,
    /// The permissions: `look`, `report`, `execute`, `edit-users`, `edit-scripts`, `administer`.
    rights: Vec<&'static str>,
}

/// The role to revoke.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Taken {
    /// `admin`, `operator`, `author` or `read-only`.
    role: String,
    /// Where, by name; missing: everywhere.
    organization: Option<String>,
}

fn one_of(app: &App, name: &str) -> Result<Administrator, AppError> {
    Ok(Administrator::of(&app.administrators().find(name)?, &organizations(app)?))
}

/// Lists the administrators that you may see, by ID.
#[utoipa::path(get, path = "/administrators", operation_id = "listAdministrators", tag = "administrators", params(Part),
    responses((status = 200, body = Page<Administrator>)))]
pub(super) async fn list(
    Caller(app): Caller,
    Query(part): Query<Part>,
) -> Result<Json<Page<Administrator>>, Problem> {
    let wanted = part.read()?;
    let page = blocking(move || {
        let names = organizations(&app)?;
        let found = app.administrators().list_after(wanted.after, wanted.look_for())?;
        Ok(wanted.page(found, |each| each.id, |each| Administrator::of(&each, &names)))
    });
    Ok(Json(page.await?))
}

/// Creates an administrator.
///
/// You can grant only roles that you have.
#[utoipa::path(post, path = "/administrators", operation_id = "createAdministrator", tag = "administrators", request_body = CreateAdministratorRequest,
    responses((status = 201, body = Administrator)))]
pub(super) async fn add(
    Caller(app): Caller,
    Body(new): Body<CreateAdministratorRequest>,
) -> Result<(StatusCode, Json<Administrator>), Problem> {
    let added = blocking(move || {
        let CreateAdministratorRequest { name, grants, password } = new;
        let password = password.map(Secret::new);
        if let Some(password) = &password {
            domain::check_password(&name, password)?;
        }
        let known = organizations(&app)?;
        let grants =
            grants.iter().map(|grant| contract::read(grant, &known)).collect::<Result<Vec<_>, _>>()?;
        app.administrators().add(&name, &grants)?;
        if let Some(password) = password {
            let (credentials, who) = app.administrators().open_credentials(&name)?;
            credentials.set_password(&who, &password, None)?;
        }
        one_of(&app, &name)
    });
    Ok((StatusCode::CREATED, Json(added.await?)))
}

/// Returns an administrator.
#[utoipa::path(get, path = "/administrators/{name}", operation_id = "getAdministrator", tag = "administrators", params(("name" = String, Path)),
    responses((status = 200, body = Administrator)))]
pub(super) async fn one(
    Caller(app): Caller,
    Path(name): Path<String>,
) -> Result<Json<Administrator>, Problem> {
    Ok(Json(blocking(move || one_of(&app, &name)).await?))
}

/// Removes an administrator.
///
/// Their runs and audit events stay. The last `admin` cannot be removed.
#[utoipa::path(delete, path = "/administrators/{name}", operation_id = "removeAdministrator", tag = "administrators", params(("name" = String, Path)),
    responses((status = 204)))]
pub(super) async fn remove(Caller(app): Caller, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    blocking(move || app.administrators().remove(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn read(grant: &Grant, known: &HashMap<i64, String>) -> Result<domain::Grant, AppError> {
    Ok(contract::read(grant, known)?)
}

/// Grants a role to an administrator.
///
/// You can grant only roles that you have.
#[utoipa::path(post, path = "/administrators/{name}/grants", operation_id = "grantRole", tag = "administrators", params(("name" = String, Path)),
    request_body = Grant, responses((status = 200, body = Administrator)))]
pub(super) async fn grant(
    Caller(app): Caller,
    Path(name): Path<String>,
    Body(grant): Body<Grant>,
) -> Result<Json<Administrator>, Problem> {
    let granted = blocking(move || {
        app.administrators().grant_role(&name, &read(&grant, &organizations(&app)?)?)?;
        one_of(&app, &name)
    });
    Ok(Json(granted.await?))
}

/// Revokes a role of an administrator, if they have it.
#[utoipa::path(delete, path = "/administrators/{name}/grants", operation_id = "revokeRole", tag = "administrators",
    params(("name" = String, Path), Taken), responses((status = 200, body = RemovalResult)))]
pub(super) async fn revoke(
    Caller(app): Caller,
    Path(name): Path<String>,
    Query(taken): Query<Taken>,
) -> Result<Json<RemovalResult>, Problem> {
    let grant = Grant { role: taken.role, organization: taken.organization };
    let removed =
        blocking(move || app.administrators().revoke_role(&name, &read(&grant, &organizations(&app)?)?))
            .await?;
    Ok(Json(RemovalResult { removed }))
}

/// Lists the roles and their permissions.
#[utoipa::path(get, path = "/roles", operation_id = "listRoles", tag = "administrators", responses((status = 200, body = Page<Role>)))]
pub(super) async fn roles(_: Caller) -> Json<Page<Role>> {
    let rights = |role: domain::Role| {
        let may = |right: &domain::Right| right.roles().any(|able| able == role);
        domain::Right::ALL.into_iter().filter(may).map(domain::Right::name).collect()
    };
    let items = domain::Role::ALL.map(|role| Role { role: role.name(), rights: rights(role) });
    Json(Page { items: items.into(), next: None })
}
