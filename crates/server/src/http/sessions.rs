use std::net::IpAddr;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rollcall_app::sign_in::SignIn;
use rollcall_domain::{Grant, Secret, Session, Timestamp};
use serde::{Deserialize, Serialize};

use super::door::Caller;
use super::problem::Problem;
use super::proxy::Client;
use super::{Server, blocking, cookie};

/// What somebody signs in with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Proof {
    name: String,
    password: String,
    /// Of their authenticator, or a recovery code.
    #[serde(default)]
    code: Option<String>,
}

/// Who somebody is, and what they may do.
#[derive(Serialize)]
pub(super) struct Me {
    administrator: String,
    grants: Vec<Grant>,
    /// When the session ends, whatever is done with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

/// Where a request comes from, and what the browser calls itself.
pub(super) struct Origin {
    address: IpAddr,
    https: bool,
    agent: String,
}

impl<S: Sync> FromRequestParts<S> for Origin {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let agent = parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let Client { address, https, .. } = Client::of(&parts.extensions);
        Ok(Self { address, https, agent: agent.unwrap_or_default().to_owned() })
    }
}

/// Signs in: the session is in a cookie that scripts of pages do not see.
pub(super) async fn begin(
    State(server): State<Server>,
    origin: Origin,
    headers: HeaderMap,
    proof: Result<Json<Proof>, JsonRejection>,
) -> Result<Response, Problem> {
    let Proof { name, password, code } = proof?.0;
    let (password, code) = (Secret::new(password), code.map(Secret::new));
    let Origin { address, https, agent } = origin;
    let earlier = cookie::shown(&headers, https);
    let signed_in = blocking(move || {
        server.credentials.sign_in(&SignIn {
            name: &name,
            password: &password,
            second: code.as_ref(),
            address,
            agent: &agent,
            instead_of: earlier.as_ref(),
        })
    })
    .await?;
    let me = Me {
        administrator: signed_in.administrator.name.clone(),
        grants: signed_in.administrator.rights.grants().collect(),
        expires_at: Some(signed_in.session.expires_at),
    };
    let mut answer = (StatusCode::CREATED, Json(me)).into_response();
    cookie::set(&mut answer, https, signed_in.token.reveal(), Session::LONGEST.as_secs());
    Ok(answer)
}

/// Ends the session that a browser shows; of one that is over, nothing.
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

/// Who asks.
pub(super) async fn me(Caller(app): Caller) -> Json<Me> {
    let actor = app.actor();
    let (administrator, grants) = (actor.name().to_owned(), actor.rights().grants().collect());
    Json(Me { administrator, grants, expires_at: None })
}
