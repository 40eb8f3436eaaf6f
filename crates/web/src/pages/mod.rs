//! The pages: a file a screen. Each handler reads the request, calls [`App`](rollcall_app::App) and answers with a
//! template. Links and forms alone do everything. A finished form leads to a page (303); a rejected one shows what was
//! typed and what is wrong with it. Forms carry the version that was shown, and those that create runs an idempotency
//! key.

mod account;
mod address;
mod administration;
mod answer;
mod audit;
mod columns;
mod course;
mod errors;
mod fault;
mod file_fields;
mod files;
mod filters;
mod form;
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
mod style;
pub(super) mod template;
mod timeline;
mod user;
mod users;
mod view;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};

use super::{Server, limits};
pub(crate) use answer::html;
use answer::see;
pub(super) use errors::show_problems;
pub(crate) use style::style_state;
use style::{favicon, style};

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
        .route("/runs/{run}/apply", post(run::apply))
        .route("/runs/{run}/undo", post(run::undo))
        .route("/runs/{run}/retry", post(run::retry))
        .layer(middleware::from_fn(limits::be_very_patient))
}
