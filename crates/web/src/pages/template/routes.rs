//! Addresses of pages, for templates and for the handlers that lead to them. The router's patterns are in
//! [`crate::pages`].

use std::fmt::Display;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The characters that need no encoding anywhere in an address.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(crate) const ACCOUNT: &str = "/account";
pub(crate) const ADD_USER: &str = "/add-user";
pub(crate) const ADMINISTRATION: &str = "/administration";
pub(crate) const AUDIT: &str = "/audit";
pub(crate) const AUDIT_EXPORT: &str = "/api/v1/audit.jsonl";
pub(crate) const CHOOSE_ORGANIZATION: &str = "/organization";
pub(crate) const COLUMNS: &str = "/columns";
pub(crate) const FAVICON: &str = "/favicon.svg";
pub(crate) const FILTERS: &str = "/filters";
pub(crate) const IMPORT_FILE: &str = "/import-users/file";
pub(crate) const IMPORT_USERS: &str = "/import-users";
pub(crate) const LOGIN: &str = "/login";
pub(crate) const LOGOUT: &str = "/logout";
pub(crate) const NEW_RUN: &str = "/runs/new";
pub(crate) const NEW_SCRIPT: &str = "/new-script";
pub(crate) const OPENAPI: &str = "/api/v1/openapi.json";
pub(crate) const ORGANIZATIONS: &str = "/organizations";
pub(crate) const PROFILES: &str = "/profiles";
pub(crate) const RUNS: &str = "/runs";
pub(crate) const RUN_FILE: &str = "/runs/new/file";
pub(crate) const SAMPLES: &str = "/samples";
pub(crate) const SCRIPTS: &str = "/scripts";
pub(crate) const START: &str = "/";
pub(crate) const THEME: &str = "/theme";
pub(crate) const USERS: &str = "/users";
pub(crate) const VERIFY_AUDIT: &str = "/audit/verify";

/// Encodes a text as one segment of a path, or as a value behind the question mark.
pub(crate) fn segment(text: impl AsRef<str>) -> String {
    utf8_percent_encode(text.as_ref(), UNRESERVED).to_string()
}

/// The page of an administrator.
pub(crate) fn administrator(name: impl AsRef<str>) -> String {
    format!("/administrators/{}", segment(name))
}

/// The page of a profile.
pub(crate) fn profile(short_name: impl AsRef<str>) -> String {
    format!("{PROFILES}/{}", segment(short_name))
}

/// The page that shows what taking back an event of a user's history does.
pub(crate) fn revert(username: impl AsRef<str>) -> String {
    format!("{}/revert", user(username))
}

/// The page of a run.
pub(crate) fn run(id: impl Display) -> String {
    format!("{RUNS}/{id}")
}

/// The address that makes another run of one: `act` is `apply`, `undo` or `retry`.
pub(crate) fn run_act(id: impl Display, act: &str) -> String {
    format!("{RUNS}/{id}/{act}")
}

/// The outcomes of a run as a file, `format` being its extension.
pub(crate) fn run_outcomes(id: impl Display, format: &str) -> String {
    format!("/api/v1/runs/{id}/outcomes.{format}")
}

/// The script of a run as it was executed; `#line-3` behind it is a line.
pub(crate) fn run_script(id: impl Display) -> String {
    format!("{RUNS}/{id}/script")
}

/// The page of a saved script.
pub(crate) fn script(name: impl AsRef<str>) -> String {
    format!("{SCRIPTS}/{}", segment(name))
}

/// The versions of a saved script.
pub(crate) fn script_history(name: impl AsRef<str>) -> String {
    format!("{}/history", script(name))
}

/// The page of a user.
pub(crate) fn user(username: impl AsRef<str>) -> String {
    format!("{USERS}/{}", segment(username))
}

/// The styles, at an address that changes when they do.
pub(crate) fn style() -> String {
    format!("/style.css?{}", crate::style_state())
}

/// The script of the pages.
pub(crate) fn app() -> &'static str {
    crate::script_path()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a pattern of the router, `/users/{username}`, takes an address.
    fn takes(pattern: &str, address: &str) -> bool {
        let (pattern, address): (Vec<_>, Vec<_>) =
            (pattern.split('/').collect(), address.split('/').collect());
        pattern.len() == address.len()
            && pattern.iter().zip(&address).all(|(part, given)| part.starts_with('{') || part == given)
    }

    #[test]
    fn each_address_has_a_route() {
        let patterns: Vec<_> = include_str!("../mod.rs")
            .split(".route(\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        let fixed = [
            ACCOUNT,
            ADD_USER,
            ADMINISTRATION,
            AUDIT,
            CHOOSE_ORGANIZATION,
            COLUMNS,
            FAVICON,
            FILTERS,
            IMPORT_FILE,
            IMPORT_USERS,
            LOGIN,
            LOGOUT,
            NEW_RUN,
            NEW_SCRIPT,
            ORGANIZATIONS,
            PROFILES,
            RUNS,
            RUN_FILE,
            SAMPLES,
            SCRIPTS,
            START,
            THEME,
            USERS,
            VERIFY_AUDIT,
        ];
        let name = "a/b é?";
        let made = [
            administrator(name),
            profile(name),
            revert(name),
            run(7),
            run_act(7, "undo"),
            run_script(7),
            script(name),
            script_history(name),
            user(name),
            style().split('?').next().unwrap_or_default().to_owned(),
        ];
        for address in fixed.into_iter().chain(made.iter().map(String::as_str)) {
            assert!(patterns.iter().any(|pattern| takes(pattern, address)), "{address}: {patterns:?}");
        }
    }
}
