//! Assets that pages load besides their style: the elements of `web/`, built before and compiled in. Its address names
//! its bytes, so that browsers keep it for good and no page meets one of another version.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::problem::Problem;

const SCRIPT: &[u8] = include_bytes!("../assets/app.js");
const LICENSES: &str = include_str!("../assets/LICENSES.txt");
/// For a year, which is the longest there is.
const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The folder.
const FOLDER: &str = "/assets/";

static SCRIPT_PATH: LazyLock<String> = LazyLock::new(|| {
    let hash = HEXLOWER.encode(&Sha256::digest(SCRIPT)[..8]);
    format!("{FOLDER}app.{hash}.js")
});

/// Where pages find their elements: `<script type="module" src="{{ … }}"></script>`.
pub(crate) fn script_path() -> &'static str {
    &SCRIPT_PATH
}

/// What is called so.
pub(super) async fn show(Path(name): Path<String>) -> Response {
    if script_path().strip_prefix(FOLDER) == Some(&*name) {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8")),
            (header::CACHE_CONTROL, FOR_GOOD),
        ];
        return (headers, SCRIPT).into_response();
    }
    match name.as_str() {
        "LICENSES.txt" => LICENSES.into_response(),
        _ => Problem::new(StatusCode::NOT_FOUND, "there is nothing at this address").into_response(),
    }
}
