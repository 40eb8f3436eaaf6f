//! Credentials of administrators: passwords, sessions, tokens and authenticators.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use rollcall_app::sign_in::Credentials;
use rollcall_app::{Age, App, AppError};
use rollcall_domain::{Administrator, Refusal, Right, Scopes, Secret, SessionId, TokenId};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::blocking;
use crate::extract::{Body, Path, Query};
use crate::problem::{Fault, Problem};
use crate::shared::listing::Part;
use rollcall_api::{Credential, Ended, Enrolment, NewToken, Page, RecoveryCodes, Removed, Session, Token};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Password {
    #[schema(format = Password)]
    password: String,
}

/// A code that an authenticator shows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Code {
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

/// Gives an administrator another password. Wherever they are signed in, they are no more.
#[utoipa::path(put, path = "/administrators/{name}/password", tag = "credentials", params(("name" = String, Path)),
    request_body = Password, responses((status = 204)))]
pub(super) async fn set_password(
    Caller(app): Caller,
    Path(name): Path<String>,
    Body(new): Body<Password>,
) -> Result<StatusCode, Problem> {
    let password = Secret::new(new.password);
    with(app, name, move |credentials, who| credentials.set_password(who, &password, None)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where an administrator is signed in.
#[utoipa::path(get, path = "/administrators/{name}/sessions", tag = "credentials",
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

/// Ends all of them.
#[utoipa::path(delete, path = "/administrators/{name}/sessions", tag = "credentials", params(("name" = String, Path)),
    responses((status = 200, body = Ended)))]
pub(super) async fn end_sessions(
    Caller(app): Caller,
    Path(name): Path<String>,
) -> Result<Json<Ended>, Problem> {
    let sessions = with(app, name, |credentials, who| credentials.revoke_sessions(who, None)).await?;
    Ok(Json(Ended { sessions }))
}

/// Ends one of them.
#[utoipa::path(delete, path = "/administrators/{name}/sessions/{session_id}", tag = "credentials",
    params(("name" = String, Path), ("session_id" = i64, Path)), responses((status = 204)))]
pub(super) async fn end_session(
    Caller(app): Caller,
    Path((name, id)): Path<(String, SessionId)>,
) -> Result<StatusCode, Problem> {
    with(app, name, move |credentials, who| credentials.revoke_session(who, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The tokens of an administrator, oldest first, also those that count no more.
#[utoipa::path(get, path = "/administrators/{name}/tokens", tag = "credentials",
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

/// Makes a token with which a program acts for an administrator. Its text is told now and never again.
#[utoipa::path(post, path = "/administrators/{name}/tokens", tag = "credentials", params(("name" = String, Path)),
    request_body = NewToken, responses((status = 201, body = Credential)))]
pub(super) async fn add_token(
    Caller(app): Caller,
    Path(name): Path<String>,
    Body(new): Body<NewToken>,
) -> Result<(StatusCode, Json<Credential>), Problem> {
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
    let scopes = Scopes::new(scopes).map_err(|why: Refusal| {
        Problem::invalid(why.to_string()).at(Fault::at("/scopes", why.to_string()))
    })?;
    let life = life(new.days, new.life.as_deref())?;
    let made = with(app, name, move |credentials, who| credentials.add_token(who, &new.name, &scopes, life));
    let (token_id, text) = made.await?;
    Ok((StatusCode::CREATED, Json(Credential { token_id, token: text.reveal().to_owned() })))
}

/// How long a token counts.
fn life(days: Option<u16>, life: Option<&str>) -> Result<Duration, Problem> {
    let wrong = |why: String| Problem::invalid(why.clone()).at(Fault::at("/life", why));
    match (days, life) {
        (Some(days), None) => Ok(DAY * u32::from(days)),
        (None, Some(text)) => {
            text.parse::<Age>().map(Age::time).map_err(|why: Refusal| wrong(why.to_string()))
        }
        _ => Err(wrong("say how long it counts, with either days or life".to_owned())),
    }
}

/// Lets a token count no more.
#[utoipa::path(delete, path = "/administrators/{name}/tokens/{token_id}", tag = "credentials",
    params(("name" = String, Path), ("token_id" = i64, Path)), responses((status = 204)))]
pub(super) async fn revoke_token(
    Caller(app): Caller,
    Path((name, id)): Path<(String, TokenId)>,
) -> Result<StatusCode, Problem> {
    with(app, name, move |credentials, who| credentials.revoke_token(who, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes the secret of a new authenticator, which counts once a code of it was confirmed.
#[utoipa::path(post, path = "/administrators/{name}/totp", tag = "credentials", params(("name" = String, Path)),
    responses((status = 201, body = Enrolment)))]
pub(super) async fn enrol(
    Caller(app): Caller,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<Enrolment>), Problem> {
    let made = with(app, name, Credentials::enrol_totp).await?;
    let enrolment = Enrolment { secret: made.secret.reveal().to_owned(), uri: made.uri.reveal().to_owned() };
    Ok((StatusCode::CREATED, Json(enrolment)))
}

/// Confirms a new authenticator with a code that it shows: from now on signing in takes one.
#[utoipa::path(put, path = "/administrators/{name}/totp", tag = "credentials", params(("name" = String, Path)),
    request_body = Code, responses((status = 200, body = RecoveryCodes)))]
pub(super) async fn confirm(
    Caller(app): Caller,
    Path(name): Path<String>,
    Body(shown): Body<Code>,
) -> Result<Json<RecoveryCodes>, Problem> {
    let code = Secret::new(shown.code);
    let codes = with(app, name, move |credentials, who| credentials.confirm_totp(who, &code)).await?;
    Ok(Json(RecoveryCodes { codes: codes.iter().map(|code| code.reveal().to_owned()).collect() }))
}

/// Removes an authenticator and its recovery codes, if there is one.
#[utoipa::path(delete, path = "/administrators/{name}/totp", tag = "credentials", params(("name" = String, Path)),
    responses((status = 200, body = Removed)))]
pub(super) async fn remove_totp(
    Caller(app): Caller,
    Path(name): Path<String>,
) -> Result<Json<Removed>, Problem> {
    let removed = with(app, name, Credentials::remove_totp).await?;
    Ok(Json(Removed { removed }))
}
