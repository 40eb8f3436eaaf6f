//! Addresses of pages with their query. Listings go forward only, so the way back is in the address.

use std::fmt::Write as _;

use askama::Template;
use askama::filters::HtmlSafe;

use super::template::routes::segment;

/// Pages before this one that can be gone back to.
const TRAIL: usize = 50;

/// An address that is put together.
#[derive(Debug, Clone)]
pub(super) struct Address(String);

impl Address {
    pub(super) fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// The same with a value, unless it is empty.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        if !value.is_empty() {
            let mark = if self.0.contains('?') { '&' } else { '?' };
            // Writing into a text cannot fail.
            let _ = write!(self.0, "{mark}{name}={}", segment(value));
        }
        self
    }

    pub(super) fn text(self) -> String {
        self.0
    }
}

/// The links to the parts of a listing before and behind this one. Listings go forward only, so the way that led here is
/// kept in the address.
#[derive(Debug, Default, Template)]
#[template(path = "part_pager.html")]
pub(super) struct Pager {
    pub(super) previous: Option<String>,
    pub(super) next: Option<String>,
}

impl HtmlSafe for Pager {}

impl Pager {
    /// At `cursor`, reached over `trail`; `base` has everything else of the address.
    pub(super) fn new(base: &Address, cursor: &str, trail: &str, next: Option<&str>) -> Self {
        let way: Vec<_> = trail.split('.').filter(|each| !each.is_empty()).collect();
        let previous = (!cursor.is_empty()).then(|| {
            // The first part has no cursor: an empty one stands for it.
            let (last, before) = way.split_last().map_or(("", &way[..]), |(last, before)| (*last, before));
            let last = if last == "-" { "" } else { last };
            base.clone().with("cursor", last).with("trail", &before.join(".")).text()
        });
        let next = next.map(|next| {
            let here = if cursor.is_empty() { "-" } else { cursor };
            let way: Vec<_> = way.iter().copied().chain([here]).collect();
            let kept = way[way.len().saturating_sub(TRAIL)..].join(".");
            base.clone().with("cursor", next).with("trail", &kept).text()
        });
        Self { previous, next }
    }
}

/// An address of this server that somebody is to be sent back to; anything else is its start.
pub(super) fn ours(next: Option<&str>) -> &str {
    match next {
        Some(next)
            if next.starts_with('/')
                && !next.starts_with("//")
                && !next.contains(|c: char| c == '\\' || c.is_control()) =>
        {
            next
        }
        _ => "/",
    }
}

/// An address without a value.
pub(super) fn without(address: &str, name: &str) -> String {
    let Some((path, query)) = address.split_once('?') else { return address.to_owned() };
    let others: Vec<_> =
        query.split('&').filter(|pair| pair.split('=').next().is_none_or(|key| key != name)).collect();
    if others.is_empty() { path.to_owned() } else { format!("{path}?{}", others.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_sent_back_to_this_server_only() {
        for there in ["/", "/users?filter=a%20b", "/users/a%2Fb"] {
            assert_eq!(ours(Some(there)), there);
        }
        for elsewhere in ["", "users", "//evil.example", "/\\evil.example", "https://evil.example", "/a\nb"] {
            assert_eq!(ours(Some(elsewhere)), "/", "{elsewhere:?}");
        }
        assert_eq!(ours(None), "/");
    }

    #[test]
    fn a_value_is_left_out_of_an_address() {
        let without = |address: &str| without(address, "id");
        assert_eq!(without("/users"), "/users");
        assert_eq!(without("/users?id=3"), "/users");
        assert_eq!(without("/users?a=id&id=3&ids=4&b="), "/users?a=id&ids=4&b=");
    }

    #[test]
    fn a_listing_is_walked_forward_and_back() {
        let base = Address::new("/users").with("filter", "a b");
        let first = Pager::new(&base, "", "", Some("c1"));
        assert_eq!(first.previous, None);
        assert_eq!(first.next.as_deref(), Some("/users?filter=a%20b&cursor=c1&trail=-"));
        let second = Pager::new(&base, "c1", "-", Some("c2"));
        assert_eq!(second.previous.as_deref(), Some("/users?filter=a%20b"));
        assert_eq!(second.next.as_deref(), Some("/users?filter=a%20b&cursor=c2&trail=-.c1"));
        let third = Pager::new(&base, "c2", "-.c1", None);
        assert_eq!(third.previous.as_deref(), Some("/users?filter=a%20b&cursor=c1&trail=-"));
        assert_eq!(third.next, None);
    }
}
