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
use crate::sessions::{Origin, Proof, sign_in};
use crate::shared::organizations;
use crate::{Server, blocking};
use rollcall_api::Me;

/// Who the first administrator is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct First {
    /// What the link that the server has printed ends with.
    link: String,
    name: String,
    #[schema(format = Password)]
    password: String,
}

/// Who the first administrator is.
#[derive(Serialize, ToSchema)]
pub(super) struct Made {
    administrator: String,
}

/// Makes the first administrator, once.
#[utoipa::path(post, path = "/set-up", tag = "sessions", request_body = First, security(()),
    responses((status = 201, body = Made)))]
pub(super) async fn set_up(
    State(server): State<Server>,
    Body(first): Body<First>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let First { link, name, password } = first;
    let administrator = crate::set_up::set_up(server, link, name, password).await?;
    Ok((StatusCode::CREATED, Json(Made { administrator })))
}

/// Signs in. The session is in a cookie, which scripts of pages do not see.
#[utoipa::path(post, path = "/sessions", tag = "sessions", request_body = Proof, security(()),
    responses((status = 201, body = Me, headers(("Set-Cookie" = String, description = "the session")))))]
pub(super) async fn begin(
    State(server): State<Server>,
    origin: Origin,
    headers: HeaderMap,
    Body(proof): Body<Proof>,
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
    let me = Me::of(&administrator.name, &administrator.rights, &names, &zone);
    let me = Me { expires_at: Some(signed_in.session.expires_at), ..me };
    let mut answer = (StatusCode::CREATED, Json(me)).into_response();
    cookie::set(&mut answer, https, signed_in.token.reveal(), Session::LONGEST.as_secs());
    Ok(answer)
}

/// Ends the session that is shown; of one that is over, nothing.
#[utoipa::path(delete, path = "/sessions/current", tag = "sessions", security(()), responses((status = 204)))]
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

/// Who asks, and what they may do.
#[utoipa::path(get, path = "/me", tag = "sessions", responses((status = 200, body = Me)))]
pub(super) async fn me(Caller(app): Caller) -> Result<Json<Me>, Problem> {
    let me = blocking(move || {
        // Whoever may look at nothing is somebody, too.
        let names = organizations(&app).unwrap_or_default();
        Ok(Me::of(app.actor().name(), app.actor().rights(), &names, app.zone()))
    });
    Ok(Json(me.await?))
}
