//! The cookie of a session. Over HTTPS its name is one that browsers let only this server set, for itself alone.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use rollcall_domain::Secret;

/// The name, and what browsers are told about it. By plain HTTP they would not keep one that is `Secure`.
fn kind(https: bool) -> (&'static str, &'static str) {
    if https { ("__Host-rollcall", "; Secure") } else { ("rollcall", "") }
}

/// What a browser shows as its session.
pub(super) fn shown(headers: &HeaderMap, https: bool) -> Option<Secret> {
    let (ours, _) = kind(https);
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|cookies| cookies.to_str().ok());
    let mut each =
        cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    each.find(|(name, _)| *name == ours).map(|(_, value)| Secret::new(value))
}

/// Lets a browser keep its session for so long; 0: no longer.
pub(super) fn set(answer: &mut Response, https: bool, token: &str, seconds: u64) {
    let (name, secure) = kind(https);
    let cookie = format!("{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    if let Ok(mut cookie) = HeaderValue::from_str(&cookie) {
        cookie.set_sensitive(true);
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
}
