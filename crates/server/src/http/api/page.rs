//! Parts of listings: each says with what the next one is asked for.

use rollcall_app::AppError;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::contract::Page;
use crate::http::problem::Problem;

/// Entries of a part, unless the request says less or more.
const USUAL: u16 = 100;
const MOST: u16 = 1_000;

/// How many of the next `limit` counts.
pub(super) fn size(limit: Option<u16>) -> usize {
    usize::from(limit.unwrap_or(USUAL).clamp(1, MOST))
}

/// A cursor that is a number.
pub(super) fn number<T: std::str::FromStr>(cursor: Option<&str>) -> Result<Option<T>, Problem> {
    let wrong = |_| Problem::invalid("the cursor is none that this listing has given");
    cursor.map(|text| text.parse().map_err(wrong)).transpose()
}

/// Which part of a listing is wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Part {
    /// The `next` of the part before; missing: the first part.
    cursor: Option<String>,
    /// The most entries to be given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
}

impl Part {
    /// The most entries to be given.
    pub(super) fn size(&self) -> usize {
        size(self.limit)
    }

    /// Where a cursor that is a number points to.
    pub(super) fn number<T: std::str::FromStr>(&self) -> Result<Option<T>, Problem> {
        number(self.cursor.as_deref())
    }

    /// The part of a list that is short enough to be read at once, in the order of its keys.
    pub(super) fn of<T, U: From<T>>(
        &self,
        mut all: Vec<T>,
        key: impl Fn(&T) -> String,
    ) -> Result<Page<U>, AppError> {
        all.sort_by_cached_key(&key);
        let rest =
            all.into_iter().filter(|each| self.cursor.as_ref().is_none_or(|cursor| key(each) > *cursor));
        let mut rest = rest.take(size(self.limit) + 1).collect::<Vec<_>>();
        let more = rest.len() > size(self.limit);
        rest.truncate(size(self.limit));
        let next = rest.last().filter(|_| more).map(key);
        Ok(Page { items: rest.into_iter().map(U::from).collect(), next })
    }
}
