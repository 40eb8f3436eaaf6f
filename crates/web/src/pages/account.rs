//! The page of one administrator: rights and credentials. Signed-in administrators see their own here, too.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use rollcall_app::App;
use rollcall_domain::{
    Administrator, ApiToken, Organization, Right, Role, Scopes, Secret, Session, SessionId, TokenId,
};
use serde::Deserialize;

use super::address::Address;
use super::administration::GrantFields;
use super::form::{Sent, Trimmed, TypedForm, parsed};
use super::layout::{Shell, Visitor};
use super::messages;
use super::qr::Qr;
use super::see;
use super::template::{filters, routes};
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
    TypedForm(form, _): TypedForm<AccountForm>,
) -> Result<Response, Problem> {
    work(visitor, Place::of(name), form).await
}

pub(super) async fn change_own(
    visitor: Visitor,
    State(server): State<Server>,
    origin: Origin,
    headers: HeaderMap,
    TypedForm(form, _): TypedForm<AccountForm>,
) -> Result<Response, Problem> {
    let place = Place::own(&visitor, server, &origin, &headers).await?;
    work(visitor, place, form).await
}

/// What has come of a form.
enum Done {
    Shown(Shown),
    /// The page is to be seen again, with what was done.
    Here(&'static str),
    /// The administrator is gone.
    Removed,
}

async fn work(visitor: Visitor, place: Place, form: AccountForm) -> Result<Response, Problem> {
    let (app, name, session) = (visitor.app.clone(), place.name.clone(), place.session.clone());
    match aside(move || form.submit(&app, &name, session.as_ref())).await {
        Ok(Done::Shown(shown)) => show(visitor, place, Some(shown)).await,
        Ok(Done::Here(done)) => Ok(see(place.address(done))),
        Ok(Done::Removed) => Ok(see(routes::ADMINISTRATION)),
        Err(problem) if problem.status() == axum::http::StatusCode::NOT_FOUND => Err(problem),
        Err(problem) => show(visitor.told(problem), place, None).await,
    }
}

/// The forms of the page.
#[derive(Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub(super) enum AccountForm {
    Grant(GrantFields),
    Revoke(GrantFields),
    Remove,
    Password {
        #[serde(default)]
        password: String,
    },
    EndSession {
        #[serde(deserialize_with = "parsed")]
        id: SessionId,
    },
    EndSessions,
    RevokeToken {
        #[serde(deserialize_with = "parsed")]
        id: TokenId,
    },
    AddToken(NewToken),
    Enrol,
    Confirm {
        #[serde(default)]
        code: Trimmed,
    },
    RemoveTotp,
}

/// The form that adds a token.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct NewToken {
    name: Trimmed,
    days: Trimmed,
    /// The boxes that are checked: `scope.RIGHT`.
    #[serde(flatten)]
    boxes: Sent,
}

impl NewToken {
    fn scopes(&self) -> Result<Scopes, Problem> {
        let is_checked = |right: &Right| self.boxes.contains_key(&format!("scope.{}", right.name()));
        Ok(Scopes::new(Right::ALL.into_iter().filter(is_checked))?)
    }

    fn validity(&self) -> Result<Duration, Problem> {
        let days = self.days.parse::<u16>().ok().filter(|days| (1..=366).contains(days));
        Ok(DAY * u32::from(days.ok_or_else(|| Problem::invalid(messages::TOKEN_DAYS))?))
    }
}

impl AccountForm {
    /// Does what the form asks for. `own` is the session of an administrator who changes their own account: it stays.
    fn submit(self, app: &App, name: &str, own: Option<&Session>) -> Result<Done, Problem> {
        let credentials = || app.administrators().open_credentials(name);
        match self {
            Self::Grant(grant) => app.administrators().grant_role(name, &grant.read(app)?)?,
            Self::Revoke(grant) => drop(app.administrators().revoke_role(name, &grant.read(app)?)?),
            Self::Remove => {
                app.administrators().remove(name)?;
                return Ok(Done::Removed);
            }
            Self::Password { password } => {
                let (credentials, who) = credentials()?;
                credentials.set_password(&who, &Secret::new(password), own)?;
                return Ok(Done::Here("password"));
            }
            Self::EndSession { id } => {
                let (credentials, who) = credentials()?;
                credentials.revoke_session(&who, id)?;
            }
            Self::EndSessions => {
                let (credentials, who) = credentials()?;
                credentials.revoke_sessions(&who, own)?;
            }
            Self::RevokeToken { id } => {
                let (credentials, who) = credentials()?;
                credentials.revoke_token(&who, id)?;
            }
            Self::AddToken(new) => {
                let (credentials, who) = credentials()?;
                let (_, token) = credentials.add_token(&who, &new.name, &new.scopes()?, new.validity()?)?;
                return Ok(Done::Shown(Shown::Token(token.reveal().to_owned())));
            }
            Self::Enrol => {
                let (credentials, who) = credentials()?;
                let made = credentials.enrol_totp(&who)?;
                let (secret, uri) = (made.secret.reveal().to_owned(), made.uri.reveal().to_owned());
                let code = Qr::of(&uri);
                return Ok(Done::Shown(Shown::Authenticator { secret, uri, code }));
            }
            Self::Confirm { code } => {
                let (credentials, who) = credentials()?;
                let codes = credentials.confirm_totp(&who, &Secret::new(&*code))?;
                let codes = codes.iter().map(|code| code.reveal().to_owned()).collect();
                return Ok(Done::Shown(Shown::RecoveryCodes(codes)));
            }
            Self::RemoveTotp => {
                let (credentials, who) = credentials()?;
                credentials.remove_totp(&who)?;
            }
        }
        Ok(Done::Here(""))
    }
}
