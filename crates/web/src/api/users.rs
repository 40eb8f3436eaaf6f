//! The subscribers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use rollcall_app::wire::{self, UserFormat};
use rollcall_app::{ListKey, UserEdit, UserSelection};
use rollcall_domain::{OrganizationId, RunId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::conditions::{Seen, tagged};
use super::reading::{edits, new_user};
use crate::auth::Caller;
use crate::blocking;
use crate::extract::{Body, Path, Query};
use crate::problem::Problem;
use crate::shared::listing::{self as page, Part};
use crate::stream::{Pieces, Streams};
use rollcall_api::{
    CreateUserRequest, HistoryEntry, Page, PlannedReply, RadiusReply, Saved, UpdateUserRequest, User,
};

/// The filter and the page of a list of users.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// A filter such as `klass eq "gold"`, or the name of a saved one; missing: all users.
    filter: Option<String>,
    /// A search text: an ID, a name, an external ID, an e-mail address, or the beginning of a name or an address. It can be
    /// combined with `filter`.
    search: Option<String>,
    /// Only users with these IDs, separated by commas.
    ids: Option<String>,
    /// Only users of the organization with this ID.
    #[param(value_type = Option<i64>)]
    organization_id: Option<OrganizationId>,
    /// The `next` of the previous page; missing: the first page.
    cursor: Option<String>,
    /// The maximum number of users.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
}

/// The filter and the form of an export of users.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Taken {
    /// A filter such as `klass eq "gold"`, or the name of a saved one; missing: all users.
    filter: Option<String>,
    /// The search text, as for `GET /users`.
    search: Option<String>,
    /// Only users with these IDs, separated by commas.
    ids: Option<String>,
    /// Only users of the organization with this ID.
    #[param(value_type = Option<i64>)]
    organization_id: Option<OrganizationId>,
    /// In CSV, do not escape text that a spreadsheet would run as a formula.
    #[serde(default)]
    raw: bool,
}

/// The selection that a request asks for.
fn selection(
    filter: Option<String>,
    search: Option<String>,
    ids: Option<&str>,
    organization: Option<OrganizationId>,
) -> Result<UserSelection, Problem> {
    let asked = UserSelection::asked(filter, search).map_err(|why| Problem::invalid(why.to_string()))?;
    let ids = ids.map_or(Ok(Vec::new()), |ids| ids.split(',').map(|id| id.trim().parse()).collect());
    let ids = ids.map_err(|_| Problem::invalid("ids: write numbers of users with commas between them"))?;
    Ok(UserSelection { organization, ids, ..asked })
}

/// Lists users, by ID.
///
/// A search without a filter lists the best match first.
#[utoipa::path(get, path = "/users", operation_id = "listUsers", tag = "users", params(Wanted), responses((status = 200, body = Page<User>)))]
pub(super) async fn list(
    Caller(app): Caller,
    Query(asked): Query<Wanted>,
) -> Result<Json<Page<User>>, Problem> {
    let Wanted { filter, search, ids, organization_id, cursor, limit } = asked;
    let selection = selection(filter, search, ids.as_deref(), organization_id)?;
    let wanted = page::Wanted::<ListKey>::new(cursor.as_deref(), limit)?;
    let page = blocking(move || {
        let found = app.users().select(&selection)?.list(wanted.after.as_ref(), wanted.look_for())?;
        Ok(wanted.page(found, |listed| listed.key.clone(), |listed| User::from(listed.user)))
    });
    Ok(Json(page.await?))
}

/// Creates a user.
#[utoipa::path(post, path = "/users", operation_id = "createUser", tag = "users", request_body = CreateUserRequest,
    responses((status = 201, body = Saved<User>, headers(("ETag" = String, description = "of this state")))))]
pub(super) async fn add(
    Caller(app): Caller,
    Body(new): Body<CreateUserRequest>,
) -> Result<Response, Problem> {
    let new = new_user(new, app.zone())?;
    let added = blocking(move || {
        let user = app.users().add(&new)?;
        let warnings = app.radius().list_warnings(new.attributes.iter().chain(&new.check_attributes))?;
        Ok((user, warnings))
    });
    let (user, warnings) = added.await?;
    let mut answer = answer(user, |now| Saved { now, warnings });
    *answer.status_mut() = StatusCode::CREATED;
    Ok(answer)
}

/// Updates a user in one transaction: assigns fields, then removes and adds profiles and items.
///
/// With `If-Match`, only if the user is in that state.
#[utoipa::path(patch, path = "/users/{username}", operation_id = "updateUser", tag = "users", params(("username" = String, Path),
    ("If-Match" = Option<String>, Header, description = "The `ETag` of the state that is to be changed")),
    request_body = UpdateUserRequest,
    responses((status = 200, body = Saved<User>, headers(("ETag" = String, description = "of the new state")))))]
pub(super) async fn edit(
    Caller(app): Caller,
    Path(username): Path<String>,
    seen: Seen,
    Body(patch): Body<UpdateUserRequest>,
) -> Result<Response, Problem> {
    let edits = edits(patch, app.zone())?;
    let expected = seen.version()?;
    let edited = blocking(move || {
        let added = edits.iter().filter_map(|edit| match edit {
            UserEdit::ItemAdd(_, item) => Some(item),
            _ => None,
        });
        let warnings = app.radius().list_warnings(added)?;
        Ok((app.users().edit(&username, edits, expected)?.0, warnings))
    });
    let (user, warnings) = edited.await?;
    Ok(answer(user, |now| Saved { now, warnings }))
}

/// Returns a user.
///
/// The `ETag` identifies its state.
#[utoipa::path(get, path = "/users/{username}", operation_id = "getUser", tag = "users", params(("username" = String, Path)),
    responses((status = 200, body = User, headers(("ETag" = String, description = "of this state")))))]
pub(super) async fn one(Caller(app): Caller, Path(username): Path<String>) -> Result<Response, Problem> {
    Ok(answer(blocking(move || app.users().find(&username)).await?, |user| user))
}

/// What there is to be said of a user, with the name of its state.
fn answer<T: Serialize>(user: rollcall_domain::User, said: impl FnOnce(User) -> T) -> Response {
    let state = format!("v{}", user.version);
    tagged(Json(said(user.into())).into_response(), &state)
}

/// Removes a user.
///
/// Its history stays under its ID.
#[utoipa::path(delete, path = "/users/{username}", operation_id = "removeUser", tag = "users", params(("username" = String, Path),
    ("If-Match" = Option<String>, Header, description = "The `ETag` of the state that was seen")),
    responses((status = 204)))]
pub(super) async fn remove(
    Caller(app): Caller,
    Path(username): Path<String>,
    seen: Seen,
) -> Result<StatusCode, Problem> {
    let expected = seen.version()?;
    blocking(move || app.users().remove(&username, expected)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Returns the reply of FreeRADIUS to a user with the right password.
#[utoipa::path(get, path = "/users/{username}/reply", operation_id = "getRadiusReply", tag = "users", params(("username" = String, Path)),
    responses((status = 200, body = RadiusReply)))]
pub(super) async fn reply(
    Caller(app): Caller,
    Path(username): Path<String>,
) -> Result<Json<RadiusReply>, Problem> {
    let reply = blocking(move || app.radius().compute_reply(&app.users().find(&username)?));
    Ok(Json(reply.await?.into()))
}

/// Which preview.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Planned {
    /// The number of the preview.
    #[param(value_type = i64)]
    preview: RunId,
}

/// Returns the reply of FreeRADIUS to a user now, and after a finished preview is applied.
#[utoipa::path(get, path = "/users/{username}/planned-reply", operation_id = "getPlannedReply", tag = "users",
    params(("username" = String, Path), Planned), responses((status = 200, body = PlannedReply)))]
pub(super) async fn planned_reply(
    Caller(app): Caller,
    Path(username): Path<String>,
    Query(planned): Query<Planned>,
) -> Result<Json<PlannedReply>, Problem> {
    let (before, after) =
        blocking(move || app.radius().compute_planned_replies_for(planned.preview, &username)).await?;
    Ok(Json(PlannedReply { before: before.into(), after: after.into() }))
}

/// Lists the changes of a user by runs and manual edits, newest first.
///
/// Pruned changes are missing.
#[utoipa::path(get, path = "/users/{username}/history", operation_id = "listUserHistory", tag = "users", params(("username" = String, Path), Part),
    responses((status = 200, body = Page<HistoryEntry>)))]
pub(super) async fn history(
    Caller(app): Caller,
    Path(username): Path<String>,
    Query(part): Query<Part>,
) -> Result<Json<Page<HistoryEntry>>, Problem> {
    let wanted = part.read()?;
    let page = blocking(move || {
        let user = app.users().find(&username)?;
        let found = app.users().list_history_after(user.id, wanted.after, wanted.look_for())?;
        Ok(wanted.page(found, |event| event.key, HistoryEntry::from))
    });
    Ok(Json(page.await?))
}

/// Lists the history of the user with this ID, for example of a removed or renamed user.
#[utoipa::path(get, path = "/user-history/{obj_id}", operation_id = "listUserHistoryById", tag = "users", params(("obj_id" = i64, Path), Part),
    responses((status = 200, body = Page<HistoryEntry>)))]
pub(super) async fn history_by_number(
    Caller(app): Caller,
    Path(id): Path<UserId>,
    Query(part): Query<Part>,
) -> Result<Json<Page<HistoryEntry>>, Problem> {
    let wanted = part.read()?;
    let page = blocking(move || {
        let found = app.users().list_history_after(id, wanted.after, wanted.look_for())?;
        Ok(wanted.page(found, |event| event.key, HistoryEntry::from))
    });
    Ok(Json(page.await?))
}

/// Exports the selected users as JSON lines.
#[utoipa::path(get, path = "/users.jsonl", operation_id = "exportUsersJsonLines", tag = "users", params(Taken),
    responses((status = 200, content_type = "application/jsonl", body = String)))]
pub(super) async fn json_lines(
    Caller(app): Caller,
    State(streams): State<Streams>,
    Query(taken): Query<Taken>,
) -> Result<Response, Problem> {
    let selection = selection(taken.filter, taken.search, taken.ids.as_deref(), taken.organization_id)?;
    let write = move |out: &mut Pieces| wire::export_users(&app, &selection, UserFormat::Json, out);
    streams.answer("application/jsonl", Some("users.jsonl"), write).await
}

/// Exports the selected users as CSV, which an import reads again.
#[utoipa::path(get, path = "/users.csv", operation_id = "exportUsersCsv", tag = "users", params(Taken),
    responses((status = 200, content_type = "text/csv", body = String)))]
pub(super) async fn csv(
    Caller(app): Caller,
    State(streams): State<Streams>,
    Query(taken): Query<Taken>,
) -> Result<Response, Problem> {
    let selection = selection(taken.filter, taken.search, taken.ids.as_deref(), taken.organization_id)?;
    let format = UserFormat::Csv { raw: taken.raw };
    let write = move |out: &mut Pieces| wire::export_users(&app, &selection, format, out);
    streams.answer("text/csv; charset=utf-8", Some("users.csv"), write).await
}
