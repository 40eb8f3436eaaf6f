//! Signing in, for programs and for pages.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use rollcall_app::sign_in::{SignIn, SignedIn};
use rollcall_domain::Secret;
use serde::Deserialize;
use utoipa::ToSchema;

use super::problem::Problem;
use super::proxy::Client;
use super::{Server, blocking};

/// The credentials of an administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInRequest {
    /// The name of the administrator.
    pub(super) name: String,
    /// The password.
    #[schema(format = Password)]
    pub(super) password: String,
    /// The code of the authenticator, or a recovery code; required if an authenticator is set up.
    #[serde(default)]
    pub(super) code: Option<String>,
}

/// Where a request comes from, and what the browser calls itself.
pub(super) struct Origin {
    address: IpAddr,
    pub(super) https: bool,
    agent: String,
}

impl<S: Sync> FromRequestParts<S> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let agent = parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let Client { address, https, .. } = Client::of(&parts.extensions);
        Ok(Self { address, https, agent: agent.unwrap_or_default().to_owned() })
    }
}

/// Lets somebody in, instead of who they were until now.
pub(super) async fn sign_in(
    server: Server,
    origin: Origin,
    earlier: Option<Secret>,
    proof: SignInRequest,
) -> Result<SignedIn, Problem> {
    let SignInRequest { name, password, code } = proof;
    let (password, code) = (Secret::new(password), code.map(Secret::new));
    let Origin { address, agent, .. } = origin;
    blocking(move || {
        server.credentials.sign_in(&SignIn {
            name: &name,
            password: &password,
            second: code.as_ref(),
            address,
            agent: &agent,
            instead_of: earlier.as_ref(),
        })
    })
    .await
}
