//! The administrator of a request: signing in and out, and the first administrator.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use rollcall_domain::Session;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::cookie;
use crate::extract::Body;
use crate::problem::Problem;
use crate::sessions::{Origin, SignInRequest, sign_in};
use crate::shared::organizations;
use crate::{Server, blocking};
use rollcall_api::CurrentAdministrator;

/// The first administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetUpRequest {
    /// The last part of the link that the server printed.
    link: String,
    /// The name.
    name: String,
    /// The password.
    #[schema(format = Password)]
    password: String,
}

/// The first administrator, who was created.
#[derive(Serialize, ToSchema)]
pub(super) struct SetUpResult {
    /// The name.
    administrator: String,
}

/// Creates the first administrator.
///
/// It works once, with the link that the server printed.
#[utoipa::path(post, path = "/set-up", operation_id = "createFirstAdministrator", tag = "sessions", request_body = SetUpRequest, security(()),
    responses((status = 201, body = SetUpResult)))]
pub(super) async fn set_up(
    State(server): State<Server>,
    Body(first): Body<SetUpRequest>,
) -> Result<(StatusCode, Json<SetUpResult>), Problem> {
    let SetUpRequest { link, name, password } = first;
    let administrator = crate::set_up::set_up(server, link, name, password).await?;
    Ok((StatusCode::CREATED, Json(SetUpResult { administrator })))
}

/// Signs an administrator in.
///
/// The session is in a cookie that scripts of pages cannot read.
#[utoipa::path(post, path = "/sessions", operation_id = "signIn", tag = "sessions", request_body = SignInRequest, security(()),
    responses((status = 201, body = CurrentAdministrator, headers(("Set-Cookie" = String, description = "the session")))))]
pub(super) async fn begin(
    State(server): State<Server>,
    origin: Origin,
    headers: HeaderMap,
    Body(proof): Body<SignInRequest>,
) -> Result<Response, Problem> {
    let (app, https) = (server.app.clone(), origin.https);
    let signed_in = sign_in(server, origin, cookie::shown(&headers, https), proof).await?;
    let administrator = signed_in.administrator;
    let (names, zone) = {
        let app = app.with_actor(rollcall_app::Actor::administrator(&administrator));
        let told = move || {
            let names = organizations(&app).unwrap_or_default();
            Ok((names, app.with_installation_zone()?.zone().clone()))
        };
        blocking(told).await?
    };
    let me = CurrentAdministrator::of(&administrator.name, &administrator.rights, &names, &zone);
    let me = CurrentAdministrator { expires_at: Some(signed_in.session.expires_at), ..me };
    let mut answer = (StatusCode::CREATED, Json(me)).into_response();
    cookie::set(&mut answer, https, signed_in.token.reveal(), Session::LONGEST.as_secs());
    Ok(answer)
}

/// Ends the current session, if there is one.
#[utoipa::path(delete, path = "/sessions/current", operation_id = "signOut", tag = "sessions", security(()), responses((status = 204)))]
pub(super) async fn end(
    State(server): State<Server>,
    Origin { https, .. }: Origin,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(token) = cookie::shown(&headers, https) {
        blocking(move || server.credentials.sign_out(&token)).await?;
    }
    let mut answer = StatusCode::NO_CONTENT.into_response();
    cookie::set(&mut answer, https, "", 0);
    Ok(answer)
}

/// Returns the authenticated administrator and their permissions.
#[utoipa::path(get, path = "/me", operation_id = "getCurrentAdministrator", tag = "sessions", responses((status = 200, body = CurrentAdministrator)))]
pub(super) async fn me(Caller(app): Caller) -> Result<Json<CurrentAdministrator>, Problem> {
    let me = blocking(move || {
        // Whoever may look at nothing is somebody, too.
        let names = organizations(&app).unwrap_or_default();
        Ok(CurrentAdministrator::of(app.actor().name(), app.actor().rights(), &names, app.zone()))
    });
    Ok(Json(me.await?))
}
