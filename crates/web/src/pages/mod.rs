//! The pages: a file a screen. Each handler reads the request, calls [`App`](rollcall_app::App) and answers with a
//! template. Links and forms alone do everything. A finished form leads to a page (303); a rejected one shows what was
//! typed and what is wrong with it. Forms carry the version that was shown, and those that create runs an idempotency
//! key.

mod account;
mod address;
mod administration;
mod audit;
mod columns;
mod course;
mod errors;
mod fault;
mod file_fields;
mod files;
mod filters;
mod home;
mod import;
mod layout;
mod login;
mod messages;
mod new_run;
mod organizations;
mod params;
mod profiles;
mod progress;
mod qr;
mod revert;
mod rows;
mod run;
mod runs;
mod script;
mod script_history;
mod scripts;
mod selection;
mod steps;
pub(super) mod template;
mod timeline;
mod user;
mod users;
mod view;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use askama::Template;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::problem::Problem;
use super::{Server, limits};
pub(super) use errors::show_problems;

/// The styles of all pages: tokens first, then a file a component. Later ones win over earlier ones of equal weight.
const STYLE: &str = concat!(
    include_str!("../../templates/styles/tokens.css"),
    include_str!("../../templates/styles/base.css"),
    include_str!("../../templates/styles/forms.css"),
    include_str!("../../templates/styles/layout.css"),
    include_str!("../../templates/styles/cards.css"),
    include_str!("../../templates/styles/tables.css"),
    include_str!("../../templates/styles/lists.css"),
    include_str!("../../templates/styles/badges.css"),
    include_str!("../../templates/styles/code.css"),
    include_str!("../../templates/styles/charts.css"),
    include_str!("../../templates/styles/filters.css"),
    include_str!("../../templates/styles/runs.css"),
    include_str!("../../templates/styles/reference.css"),
    include_str!("../../templates/styles/dialogs.css"),
);
const FAVICON: &str = include_str!("../../templates/favicon.svg");
/// What pages may load: nothing but what this server has, and no script or style that stands in them. Their script makes
/// no markup of text: nothing there may, not even by a policy (Trusted Types).
const MAY_LOAD: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
);

/// The routes of all pages.
pub(super) fn routes() -> Router<Server> {
    Router::new()
        .route("/", get(home::page).post(home::fill))
        .route("/style.css", get(style))
        .route("/favicon.svg", get(favicon))
        .route("/login", get(login::page).post(login::sign_in))
        .route("/logout", post(login::sign_out))
        .route("/users", get(users::list))
        .route("/columns", post(columns::choose))
        .route("/add-user", get(users::add_page).post(users::add))
        .route("/users/{username}", get(user::page).post(user::change))
        .route("/users/{username}/revert", get(revert::page).post(revert::revert))
        .route("/scripts", get(scripts::list))
        .route("/samples", get(scripts::samples))
        .route("/new-script", get(script::new_page).post(script::add))
        .route("/scripts/{name}", get(script::page).post(script::change))
        .route("/scripts/{name}/history", get(script_history::page).post(script_history::restore))
        .route("/runs", get(runs::list))
        .route("/runs/{run}", get(run::page).post(run::act))
        .route("/runs/{run}/progress", get(progress::page))
        .route("/runs/{run}/script", get(run::script))
        .route("/filters", get(filters::page).post(filters::change))
        .route("/profiles", get(profiles::list).post(profiles::add))
        .route("/profiles/{short_name}", get(profiles::page).post(profiles::change))
        .route("/organizations", get(organizations::page).post(organizations::change))
        .route("/administration", get(administration::page).post(administration::change))
        .route("/administrators/{name}", get(account::page).post(account::change))
        .route("/account", get(account::own_page).post(account::change_own))
        .route("/audit", get(audit::page))
        .route("/theme", post(layout::choose_theme))
        .route("/organization", post(layout::choose_organization))
        .layer(middleware::from_fn(limits::be_patient))
        .merge(long())
}

/// What takes as long as there are users, or rows of a file.
fn long() -> Router<Server> {
    Router::new()
        .route("/runs/new", get(new_run::page).post(new_run::start))
        .route("/runs/new/file", post(new_run::file).layer(DefaultBodyLimit::disable()))
        .route("/import-users", get(import::page).post(import::import))
        .route("/import-users/file", post(import::file).layer(DefaultBodyLimit::disable()))
        .route("/audit/verify", post(audit::verify))
        .route("/runs/{run}/{act}", post(run::make))
        .layer(middleware::from_fn(limits::be_very_patient))
}

/// A page as an answer.
pub(super) fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(page) => (status, [(header::CONTENT_SECURITY_POLICY, MAY_LOAD)], Html(page)).into_response(),
        Err(error) => {
            tracing::error!("{error}");
            Problem::internal().into_response()
        }
    }
}

/// Where a form leads when it was done.
fn see(address: impl AsRef<str>) -> Response {
    Redirect::to(address.as_ref()).into_response()
}

/// Names the style as it is, so that browsers may keep it.
pub(crate) fn style_state() -> &'static str {
    static STATE: LazyLock<String> = LazyLock::new(|| {
        let mut hasher = DefaultHasher::new();
        STYLE.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    });
    &STATE
}

/// How the pages look.
async fn style() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        // Its address changes with it.
        (header::CACHE_CONTROL, "private, max-age=31536000, immutable"),
    ];
    (headers, STYLE)
}

/// What browsers show of a page in their tabs.
async fn favicon() -> impl IntoResponse {
    let headers =
        [(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "private, max-age=86400")];
    (headers, FAVICON)
}
