//! Saved filters.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use rollcall_app::wire;
use rollcall_app::{Counted, revision};
use rollcall_domain as domain;
use rollcall_domain::filter::Subject;
use serde::Deserialize;
use utoipa::ToSchema;

use super::conditions::{Seen, tagged};
use crate::auth::Caller;
use crate::blocking;
use crate::extract::{Body, Path, Query};
use crate::problem::{Fault, Problem};
use crate::shared::listing::Part;
use rollcall_api::{FilterCheck, FilterField, FilterTree, Page, SavedFilter};

/// Whoever counts to more counts all.
const MOST: u64 = 1_000_000_000;

/// A condition.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SaveFilterRequest {
    /// Such as `klass eq "gold" and expiration lt now`.
    filter: String,
}

/// A filter to count the users of.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FilterCheckRequest {
    /// A condition, or the name of a saved filter; null or missing: every user.
    #[serde(default)]
    filter: Option<String>,
    /// Stop counting at so many: whoever types a condition does not wait for millions. Null or missing: count all.
    #[serde(default)]
    #[schema(maximum = 1_000_000_000)]
    at_most: Option<u64>,
}

fn answer(status: StatusCode, filter: domain::SavedFilter) -> Response {
    let state = revision(&filter);
    tagged((status, Json(SavedFilter::from(filter))).into_response(), &state)
}

/// Lists the saved filters that you may see, by name.
#[utoipa::path(get, path = "/filters", operation_id = "listFilters", tag = "filters", params(Part), responses((status = 200, body = Page<SavedFilter>)))]
pub(super) async fn list(
    Caller(app): Caller,
    Query(part): Query<Part>,
) -> Result<Json<Page<SavedFilter>>, Problem> {
    let wanted = part.read::<String>()?;
    let page = blocking(move || {
        let found = app.filters().list_after(wanted.after.as_deref(), wanted.look_for())?;
        Ok(wanted.page(found, domain::SavedFilter::full_name, SavedFilter::from))
    });
    Ok(Json(page.await?))
}

/// Returns a saved filter.
///
/// Use `ORGANIZATION:NAME` if an organization and the installation have one of this name.
#[utoipa::path(get, path = "/filters/{name}", operation_id = "getFilter", tag = "filters", params(("name" = String, Path)),
    responses((status = 200, body = SavedFilter, headers(("ETag" = String, description = "of this state")))))]
pub(super) async fn one(Caller(app): Caller, Path(name): Path<String>) -> Result<Response, Problem> {
    let found = blocking(move || app.filters().find(&name)).await.map_err(missing)?;
    Ok(answer(StatusCode::OK, found))
}

/// Saves a filter under a name, and replaces an earlier one.
#[utoipa::path(put, path = "/filters/{name}", operation_id = "saveFilter", tag = "filters", params(("name" = String, Path),
    ("If-Match" = Option<String>, Header, description = "The `ETag` of what was seen: else nothing is done"),
    ("If-None-Match" = Option<String>, Header, description = "`*`: only if there is none yet")),
    request_body = SaveFilterRequest, responses((status = 200, body = SavedFilter), (status = 201, body = SavedFilter)))]
pub(super) async fn save(
    Caller(app): Caller,
    Path(name): Path<String>,
    seen: Seen,
    Body(condition): Body<SaveFilterRequest>,
) -> Result<Response, Problem> {
    let (new, old) =
        blocking(move || app.filters().save_if_match(&name, &condition.filter, seen.expected())).await?;
    Ok(answer(if old.is_some() { StatusCode::OK } else { StatusCode::CREATED }, new))
}

/// Removes a saved filter.
///
/// Runs keep the text with which they were created.
#[utoipa::path(delete, path = "/filters/{name}", operation_id = "removeFilter", tag = "filters", params(("name" = String, Path),
    ("If-Match" = Option<String>, Header, description = "The `ETag` of what was seen: else nothing is done")),
    responses((status = 204)))]
pub(super) async fn remove(
    Caller(app): Caller,
    Path(name): Path<String>,
    seen: Seen,
) -> Result<StatusCode, Problem> {
    blocking(move || app.filters().remove_if_match(&name, seen.expected())).await.map_err(missing)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Elsewhere a name that is none is a mistake in what was sent; here it is the address.
fn missing(problem: Problem) -> Problem {
    if problem.status() == StatusCode::UNPROCESSABLE_ENTITY {
        return Problem::new(StatusCode::NOT_FOUND, problem.detail()).with(problem.faults().to_vec());
    }
    problem
}

/// Checks a filter, and counts the users that it selects.
#[utoipa::path(post, path = "/filters/count", operation_id = "countFilteredUsers", tag = "filters", request_body = Option<FilterCheckRequest>,
    responses((status = 200, body = FilterCheck)))]
pub(super) async fn check(
    Caller(app): Caller,
    Body(asked): Body<FilterCheckRequest>,
) -> Result<Json<FilterCheck>, Problem> {
    if asked.at_most.is_some_and(|most| most > MOST) {
        let why = format!("at_most: say {MOST} or less");
        return Err(Problem::invalid(&why).at(Fault::at("/at_most", why)));
    }
    let count = blocking(move || {
        let filter = asked.filter.as_deref().map(|text| app.filters().parse(text)).transpose()?;
        let tree = filter.as_ref().map(|filter| &filter.tree);
        let Counted { users, more } = match asked.at_most {
            Some(most) => app.users().count_up_to(tree, most)?,
            None => Counted { users: app.users().count(tree)?, more: false },
        };
        Ok(FilterCheck { filter: filter.map(|filter| filter.text), users, more })
    });
    Ok(Json(count.await?))
}

/// Parses a filter, or the name of a saved one, into a tree.
///
/// A syntax error is returned as `fault`, with status 200.
#[utoipa::path(post, path = "/filters/parse", operation_id = "parseFilter", tag = "filters", request_body = SaveFilterRequest,
    responses((status = 200, body = FilterTree)))]
pub(super) async fn tree(
    Caller(app): Caller,
    Body(condition): Body<SaveFilterRequest>,
) -> Result<Json<FilterTree>, Problem> {
    let read = move || Ok(wire::filter_tree(app.filters().check(&condition.filter)?, app.zone()));
    Ok(Json(blocking(read).await?))
}

/// Lists the fields and lists that a filter can test, with their operators; then the fields of list
/// entries.
#[utoipa::path(get, path = "/filter-fields", operation_id = "listFilterFields", tag = "filters", responses((status = 200, body = Page<FilterField>)))]
pub(super) async fn fields(_: Caller) -> Json<Page<FilterField>> {
    Json(Page { items: Subject::all().map(FilterField::from).collect(), next: None })
}
