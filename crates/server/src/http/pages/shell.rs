//! What all pages have around them, and who looks at them.

use std::fmt;

use askama::Template;
use axum::Form;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use rollcall_app::{App, AppError};
use rollcall_domain::{Right, RunQuery, RunState};
use serde::Deserialize;

use super::address::ours;
use super::{html, see};
use crate::http::door::Caller;
use crate::http::problem::Problem;
use crate::http::{Server, aside};

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
        let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|each| each.to_str().ok());
        let mut each = cookies.flat_map(|all| all.split(';')).filter_map(|one| one.trim().split_once('='));
        match each.find(|(name, _)| *name == Self::COOKIE) {
            Some((_, "light")) => Self::Light,
            Some((_, "dark")) => Self::Dark,
            _ => Self::System,
        }
    }
}

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
        Ok(Self { app, theme: Theme::of(&parts.headers), here, problem: None })
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
}

/// A run that is under way.
pub(super) struct Active {
    pub(super) run: i64,
    pub(super) percent: u64,
}

impl Shell {
    /// Whether a right is held anywhere.
    pub(super) fn may(&self, right: &str) -> bool {
        self.rights.iter().any(|held| held.name() == right)
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

    fn shell(&self, section: &'static str) -> Result<Shell, AppError> {
        let rights = self.app.actor().rights();
        let rights: Vec<_> = Right::ALL.into_iter().filter(|right| rights.scope(*right).is_some()).collect();
        let running = RunQuery { state: Some(RunState::Running), ..RunQuery::default() };
        let running = match rights.contains(&Right::Look) {
            true => self.app.runs_after(&running, None, 1)?,
            false => Vec::new(),
        };
        let active = running
            .first()
            .map(|run| Active { run: run.id, percent: run.tally.total() * 100 / run.targets.max(1) });
        Ok(Shell {
            section,
            who: self.app.actor().name().to_owned(),
            theme: self.theme,
            here: self.here.clone(),
            active,
            problem: self.problem.clone(),
            rights,
            refresh: None,
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
    let cookie = format!("{}={theme}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly", Theme::COOKIE);
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    answer
}
