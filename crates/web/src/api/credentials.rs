//! Credentials of administrators: passwords, sessions, tokens and authenticators.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use rollcall_app::sign_in::Credentials;
use rollcall_app::{Age, App, AppError};
use rollcall_domain::{Administrator, Rejection, Right, Scopes, Secret, SessionId, TokenId};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::blocking;
use crate::extract::{Body, Path, Query};
use crate::problem::{Fault, Problem};
use crate::shared::listing::Part;
use rollcall_api::{
    CreateTokenRequest, CreatedToken, EndedSessions, Page, RecoveryCodes, RemovalResult, Session, Token,
    TotpEnrollment,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetPasswordRequest {
    /// The new password.
    #[schema(format = Password)]
    password: String,
}

/// A code of an authenticator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TotpCode {
    /// The six digits.
    code: String,
}

/// Does something with what an administrator proves themselves with.
async fn with<T: Send + 'static>(
    app: App,
    name: String,
    work: impl FnOnce(&Credentials, &Administrator) -> Result<T, AppError> + Send + 'static,
) -> Result<T, Problem> {
    blocking(move || {
        let (credentials, who) = app.administrators().open_credentials(&name)?;
        work(&credentials, &who)
    })
    .await
}

/// Sets the password of an administrator, and ends all their sessions.
#[utoipa::path(put, path = "/administrators/{name}/password", operation_id = "setAdministratorPassword", tag = "credentials", params(("name" = String, Path)),
    request_body = SetPasswordRequest, responses((status = 204)))]
pub(super) async fn set_password(
    Caller(app): Caller,
    Path(name): Path<String>,
    Body(new): Body<SetPasswordRequest>,
) -> Result<StatusCode, Problem> {
    let password = Secret::new(new.password);
    with(app, name, move |credentials, who| credentials.set_password(who, &password, None)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the sessions of an administrator.
#[utoipa::path(get, path = "/administrators/{name}/sessions", operation_id = "listSessions", tag = "credentials",
    params(("name" = String, Path), Part), responses((status = 200, body = Page<Session>)))]
pub(super) async fn sessions(
    Caller(app): Caller,
    Path(name): Path<String>,
    Query(part): Query<Part>,
) -> Result<Json<Page<Session>>, Problem> {
    let wanted = part.read()?;
    let page = with(app, name, move |credentials, who| {
        let found = credentials.sessions_after(who, wanted.after, wanted.look_for())?;
        Ok(wanted.page(found, |session| session.id, Session::from))
    });
    Ok(Json(page.await?))
}

/// Ends all sessions of an administrator.
#[utoipa::path(delete, path = "/administrators/{name}/sessions", operation_id = "endAllSessions", tag = "credentials", params(("name" = String, Path)),
    responses((status = 200, body = EndedSessions)))]
pub(super) async fn end_sessions(
    Caller(app): Caller,
    Path(name): Path<String>,
) -> Result<Json<EndedSessions>, Problem> {
    let sessions = with(app, name, |credentials, who| credentials.revoke_sessions(who, None)).await?;
    Ok(Json(EndedSessions { sessions }))
}

/// Ends a session.
#[utoipa::path(delete, path = "/administrators/{name}/sessions/{session_id}", operation_id = "endSession", tag = "credentials",
    params(("name" = String, Path), ("session_id" = i64, Path)), responses((status = 204)))]
pub(super) async fn end_session(
    Caller(app): Caller,
    Path((name, id)): Path<(String, SessionId)>,
) -> Result<StatusCode, Problem> {
    with(app, name, move |credentials, who| credentials.revoke_session(who, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the tokens of an administrator, oldest first.
///
/// Expired and revoked tokens are included.
#[utoipa::path(get, path = "/administrators/{name}/tokens", operation_id = "listTokens", tag = "credentials",
    params(("name" = String, Path), Part), responses((status = 200, body = Page<Token>)))]
pub(super) async fn tokens(
    Caller(app): Caller,
    Path(name): Path<String>,
    Query(part): Query<Part>,
) -> Result<Json<Page<Token>>, Problem> {
    let wanted = part.read()?;
    let page = with(app, name, move |credentials, who| {
        let found = credentials.tokens_after(who, wanted.after, wanted.look_for())?;
        Ok(wanted.page(found, |token| token.id, Token::from))
    });
    Ok(Json(page.await?))
}

/// Creates a token with which a program acts for an administrator.
///
/// The response is the only place that shows it.
#[utoipa::path(post, path = "/administrators/{name}/tokens", operation_id = "createToken", tag = "credentials", params(("name" = String, Path)),
    request_body = CreateTokenRequest, responses((status = 201, body = CreatedToken)))]
pub(super) async fn add_token(
    Caller(app): Caller,
    Path(name): Path<String>,
    Body(new): Body<CreateTokenRequest>,
) -> Result<(StatusCode, Json<CreatedToken>), Problem> {
    let (mut scopes, mut faults) = (Vec::new(), Vec::new());
    for (place, scope) in new.scopes.iter().enumerate() {
        match scope.parse::<Right>() {
            Ok(right) => scopes.push(right),
            Err(why) => faults.push(Fault::at(format!("/scopes/{place}"), why.to_string())),
        }
    }
    if let Some(first) = faults.first() {
        return Err(Problem::invalid(first.detail.clone()).with(faults));
    }
    let scopes = Scopes::new(scopes).map_err(|why: Rejection| {
        Problem::invalid(why.to_string()).at(Fault::at("/scopes", why.to_string()))
    })?;
    let life = life(new.days, new.life.as_deref())?;
    let made = with(app, name, move |credentials, who| credentials.add_token(who, &new.name, &scopes, life));
    let (token_id, text) = made.await?;
    Ok((StatusCode::CREATED, Json(CreatedToken { token_id, token: text.reveal().to_owned() })))
}

/// How long a token counts.
fn life(days: Option<u16>, life: Option<&str>) -> Result<Duration, Problem> {
    let wrong = |why: String| Problem::invalid(why.clone()).at(Fault::at("/life", why));
    match (days, life) {
        (Some(days), None) => Ok(DAY * u32::from(days)),
        (None, Some(text)) => {
            text.parse::<Age>().map(Age::time).map_err(|why: Rejection| wrong(why.to_string()))
        }
        _ => Err(wrong("say how long it counts, with either days or life".to_owned())),
    }
}

/// Revokes a token.
#[utoipa::path(delete, path = "/administrators/{name}/tokens/{token_id}", operation_id = "revokeToken", tag = "credentials",
    params(("name" = String, Path), ("token_id" = i64, Path)), responses((status = 204)))]
pub(super) async fn revoke_token(
    Caller(app): Caller,
    Path((name, id)): Path<(String, TokenId)>,
) -> Result<StatusCode, Problem> {
    with(app, name, move |credentials, who| credentials.revoke_token(who, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Creates the secret of a new authenticator.
///
/// It becomes active when one of its codes is confirmed.
#[utoipa::path(post, path = "/administrators/{name}/totp", operation_id = "enrollTotp", tag = "credentials", params(("name" = String, Path)),
    responses((status = 201, body = TotpEnrollment)))]
pub(super) async fn enrol(
    Caller(app): Caller,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<TotpEnrollment>), Problem> {
    let made = with(app, name, Credentials::enrol_totp).await?;
    let enrolment =
        TotpEnrollment { secret: made.secret.reveal().to_owned(), uri: made.uri.reveal().to_owned() };
    Ok((StatusCode::CREATED, Json(enrolment)))
}

/// Confirms a new authenticator with one of its codes.
///
/// From then on, signing in requires a code.
#[utoipa::path(put, path = "/administrators/{name}/totp", operation_id = "confirmTotp", tag = "credentials", params(("name" = String, Path)),
    request_body = TotpCode, responses((status = 200, body = RecoveryCodes)))]
pub(super) async fn confirm(
    Caller(app): Caller,
    Path(name): Path<String>,
    Body(shown): Body<TotpCode>,
) -> Result<Json<RecoveryCodes>, Problem> {
    let code = Secret::new(shown.code);
    let codes = with(app, name, move |credentials, who| credentials.confirm_totp(who, &code)).await?;
    Ok(Json(RecoveryCodes { codes: codes.iter().map(|code| code.reveal().to_owned()).collect() }))
}

/// Removes an authenticator and its recovery codes, if there is one.
#[utoipa::path(delete, path = "/administrators/{name}/totp", operation_id = "removeTotp", tag = "credentials", params(("name" = String, Path)),
    responses((status = 200, body = RemovalResult)))]
pub(super) async fn remove_totp(
    Caller(app): Caller,
    Path(name): Path<String>,
) -> Result<Json<RemovalResult>, Problem> {
    let removed = with(app, name, Credentials::remove_totp).await?;
    Ok(Json(RemovalResult { removed }))
}
