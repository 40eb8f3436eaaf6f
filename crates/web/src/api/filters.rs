//! Saved filters.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use rollcall_app::wire;
use rollcall_app::{Counted, revision};
use rollcall_domain::SavedFilter;
use rollcall_domain::filter::Subject;
use serde::Deserialize;
use utoipa::ToSchema;

use super::conditions::{Seen, tagged};
use crate::auth::Caller;
use crate::blocking;
use crate::extract::{Body, Path, Query};
use crate::problem::{Fault, Problem};
use crate::shared::listing::Part;
use rollcall_api::{Count, Filter, FilterField, FilterTree, Page};

/// Whoever counts to more counts all.
const MOST: u64 = 1_000_000_000;

/// A condition.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    /// Such as `klass eq "gold" and expiration lt now`.
    filter: String,
}

/// A condition or the name of one, to be counted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// A condition, or the name of a saved filter; null or missing: every user.
    #[serde(default)]
    filter: Option<String>,
    /// Stop counting at so many: whoever types a condition does not wait for millions. Null or missing: count all.
    #[serde(default)]
    #[schema(maximum = 1_000_000_000)]
    at_most: Option<u64>,
}

fn answer(status: StatusCode, filter: SavedFilter) -> Response {
    let state = revision(&filter);
    tagged((status, Json(Filter::from(filter))).into_response(), &state)
}

/// Every saved filter that can be seen, by name.
#[utoipa::path(get, path = "/filters", tag = "filters", params(Part), responses((status = 200, body = Page<Filter>)))]
pub(super) async fn list(
    Caller(app): Caller,
    Query(part): Query<Part>,
) -> Result<Json<Page<Filter>>, Problem> {
    let wanted = part.read::<String>()?;
    let page = blocking(move || {
        let found = app.filters().list_after(wanted.after.as_deref(), wanted.look_for())?;
        Ok(wanted.page(found, SavedFilter::full_name, Filter::from))
    });
    Ok(Json(page.await?))
}

/// One saved filter. An organization's own is called `ORGANIZATION:NAME` where everybody has one of the same name.
#[utoipa::path(get, path = "/filters/{name}", tag = "filters", params(("name" = String, Path)),
    responses((status = 200, body = Filter, headers(("ETag" = String, description = "of this state")))))]
pub(super) async fn one(Caller(app): Caller, Path(name): Path<String>) -> Result<Response, Problem> {
    let found = blocking(move || app.filters().find(&name)).await.map_err(missing)?;
    Ok(answer(StatusCode::OK, found))
}

/// Saves a filter under a name, in place of the one that has it.
#[utoipa::path(put, path = "/filters/{name}", tag = "filters", params(("name" = String, Path),
    ("If-Match" = Option<String>, Header, description = "The `ETag` of what was seen: else nothing is done"),
    ("If-None-Match" = Option<String>, Header, description = "`*`: only if there is none yet")),
    request_body = Condition, responses((status = 200, body = Filter), (status = 201, body = Filter)))]
pub(super) async fn save(
    Caller(app): Caller,
    Path(name): Path<String>,
    seen: Seen,
    Body(condition): Body<Condition>,
) -> Result<Response, Problem> {
    let (new, old) =
        blocking(move || app.filters().save_if_match(&name, &condition.filter, seen.expected())).await?;
    Ok(answer(if old.is_some() { StatusCode::OK } else { StatusCode::CREATED }, new))
}

/// Removes a saved filter. Runs keep the text that they were started with.
#[utoipa::path(delete, path = "/filters/{name}", tag = "filters", params(("name" = String, Path),
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

/// Reads a condition, and counts the users that it selects.
#[utoipa::path(post, path = "/filter-checks", tag = "filters", request_body = Option<Asked>,
    responses((status = 200, body = Count)))]
pub(super) async fn check(Caller(app): Caller, Body(asked): Body<Asked>) -> Result<Json<Count>, Problem> {
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
        Ok(Count { filter: filter.map(|filter| filter.text), users, more })
    });
    Ok(Json(count.await?))
}

/// Reads a condition, or the name of a saved filter, as the tree that it is, for those who show it otherwise than as text.
/// A text that is none is answered with its fault.
#[utoipa::path(post, path = "/filter-trees", tag = "filters", request_body = Condition,
    responses((status = 200, body = FilterTree)))]
pub(super) async fn tree(
    Caller(app): Caller,
    Body(condition): Body<Condition>,
) -> Result<Json<FilterTree>, Problem> {
    let read = move || Ok(wire::filter_tree(app.filters().check(&condition.filter)?, app.zone()));
    Ok(Json(blocking(read).await?))
}

/// Everything that a condition can ask about, with the comparisons that it takes: users' fields and lists, then what the
/// entries of lists have.
#[utoipa::path(get, path = "/filter-fields", tag = "filters", responses((status = 200, body = Page<FilterField>)))]
pub(super) async fn fields(_: Caller) -> Json<Page<FilterField>> {
    Json(Page { items: Subject::all().map(FilterField::from).collect(), next: None })
}
