//! The description of the API: OpenAPI 3.1 for programs, and a page for people.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::Value;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::reference::Reference;
use crate::Server;

use crate::pages::html;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Rollcall",
        description = "The HTTP API of Rollcall. It does everything that the command line does.\n\n\
                       **Pages.** Listings are paginated: pass the `next` of a page as `cursor` to get the next one; it is \
                       null on the last page. **Errors** are problem details (RFC 9457): `detail` says what is wrong and \
                       how to correct it, `errors` has each place. **Times** are RFC 3339 in UTC with microseconds. A time \
                       without an offset is read in the zone of the header `Time-Zone`, or else of the setting `time_zone`. \
                       CSV and Excel files show times in that zone.",
        license(name = "Apache-2.0 OR MIT")
    ),
    servers((url = "/api/v1")),
    tags(
        (name = "sessions", description = "Sign in and out"),
        (name = "users", description = "Subscribers, their items and their history"),
        (name = "organizations", description = "The tenants that users belong to"),
        (name = "profiles", description = "Named sets of RADIUS items"),
        (name = "filters", description = "Named conditions that select users"),
        (name = "scripts", description = "Saved scripts with their versions, checks and tests"),
        (name = "uploads", description = "Files for imports and for runs over their rows"),
        (name = "runs", description = "Executions of a script for each user of a selection"),
        (name = "outcomes", description = "Outcomes of the targets of a run, and their groups"),
        (name = "administrators", description = "Administrators and their roles"),
        (name = "credentials", description = "Passwords, sessions, tokens and authenticators"),
        (name = "audit", description = "The append-only log of all changes, with its hash chain"),
        (name = "installation", description = "Settings, workers and pruning"),
    ),
    components(schemas(rollcall_api::Problem)),
    security(("token" = []), ("session" = [])),
    modifiers(&SecuritySchemes)
)]
struct Frame;

/// The ways to authenticate.
struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, described: &mut utoipa::openapi::OpenApi) {
        let components = described.components.get_or_insert_default();
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("ID.SECRET").build();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        let session = ApiKeyValue::with_description(
            "__Host-rollcall",
            "The session cookie that signing in sets. Without HTTPS its name is `rollcall`.",
        );
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    }
}

/// Returns the description without the routes.
pub(super) fn frame() -> utoipa::openapi::OpenApi {
    Frame::openapi()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().filter_map(Option::as_mut)
}

/// Returns the description of a parameter in a path. A name means one thing in all paths.
fn path_parameter(name: &str) -> Option<&'static str> {
    Some(match name {
        "name" => "The unique name. `ORGANIZATION:NAME` selects a script or filter of an organization.",
        "short_name" => "The unique name of the profile.",
        "username" => "The unique name of the user.",
        "obj_id" => "The ID of the user, which never changes.",
        "run_id" => "The ID of the run.",
        "upload_id" => "The ID of the uploaded file.",
        "session_id" => "The ID of the session.",
        "token_id" => "The ID of the token.",
        "version" => "The number of the version, from 1.",
        _ => return None,
    })
}

/// Adds the problem response and the descriptions of path parameters to each operation.
fn with_problems(mut described: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let problem = || -> Response {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        ResponseBuilder::new()
            .description("The problem, and how to correct it")
            .content("application/problem+json", content)
            .build()
    };
    for item in described.paths.paths.values_mut() {
        for operation in operations(item) {
            let open = operation
                .security
                .as_ref()
                .is_some_and(|needed| needed.contains(&SecurityRequirement::default()));
            if !open {
                operation.responses.responses.insert("401".to_owned(), RefOr::T(problem()));
            }
            operation.responses.responses.insert("default".to_owned(), RefOr::T(problem()));
            for parameter in operation.parameters.iter_mut().flatten() {
                let RefOr::T(parameter) = parameter else { continue };
                if parameter.parameter_in == ParameterIn::Path {
                    parameter.description = path_parameter(&parameter.name).map(str::to_owned);
                }
            }
        }
    }
    described
}

/// Where schemas are referred to.
const SCHEMAS: &str = "#/components/schemas/";

/// Returns the name of a schema as a person would write it: `UserPage` for the generic `Page_User`.
fn class_name(schema: &str) -> String {
    match schema.split_once('_') {
        Some(("Page", item)) => format!("{item}Page"),
        Some((generic, item)) => format!("{generic}{item}"),
        None => schema.to_owned(),
    }
}

/// Renames the references to generic schemas.
fn rename_references(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(schema) = text.strip_prefix(SCHEMAS) {
                *text = format!("{SCHEMAS}{}", class_name(schema));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(rename_references),
        Value::Object(members) => members.values_mut().for_each(rename_references),
        _ => {}
    }
}

/// Returns the description as JSON, with names that generated clients can use for their classes.
fn to_json(described: &utoipa::openapi::OpenApi) -> Value {
    let mut value = serde_json::to_value(described).unwrap_or_default();
    if let Some(Value::Object(schemas)) = value.pointer_mut("/components/schemas") {
        let named = std::mem::take(schemas).into_iter().map(|(name, schema)| (class_name(&name), schema));
        *schemas = named.collect();
    }
    rename_references(&mut value);
    value
}

/// Returns the routes of the description and of its page.
pub(super) fn routes(described: utoipa::openapi::OpenApi) -> Router<Server> {
    let described = to_json(&with_problems(described));
    let json: Arc<str> = described.to_string().into();
    let page = Arc::new(Reference::of(&described));
    Router::new()
        .route(
            "/openapi.json",
            get(async move || ([(header::CONTENT_TYPE, "application/json")], json.to_string())),
        )
        .route("/", get(async move || html(axum::http::StatusCode::OK, &*page).into_response()))
}
