//! The page of one administrator: rights and credentials. Signed-in administrators see their own here, too.

use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use rollcall_app::App;
use rollcall_domain::{
    Administrator, ApiToken, Organization, Right, Role, Scopes, Secret, Session, SessionId,
};
use serde::Deserialize;

use super::address::Address;
use super::administration::grant;
use super::layout::{Shell, Visitor};
use super::messages;
use super::qr::Qr;
use super::see;
use super::template::{filters, routes};
use super::users::Sent;
use crate::extract::{Path, Query};
use crate::problem::Problem;
use crate::sessions::Origin;
use crate::{Server, aside, blocking, cookie};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// So many sessions and tokens are shown.
const SHOWN: u32 = 200;

/// A secret that is shown now and never again.
enum Shown {
    Token(String),
    Authenticator { secret: String, uri: String, code: Option<Qr> },
    RecoveryCodes(Vec<String>),
}

struct Granted {
    role: &'static str,
    organization: String,
}

#[derive(Template)]
#[template(path = "account.html")]
struct Page {
    shell: Shell,
    own: bool,
    done: String,
    /// The session in which somebody looks at it.
    current: Option<SessionId>,
    who: Administrator,
    grants: Vec<Granted>,
    organizations: Vec<Organization>,
    sessions: Vec<Session>,
    tokens: Vec<ApiToken>,
    /// Whether signing in takes a code of theirs.
    has_totp: bool,
    shown: Option<Shown>,
    now: rollcall_domain::Timestamp,
}

/// Whose page it is, and how somebody got there.
struct Place {
    name: String,
    own: bool,
    /// The session in which they look at their own.
    session: Option<Session>,
    done: String,
}

impl Place {
    fn of(name: String) -> Self {
        Self { name, own: false, session: None, done: String::new() }
    }

    /// One's own. Whoever shows a token has no session.
    async fn own(
        visitor: &Visitor,
        server: Server,
        origin: &Origin,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        let shown = cookie::shown(headers, origin.https);
        let session = match shown {
            Some(token) => blocking(move || Ok(server.credentials.session(&token).ok())).await?,
            None => None,
        };
        let name = visitor.app.actor().name().to_owned();
        let session = session.filter(|(_, whose)| whose.name == name).map(|(session, _)| session);
        Ok(Self { own: true, session, ..Self::of(name) })
    }

    fn address(&self, done: &str) -> String {
        let page = if self.own { routes::ACCOUNT.to_owned() } else { routes::administrator(&self.name) };
        Address::new(page).with("done", done).text()
    }
}

/// What was done on the way here.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    done: String,
}

impl Page {
    fn is_current(&self, session: &SessionId) -> bool {
        self.current == Some(*session)
    }
}

async fn show(visitor: Visitor, place: Place, shown: Option<Shown>) -> Result<Response, Problem> {
    let Place { name, own, session, done } = place;
    let page = move |app: &App, shell: Shell| {
        let (credentials, who) = app.administrators().open_credentials(&name)?;
        // Whoever may look at nothing is somebody, too.
        let organizations = app.organizations().list().unwrap_or_default();
        let at = |id: i64| {
            let known = organizations.iter().find(|each| each.id == id);
            known.map_or_else(|| messages::organization(id), |each| each.name.clone())
        };
        let grants = who.rights.grants().map(|grant| Granted {
            role: grant.role.name(),
            organization: grant.organization_id.map(at).unwrap_or_default(),
        });
        Ok(Page {
            grants: grants.collect(),
            sessions: credentials.sessions_after(&who, None, SHOWN)?,
            tokens: credentials.tokens_after(&who, None, SHOWN)?,
            has_totp: credentials.has_totp(&who)?,
            now: rollcall_domain::Clock::now(&rollcall_domain::SystemClock),
            shell,
            own,
            done,
            current: session.map(|session| session.id),
            organizations,
            who,
            shown,
        })
    };
    visitor.page(if own { "account" } else { "administration" }, page).await
}

pub(super) async fn page(
    visitor: Visitor,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    show(visitor, Place { done: asked.done, ..Place::of(name) }, None).await
}

pub(super) async fn own_page(
    visitor: Visitor,
    State(server): State<Server>,
    origin: Origin,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let place = Place::own(&visitor, server, &origin, &headers).await?;
    show(visitor, Place { done: asked.done, ..place }, None).await
}

pub(super) async fn change(
    visitor: Visitor,
    Path(name): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, Problem> {
    work(visitor, Place::of(name), sent).await
}

pub(super) async fn change_own(
    visitor: Visitor,
    State(server): State<Server>,
    origin: Origin,
    headers: HeaderMap,
    Form(sent): Form<Sent>,
) -> Result<Response, Problem> {
    let place = Place::own(&visitor, server, &origin, &headers).await?;
    work(visitor, place, sent).await
}

/// What has come of a form.
enum Done {
    Shown(Shown),
    /// The page is to be seen again, with what was done.
    Here(&'static str),
    /// The administrator is gone.
    Removed,
}

async fn work(visitor: Visitor, place: Place, sent: Sent) -> Result<Response, Problem> {
    let (app, name, session) = (visitor.app.clone(), place.name.clone(), place.session.clone());
    match aside(move || change_now(&app, &name, session.as_ref(), &sent)).await {
        Ok(Done::Shown(shown)) => show(visitor, place, Some(shown)).await,
        Ok(Done::Here(done)) => Ok(see(place.address(done))),
        Ok(Done::Removed) => Ok(see(routes::ADMINISTRATION)),
        Err(problem) if problem.status() == axum::http::StatusCode::NOT_FOUND => Err(problem),
        Err(problem) => show(visitor.told(problem), place, None).await,
    }
}

/// `own` is the session of whoever changes what is theirs: it goes on.
fn change_now(app: &App, name: &str, own: Option<&Session>, sent: &Sent) -> Result<Done, Problem> {
    let text = |name: &str| sent.get(name).map(|text| text.trim()).unwrap_or_default();
    let number = || text("id").parse().map_err(|_| Problem::invalid(messages::SAY_WHICH));
    match text("act") {
        "grant" => app.administrators().grant_role(name, &grant(app, sent)?)?,
        "revoke" => drop(app.administrators().revoke_role(name, &grant(app, sent)?)?),
        "remove" => {
            app.administrators().remove(name)?;
            return Ok(Done::Removed);
        }
        act => {
            let (credentials, who) = app.administrators().open_credentials(name)?;
            match act {
                "password" => {
                    let password = Secret::new(sent.get("password").cloned().unwrap_or_default());
                    credentials.set_password(&who, &password, own)?;
                    return Ok(Done::Here("password"));
                }
                "end_session" => credentials.revoke_session(&who, number()?)?,
                "end_sessions" => drop(credentials.revoke_sessions(&who, own)?),
                "revoke_token" => credentials.revoke_token(&who, number()?)?,
                "add_token" => {
                    let rights = Right::ALL.into_iter();
                    let rights = rights.filter(|right| sent.contains_key(&format!("scope.{}", right.name())));
                    let scopes = Scopes::new(rights)?;
                    let days = text("days").parse::<u16>().ok().filter(|days| (1..=366).contains(days));
                    let days = days.ok_or_else(|| Problem::invalid(messages::TOKEN_DAYS))?;
                    let (_, token) =
                        credentials.add_token(&who, text("name"), &scopes, DAY * u32::from(days))?;
                    return Ok(Done::Shown(Shown::Token(token.reveal().to_owned())));
                }
                "enrol" => {
                    let made = credentials.enrol_totp(&who)?;
                    let (secret, uri) = (made.secret.reveal().to_owned(), made.uri.reveal().to_owned());
                    let code = Qr::of(&uri);
                    return Ok(Done::Shown(Shown::Authenticator { secret, uri, code }));
                }
                "confirm" => {
                    let codes = credentials.confirm_totp(&who, &Secret::new(text("code")))?;
                    let codes = codes.iter().map(|code| code.reveal().to_owned()).collect();
                    return Ok(Done::Shown(Shown::RecoveryCodes(codes)));
                }
                "remove_totp" => drop(credentials.remove_totp(&who)?),
                _ => return Err(Problem::invalid(messages::SAY_WHAT)),
            }
        }
    }
    Ok(Done::Here(""))
}
