//! Pages of listings: each has the cursor of the next one.

use data_encoding::BASE64URL_NOPAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::problem::Problem;
use rollcall_api::Page;

/// Entries of a part, unless the request says less or more.
const USUAL: u16 = 100;
const MOST: u16 = 1_000;

/// How many entries are given where so many are wanted.
fn size(limit: Option<u16>) -> Result<u32, Problem> {
    match limit.unwrap_or(USUAL) {
        size @ 1..=MOST => Ok(u32::from(size)),
        _ => Err(Problem::invalid(format!("limit: a part has 1 to {MOST} entries"))),
    }
}

/// Where a listing goes on, as a text that says nothing to anybody else.
pub(crate) fn cursor(key: &impl Serialize) -> String {
    BASE64URL_NOPAD.encode(&serde_json::to_vec(key).unwrap_or_default())
}

fn read<T: DeserializeOwned>(cursor: &str) -> Result<T, Problem> {
    let key =
        BASE64URL_NOPAD.decode(cursor.as_bytes()).ok().and_then(|key| serde_json::from_slice(&key).ok());
    key.ok_or_else(|| Problem::invalid("the cursor is none that this listing has given"))
}

/// The page of a listing.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// The `next` of the previous page; missing: the first page.
    cursor: Option<String>,
    /// The maximum number of entries.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
}

/// The page of a listing, as it was read.
pub(crate) struct Wanted<K> {
    /// What it comes after.
    pub(crate) after: Option<K>,
    size: u32,
}

impl Part {
    pub(crate) fn read<K: DeserializeOwned>(&self) -> Result<Wanted<K>, Problem> {
        Wanted::new(self.cursor.as_deref(), self.limit)
    }
}

impl<K: DeserializeOwned> Wanted<K> {
    pub(crate) fn new(cursor: Option<&str>, limit: Option<u16>) -> Result<Self, Problem> {
        Ok(Self { after: cursor.map(read).transpose()?, size: size(limit)? })
    }
}

impl<K: Serialize> Wanted<K> {
    /// So many are to be looked for: one more than are given tells whether there is another part.
    pub(crate) fn look_for(&self) -> u32 {
        self.size + 1
    }

    /// The part, of what was found; `key` is what the next part comes after.
    pub(crate) fn page<T, U>(
        &self,
        mut found: Vec<T>,
        key: impl Fn(&T) -> K,
        show: impl FnMut(T) -> U,
    ) -> Page<U> {
        let size = self.size as usize;
        let more = found.len() > size;
        found.truncate(size);
        let next = found.last().filter(|_| more).map(|last| cursor(&key(last)));
        Page { items: found.into_iter().map(show).collect(), next }
    }
}
