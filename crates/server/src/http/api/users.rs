//! The subscribers.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rollcall_app::{App, EXPORT_COLUMNS, export_row};
use serde::Deserialize;
use utoipa::IntoParams;

use super::page::{self, Part};
use crate::contract::{Event, Page, User};
use crate::http::blocking;
use crate::http::door::Caller;
use crate::http::extract::{Path, Query};
use crate::http::problem::Problem;
use crate::http::stream::{Pieces, Streams};
use crate::output::{csv_error, write_json};

/// Which users are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// A condition such as `klass eq "gold"`, or the name of a saved filter; missing: every user.
    filter: Option<String>,
    /// The `next` of the part before; missing: the first part.
    cursor: Option<String>,
    /// The most users to be given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
}

/// Which users are to be taken away.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Taken {
    /// A condition such as `klass eq "gold"`, or the name of a saved filter; missing: every user.
    filter: Option<String>,
    /// In CSV, leave text that a spreadsheet would take for a formula as it is.
    #[serde(default)]
    raw: bool,
}

/// A part of the users that a filter selects, by number.
#[utoipa::path(get, path = "/users", tag = "users", params(Wanted), responses((status = 200, body = Page<User>)))]
pub(super) async fn list(
    Caller(app): Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page<User>>, Problem> {
    let Wanted { filter, cursor, limit } = wanted;
    let after = page::number(cursor.as_deref())?.unwrap_or(0);
    let page = blocking(move || {
        let filter = filter.as_deref().map(|text| app.filter(text)).transpose()?;
        let tree = filter.as_ref().map(|filter| &filter.tree);
        let found = app.users_after(tree, after)?;
        Page::of(found, page::size(limit), |user| user.id.to_string())
    });
    Ok(Json(page.await?))
}

/// One user. The `ETag` names the state that it is in.
#[utoipa::path(get, path = "/users/{username}", tag = "users", params(("username" = String, Path)),
    responses((status = 200, body = User, headers(("ETag" = String, description = "of this state")))))]
pub(super) async fn one(Caller(app): Caller, Path(username): Path<String>) -> Result<Response, Problem> {
    Ok(answer(blocking(move || app.user(&username)).await?))
}

/// A user with the name of its state.
pub(super) fn answer(user: rollcall_domain::User) -> Response {
    let tag = HeaderValue::from_str(&format!("\"v{}\"", user.version));
    let mut answer = Json(User::from(user)).into_response();
    if let Ok(tag) = tag {
        answer.headers_mut().insert(header::ETAG, tag);
    }
    answer
}

/// Removes a user. What was done to it stays in the history, by its number.
#[utoipa::path(delete, path = "/users/{username}", tag = "users", params(("username" = String, Path)),
    responses((status = 204)))]
pub(super) async fn remove(Caller(app): Caller, Path(username): Path<String>) -> Result<StatusCode, Problem> {
    blocking(move || app.remove_user(&app.user(&username)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was changed of a user, newest first: by runs and by hand. What was pruned is missing.
#[utoipa::path(get, path = "/users/{username}/history", tag = "users", params(("username" = String, Path), Part),
    responses((status = 200, body = Page<Event>)))]
pub(super) async fn history(
    Caller(app): Caller,
    Path(username): Path<String>,
    Query(part): Query<Part>,
) -> Result<Json<Page<Event>>, Problem> {
    let skip = part.number::<usize>()?.unwrap_or(0);
    let page = blocking(move || {
        let user = app.user(&username)?;
        let mut place = skip;
        let size = part.size();
        let found = app.history(user.id)?.skip(skip).take(size + 1).collect::<Result<Vec<_>, _>>()?;
        let more = found.len() > size;
        place += size;
        Ok(Page {
            items: found.into_iter().take(size).map(Event::from).collect(),
            next: more.then(|| place.to_string()),
        })
    });
    Ok(Json(page.await?))
}

/// The users that a filter selects, a JSON object a line, as many as there are.
#[utoipa::path(get, path = "/users.jsonl", tag = "users", params(Taken),
    responses((status = 200, content_type = "application/jsonl", body = String)))]
pub(super) async fn json_lines(
    Caller(app): Caller,
    State(streams): State<Streams>,
    Query(taken): Query<Taken>,
) -> Result<Response, Problem> {
    let write = move |out: &mut Pieces| {
        let filter = taken.filter.as_deref().map(|text| app.filter(text)).transpose()?;
        for user in app.export(filter.as_ref())? {
            write_json(out, &User::from(user?))?;
        }
        Ok(())
    };
    streams.answer("application/jsonl", Some("users.jsonl"), write).await
}

/// The users that a filter selects as CSV, which imports read again.
#[utoipa::path(get, path = "/users.csv", tag = "users", params(Taken),
    responses((status = 200, content_type = "text/csv", body = String)))]
pub(super) async fn csv(
    Caller(app): Caller,
    State(streams): State<Streams>,
    Query(taken): Query<Taken>,
) -> Result<Response, Problem> {
    let write = move |out: &mut Pieces| {
        let filter = taken.filter.as_deref().map(|text| app.filter(text)).transpose()?;
        let organizations = organizations(&app)?;
        let mut writer = ::csv::Writer::from_writer(out);
        writer.write_record(EXPORT_COLUMNS).map_err(csv_error)?;
        for user in app.export(filter.as_ref())? {
            writer.write_record(export_row(&user?, &organizations, taken.raw)).map_err(csv_error)?;
        }
        Ok(writer.flush()?)
    };
    streams.answer("text/csv; charset=utf-8", Some("users.csv"), write).await
}

/// The names of the organizations.
pub(super) fn organizations(app: &App) -> Result<HashMap<i64, String>, rollcall_app::AppError> {
    Ok(app.organizations()?.into_iter().map(|each| (each.id, each.name)).collect())
}
