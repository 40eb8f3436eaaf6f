//! The styles and the picture of pages.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;

/// The styles of all pages: tokens first, then a file a component. Later ones win over earlier ones of equal weight.
const STYLE: &str = concat!(
    include_str!("../../templates/styles/tokens.css"),
    include_str!("../../templates/styles/base.css"),
    include_str!("../../templates/styles/forms.css"),
    include_str!("../../templates/styles/layout.css"),
    include_str!("../../templates/styles/cards.css"),
    include_str!("../../templates/styles/tables.css"),
    include_str!("../../templates/styles/lists.css"),
    include_str!("../../templates/styles/badges.css"),
    include_str!("../../templates/styles/code.css"),
    include_str!("../../templates/styles/charts.css"),
    include_str!("../../templates/styles/filters.css"),
    include_str!("../../templates/styles/runs.css"),
    include_str!("../../templates/styles/reference.css"),
    include_str!("../../templates/styles/dialogs.css"),
);
const FAVICON: &str = include_str!("../../templates/favicon.svg");

/// Names the style as it is, so that browsers may keep it.
pub(crate) fn style_state() -> &'static str {
    static STATE: LazyLock<String> = LazyLock::new(|| {
        let mut hasher = DefaultHasher::new();
        STYLE.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    });
    &STATE
}

/// How the pages look.
pub(super) async fn style() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        // Its address changes with it.
        (header::CACHE_CONTROL, "private, max-age=31536000, immutable"),
    ];
    (headers, STYLE)
}

/// What browsers show of a page in their tabs.
pub(super) async fn favicon() -> impl IntoResponse {
    let headers =
        [(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "private, max-age=86400")];
    (headers, FAVICON)
}
