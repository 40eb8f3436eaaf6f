//! The layout of all pages, with the visitor and the chosen organization. Pages that list, count or select users are
//! limited to that organization: rights are removed, and none are given.

use std::borrow::Borrow;
use std::cell::Cell;
use std::fmt;

use askama::Template;
use axum::Form;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use rollcall_app::{App, AppError};
use rollcall_domain::{Organization, OrganizationId, Right, RunQuery, RunState, Scope, Timestamp, Zone};
use serde::Deserialize;

use super::address::{ours, without};
use super::form::Sent;
use super::{html, messages, see};
use crate::auth::Caller;
use crate::problem::Problem;
use crate::{Server, aside};

/// Light or dark, unless it is as the system has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Theme {
    System,
    Light,
    Dark,
}

impl Theme {
    const COOKIE: &str = "rollcall-theme";

    pub(super) fn of(headers: &HeaderMap) -> Self {
        match chosen(headers, Self::COOKIE) {
            Some("light") => Self::Light,
            Some("dark") => Self::Dark,
            _ => Self::System,
        }
    }
}

/// What a browser keeps under this name.
fn chosen<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|each| each.to_str().ok());
    let mut each = cookies.flat_map(|all| all.split(';')).filter_map(|one| one.trim().split_once('='));
    each.find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

/// Lets a browser keep something under a name for so many seconds.
pub(super) fn keep(answer: &mut Response, name: &str, value: &str, seconds: u32) {
    let cookie = format!("{name}={value}; Path=/; Max-Age={seconds}; SameSite=Lax; HttpOnly");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

const YEAR: u32 = 31_536_000;
/// Which organization somebody looks at. It is no more than what they have chosen: what they may see is found out by their
/// rights at every request.
pub(super) const ORGANIZATION: &str = "rollcall-organization";
/// So many organizations are offered at the top of each page; the page of them has all.
const OFFERED: u32 = 100;

impl fmt::Display for Theme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        })
    }
}

/// Whoever looks at a page, with what their browser has said about it.
#[derive(Clone)]
pub(super) struct Visitor {
    pub(super) app: App,
    theme: Theme,
    /// The organization that they have chosen, theirs or not.
    organization: Option<OrganizationId>,
    /// The organization that the address or the form names, which goes before.
    asked: Option<OrganizationId>,
    here: String,
    problem: Option<Problem>,
}

impl FromRequestParts<Server> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Problem> {
        let Caller(app) = Caller::from_request_parts(parts, server).await?;
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        let here = parts.uri.path_and_query().filter(|_| reads);
        let here = here.map_or_else(|| "/".to_owned(), ToString::to_string);
        let organization = chosen(&parts.headers, ORGANIZATION).and_then(|id| id.parse().ok());
        Ok(Self { app, theme: Theme::of(&parts.headers), organization, asked: None, here, problem: None })
    }
}

/// What all pages have around them.
pub(super) struct Shell {
    pub(super) section: &'static str,
    pub(super) who: String,
    pub(super) theme: Theme,
    pub(super) here: String,
    pub(super) active: Option<Active>,
    pub(super) problem: Option<Problem>,
    pub(super) rights: Vec<Right>,
    /// After how many seconds the page is loaded again.
    pub(super) refresh: Option<u32>,
    pub(super) places: Places,
    /// In which moments are shown.
    pub(super) zone: Zone,
}

/// The organizations that somebody may look at, and the one that they do.
#[derive(Default)]
pub(super) struct Places {
    /// Those to choose from; none where there is no choice.
    pub(super) offered: Vec<Organization>,
    /// There are more.
    pub(super) more: bool,
    /// The only one that they may look at.
    pub(super) only: Option<Organization>,
    chosen: Option<Organization>,
    /// Whether the page shows users of the chosen one only.
    narrowed: Cell<bool>,
}

impl Places {
    /// `wanted` is ignored where they may not look at it; `asked` is refused.
    fn of(
        app: &App,
        wanted: Option<OrganizationId>,
        asked: Option<OrganizationId>,
    ) -> Result<Self, AppError> {
        let Some(scope) = app.actor().rights().scope(Right::Look) else { return Ok(Self::default()) };
        let mut offered = app.organizations().list_after(None, OFFERED + 1)?;
        let find = |id: OrganizationId| -> Result<_, AppError> {
            let next = app.organizations().list_after(Some(id.saturating_sub(1)), 1)?.pop();
            Ok(next.filter(|found| found.id == id))
        };
        let asked = match asked {
            None => None,
            Some(id) => Some(find(id)?.ok_or_else(|| AppError::missing(format!("organization {id}")))?),
        };
        if let (Scope::Within(_), [_]) = (scope, &offered[..]) {
            return Ok(Self { only: offered.pop(), ..Self::default() });
        }
        if offered.len() < 2 {
            return Ok(Self { chosen: asked, ..Self::default() });
        }
        let more = offered.len() > OFFERED as usize;
        offered.truncate(OFFERED as usize);
        let chosen = match (asked, wanted) {
            (Some(asked), _) => Some(asked),
            (None, Some(id)) => find(id)?,
            (None, None) => None,
        };
        if let Some(chosen) = chosen.as_ref().filter(|chosen| !offered.contains(chosen)) {
            offered.push(chosen.clone());
        }
        Ok(Self { offered, more, chosen, ..Self::default() })
    }

    /// The one that the page is narrowed to, though there are others.
    pub(super) fn shown(&self) -> Option<&Organization> {
        self.chosen.as_ref().filter(|_| self.narrowed.get())
    }

    pub(super) fn is_chosen(&self, id: &OrganizationId) -> bool {
        self.chosen.as_ref().is_some_and(|chosen| chosen.id == *id)
    }
}

/// A run that is under way.
pub(super) struct Active {
    pub(super) run: i64,
    pub(super) percent: u64,
}

impl Shell {
    /// The organization whose users are meant: the one that was chosen at the top, or the only one; none: all that may be
    /// looked at.
    pub(super) fn organization(&self) -> Option<&Organization> {
        self.places.chosen.as_ref().or(self.places.only.as_ref())
    }

    /// Its number, as forms carry it: see [`Visitor::as_shown`].
    pub(super) fn organization_id(&self) -> String {
        self.places.chosen.as_ref().map(|chosen| chosen.id.to_string()).unwrap_or_default()
    }

    /// Rollcall within the organization that was chosen, for whatever lists, counts or takes users. The page says that it
    /// is narrowed.
    pub(super) fn narrowed(&self, app: &App) -> App {
        let Some(chosen) = &self.places.chosen else { return app.clone() };
        self.places.narrowed.set(true);
        app.within_organization(chosen.id)
    }

    /// Whether a right is held anywhere.
    pub(super) fn may(&self, right: &str) -> bool {
        self.rights.iter().any(|held| held.name() == right)
    }

    /// A moment for people, to the second: `2027-01-31 00:00 CET`.
    pub(super) fn moment(&self, time: impl Borrow<Timestamp>) -> String {
        self.zone.show(time.borrow().to_second())
    }

    /// What marks the link to where somebody is.
    pub(super) fn current(&self, section: &str) -> &'static str {
        if self.section == section { "page" } else { "false" }
    }
}

impl Visitor {
    /// The same, where something has gone wrong: the page says what.
    pub(super) fn told(self, problem: Problem) -> Self {
        Self { problem: Some(problem), ..self }
    }

    /// The visitor of a page whose address or form names an organization by its number; empty: it names none.
    pub(super) fn asking_for(self, organization: &str) -> Result<Self, Problem> {
        match organization {
            "" => Ok(self),
            id => {
                let id = id.parse().map_err(|_| Problem::invalid(messages::NO_ORGANIZATION))?;
                Ok(Self { asked: Some(id), ..self })
            }
        }
    }

    /// Rollcall as it was when a form was shown: within the organization that the form names, whichever is chosen by now.
    pub(super) fn as_shown(&self, sent: &Sent) -> App {
        match sent.get("organization_id").and_then(|id| id.parse().ok()) {
            Some(organization) => self.app.within_organization(organization),
            None => self.app.clone(),
        }
    }

    fn shell(&self, section: &'static str) -> Result<Shell, AppError> {
        let rights = self.app.actor().rights();
        let rights: Vec<_> = Right::ALL.into_iter().filter(|right| rights.scope(*right).is_some()).collect();
        let running = RunQuery { state: Some(RunState::Running), ..RunQuery::default() };
        let running = match rights.contains(&Right::Look) {
            true => self.app.runs().list_after(&running, None, 1)?,
            false => Vec::new(),
        };
        let active = running
            .first()
            .map(|run| Active { run: run.id, percent: run.tally.total() * 100 / run.targets.max(1) });
        let places = match Places::of(&self.app, self.organization, self.asked) {
            // What has gone wrong before is told.
            Err(_) if self.problem.is_some() => Places::of(&self.app, self.organization, None)?,
            places => places?,
        };
        Ok(Shell {
            section,
            who: self.app.actor().name().to_owned(),
            theme: self.theme,
            here: self.here.clone(),
            active,
            problem: self.problem.clone(),
            rights,
            refresh: None,
            places,
            zone: self.app.zone().clone(),
        })
    }

    /// A page of a section, made of what `work` finds.
    pub(super) async fn page<T: Template>(
        self,
        section: &'static str,
        work: impl FnOnce(&App, Shell) -> Result<T, Problem> + Send + 'static,
    ) -> Result<Response, Problem> {
        aside(move || {
            let shell = self.shell(section)?;
            let status = self.problem.as_ref().map_or(StatusCode::OK, Problem::status);
            Ok(html(status, &work(&self.app, shell)?))
        })
        .await
    }
}

/// Which theme somebody wants, and where they were.
#[derive(Deserialize)]
pub(super) struct Choice {
    theme: Theme,
    next: Option<String>,
}

pub(super) async fn choose_theme(Form(Choice { theme, next }): Form<Choice>) -> Response {
    let mut answer = see(ours(next.as_deref()));
    keep(&mut answer, Theme::COOKIE, &theme.to_string(), YEAR);
    answer
}

/// Which organization somebody wants to look at, and where they were.
#[derive(Deserialize)]
pub(super) struct Place {
    /// Its number; empty: all.
    organization: String,
    next: Option<String>,
}

pub(super) async fn choose_organization(Form(Place { organization, next }): Form<Place>) -> Response {
    // What an address says goes before what is chosen.
    let mut answer = see(without(ours(next.as_deref()), "organization_id"));
    match organization.parse::<OrganizationId>() {
        Ok(id) => keep(&mut answer, ORGANIZATION, &id.to_string(), YEAR),
        Err(_) => keep(&mut answer, ORGANIZATION, "", 0),
    }
    answer
}
