use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use rollcall_domain::{User, UserId};
use serde::{Deserialize, Serialize};

use super::blocking;
use super::door::Caller;
use super::problem::Problem;

/// Users on a page, unless the request says less.
const PAGE: u16 = 100;
const LARGEST_PAGE: u16 = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// A condition, or the name of a saved filter.
    filter: Option<String>,
    /// The `next` of the page before.
    after: Option<UserId>,
    limit: Option<u16>,
}

#[derive(Serialize)]
pub(super) struct Page {
    users: Vec<User>,
    /// What the next page comes after; null: this is the last one.
    next: Option<UserId>,
}

/// A page of the users that a filter selects, by number.
pub(super) async fn list(
    Caller(app): Caller,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Wanted { filter, after, limit } = wanted?.0;
    let limit = usize::from(limit.unwrap_or(PAGE).clamp(1, LARGEST_PAGE));
    let page = blocking(move || {
        let filter = filter.as_deref().map(|text| app.filter(text)).transpose()?;
        let tree = filter.as_ref().map(|filter| &filter.tree);
        let found = app.users_after(tree, after.unwrap_or(0))?.take(limit + 1);
        let mut users = found.collect::<Result<Vec<_>, _>>()?;
        let more = users.len() > limit;
        users.truncate(limit);
        let next = users.last().map(|user| user.id).filter(|_| more);
        Ok(Page { users, next })
    });
    Ok(Json(page.await?))
}

/// One user.
pub(super) async fn one(
    Caller(app): Caller,
    username: Result<Path<String>, PathRejection>,
) -> Result<Json<User>, Problem> {
    let Path(username) = username?;
    Ok(Json(blocking(move || app.user(&username)).await?))
}
