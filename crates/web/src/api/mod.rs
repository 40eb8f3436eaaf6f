//! The API below `/api/v1`. A file a resource; each handler reads what was asked, asks [`App`], and answers with a type
//! of [`rollcall_api`]. The description is made of the same lines that make the routes, so it lists all of them.

mod administrators;
mod audit;
mod conditions;
mod credentials;
mod description;
mod events;
mod filters;
mod imports;
mod installation;
mod me;
mod organizations;
mod outcomes;
mod profiles;
mod reading;
mod reference;
mod runs;
mod samples;
mod scripts;
mod trials;
mod uploads;
mod users;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Server;
use super::limits;
use super::problem::Problem;

use rollcall_api::PREFIX;

/// Every route with its description.
fn described() -> OpenApiRouter<Server> {
    let quick = OpenApiRouter::new()
        .routes(routes!(me::set_up))
        .routes(routes!(me::begin))
        .routes(routes!(me::end))
        .routes(routes!(me::me))
        .routes(routes!(users::list, users::add))
        .routes(routes!(users::one, users::edit, users::remove))
        .routes(routes!(users::history))
        .routes(routes!(users::reply))
        .routes(routes!(users::planned_reply))
        .routes(routes!(organizations::list, organizations::add))
        .routes(routes!(organizations::rename, organizations::remove))
        .routes(routes!(profiles::list, profiles::add))
        .routes(routes!(profiles::one, profiles::edit, profiles::remove))
        .routes(routes!(filters::list))
        .routes(routes!(filters::one, filters::save, filters::remove))
        .routes(routes!(filters::check))
        .routes(routes!(filters::tree))
        .routes(routes!(filters::fields))
        .routes(routes!(scripts::list))
        .routes(routes!(scripts::one, scripts::save, scripts::remove))
        .routes(routes!(scripts::versions))
        .routes(routes!(scripts::version))
        .routes(routes!(scripts::restore))
        .routes(routes!(scripts::diff))
        .routes(routes!(scripts::check))
        .routes(routes!(scripts::names))
        .routes(routes!(uploads::list))
        .routes(routes!(uploads::one, uploads::remove))
        .routes(routes!(trials::attempt))
        .routes(routes!(samples::list))
        .routes(routes!(samples::one))
        .routes(routes!(runs::list))
        .routes(routes!(runs::one))
        .routes(routes!(runs::begin))
        .routes(routes!(runs::resume))
        .routes(routes!(runs::cancel))
        .routes(routes!(runs::approve))
        .routes(routes!(outcomes::list))
        .routes(routes!(users::history_by_number))
        .routes(routes!(administrators::list, administrators::add))
        .routes(routes!(administrators::one, administrators::remove))
        .routes(routes!(administrators::grant, administrators::revoke))
        .routes(routes!(administrators::roles))
        .routes(routes!(credentials::set_password))
        .routes(routes!(credentials::sessions, credentials::end_sessions))
        .routes(routes!(credentials::end_session))
        .routes(routes!(credentials::tokens, credentials::add_token))
        .routes(routes!(credentials::revoke_token))
        .routes(routes!(credentials::enrol, credentials::confirm, credentials::remove_totp))
        .routes(routes!(audit::list))
        .routes(routes!(audit::head))
        .routes(routes!(installation::settings))
        .routes(routes!(installation::set, installation::unset))
        .routes(routes!(installation::workers))
        .layer(middleware::from_fn(limits::be_patient));
    // What takes as long as there are users.
    let long = OpenApiRouter::new()
        .routes(routes!(users::csv))
        .routes(routes!(users::json_lines))
        .routes(routes!(imports::import))
        .routes(routes!(imports::import_upload))
        .routes(routes!(imports::bad_rows))
        .routes(routes!(uploads::add))
        .routes(routes!(uploads::report))
        .routes(routes!(uploads::bad_rows))
        .routes(routes!(runs::start))
        .routes(routes!(runs::apply))
        .routes(routes!(runs::undo))
        .routes(routes!(runs::retry))
        .routes(routes!(events::events))
        .routes(routes!(outcomes::changes))
        .routes(routes!(outcomes::troubles))
        .routes(routes!(outcomes::result_columns))
        .routes(routes!(outcomes::json_lines))
        .routes(routes!(outcomes::csv))
        .routes(routes!(outcomes::workbook))
        .routes(routes!(audit::export))
        .routes(routes!(audit::check))
        .routes(routes!(installation::prune))
        .layer(middleware::from_fn(limits::be_very_patient));
    OpenApiRouter::with_openapi(description::frame()).merge(quick).merge(long)
}

/// The routes, the description among them.
pub(super) fn routes() -> Router<Server> {
    let (routes, described) = described().split_for_parts();
    routes.merge(description::routes(described)).fallback(super::nothing).method_not_allowed_fallback(
        async || Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this address does not take that method"),
    )
}
