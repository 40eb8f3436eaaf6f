//! One administrator: what they may do and what they prove themselves with. Whoever is signed in has such a page, too.

use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::response::Response;
use rollcall_app::App;
use rollcall_domain::{Administrator, ApiToken, Organization, Right, Role, Scopes, Secret, Session};

use super::address::segment;
use super::administration::grant;
use super::qr::Qr;
use super::see;
use super::shell::{Shell, Visitor};
use super::users::Sent;
use crate::http::aside;
use crate::http::extract::Path;
use crate::http::problem::Problem;

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
    who: Administrator,
    grants: Vec<Granted>,
    organizations: Vec<Organization>,
    sessions: Vec<Session>,
    tokens: Vec<ApiToken>,
    shown: Option<Shown>,
    now: rollcall_domain::Timestamp,
}

async fn show(visitor: Visitor, name: String, own: bool, shown: Option<Shown>) -> Result<Response, Problem> {
    let page = move |app: &App, shell: Shell| {
        let (credentials, who) = app.credentials_of(&name)?;
        // Whoever may look at nothing is somebody, too.
        let organizations = app.organizations().unwrap_or_default();
        let place = |id: i64| {
            let known = organizations.iter().find(|each| each.id == id);
            known.map_or_else(|| format!("organization {id}"), |each| each.name.clone())
        };
        let grants = who.rights.grants().map(|grant| Granted {
            role: grant.role.name(),
            organization: grant.organization_id.map(place).unwrap_or_default(),
        });
        Ok(Page {
            grants: grants.collect(),
            sessions: credentials.sessions_after(&who, None, SHOWN)?,
            tokens: credentials.tokens_after(&who, None, SHOWN)?,
            now: rollcall_domain::Clock::now(&rollcall_domain::SystemClock),
            shell,
            own,
            organizations,
            who,
            shown,
        })
    };
    visitor.page(if own { "account" } else { "administration" }, page).await
}

pub(super) async fn page(visitor: Visitor, Path(name): Path<String>) -> Result<Response, Problem> {
    show(visitor, name, false, None).await
}

pub(super) async fn own_page(visitor: Visitor) -> Result<Response, Problem> {
    let name = visitor.app.actor().name().to_owned();
    show(visitor, name, true, None).await
}

pub(super) async fn change(
    visitor: Visitor,
    Path(name): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, Problem> {
    work(visitor, name, false, sent).await
}

pub(super) async fn change_own(visitor: Visitor, Form(sent): Form<Sent>) -> Result<Response, Problem> {
    let name = visitor.app.actor().name().to_owned();
    work(visitor, name, true, sent).await
}

/// What has come of a form.
enum Done {
    Shown(Shown),
    /// The page is to be seen again.
    Here,
    /// The administrator is gone.
    Removed,
}

async fn work(visitor: Visitor, name: String, own: bool, sent: Sent) -> Result<Response, Problem> {
    let (app, wanted) = (visitor.app.clone(), name.clone());
    match aside(move || change_now(&app, &wanted, &sent)).await {
        Ok(Done::Shown(shown)) => show(visitor, name, own, Some(shown)).await,
        Ok(Done::Here) if own => Ok(see("/account")),
        Ok(Done::Here) => Ok(see(format!("/administrators/{}", segment(&name)))),
        Ok(Done::Removed) => Ok(see("/administration")),
        Err(problem) if problem.status() == axum::http::StatusCode::NOT_FOUND => Err(problem),
        Err(problem) => show(visitor.told(problem), name, own, None).await,
    }
}

fn change_now(app: &App, name: &str, sent: &Sent) -> Result<Done, Problem> {
    let text = |name: &str| sent.get(name).map(|text| text.trim()).unwrap_or_default();
    let number = || text("id").parse().map_err(|_| Problem::invalid("say which"));
    match text("act") {
        "grant" => app.grant(name, &grant(app, sent)?)?,
        "revoke" => drop(app.revoke(name, &grant(app, sent)?)?),
        "remove" => {
            app.remove_administrator(name)?;
            return Ok(Done::Removed);
        }
        act => {
            let (credentials, who) = app.credentials_of(name)?;
            match act {
                "password" => {
                    let password = Secret::new(sent.get("password").cloned().unwrap_or_default());
                    credentials.set_password(&who, &password, None)?;
                }
                "end_session" => credentials.revoke_session(&who, number()?)?,
                "end_sessions" => drop(credentials.revoke_sessions(&who, None)?),
                "revoke_token" => credentials.revoke_token(&who, number()?)?,
                "add_token" => {
                    let rights = Right::ALL.into_iter();
                    let rights = rights.filter(|right| sent.contains_key(&format!("scope.{}", right.name())));
                    let scopes = Scopes::new(rights)?;
                    let days = text("days").parse::<u16>().ok().filter(|days| (1..=366).contains(days));
                    let days = days.ok_or_else(|| Problem::invalid("a token is good for 1 to 366 days"))?;
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
                _ => return Err(Problem::invalid("say what is to be done")),
            }
        }
    }
    Ok(Done::Here)
}
