//! The description of the API: OpenAPI 3.1 for programs, and a page for people.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::openapi::path::{Operation, PathItem};
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
        description = "Everything that the command line does, for programs.\n\nListings come in parts: ask for the next one \
                       with `cursor`, which is the `next` of the part before. What goes wrong is told as a problem \
                       (RFC 9457): `detail` says what it was and what to do, `errors` where. Times are in UTC, with \
                       microseconds; where one is given without an offset, it is in the zone that the header `Time-Zone` \
                       names, else in that of the setting `time_zone`, which CSV and Excel show them in, too.",
        license(name = "Apache-2.0 OR MIT")
    ),
    servers((url = "/api/v1")),
    tags(
        (name = "sessions", description = "Signing in and out"),
        (name = "users", description = "The subscribers"),
        (name = "organizations", description = "The tenants that users belong to"),
        (name = "profiles", description = "Named sets of RADIUS items"),
        (name = "filters", description = "Named conditions that select users"),
        (name = "scripts", description = "Scripts that are kept under a name, with every version"),
        (name = "uploads", description = "Files that are sent ahead of the runs over their rows"),
        (name = "runs", description = "One script, once for every user on a frozen list"),
        (name = "outcomes", description = "What happened to the targets of a run"),
        (name = "administrators", description = "Who works with Rollcall, and what they may do"),
        (name = "credentials", description = "What administrators prove themselves with"),
        (name = "audit", description = "Everything that was done, insert-only"),
        (name = "installation", description = "What holds for all of it"),
    ),
    components(schemas(rollcall_api::Problem)),
    security(("token" = []), ("session" = [])),
    modifiers(&Doors)
)]
struct Frame;

/// How one is let in.
struct Doors;

impl Modify for Doors {
    fn modify(&self, described: &mut utoipa::openapi::OpenApi) {
        let components = described.components.get_or_insert_default();
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("ID.SECRET").build();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        let session = ApiKeyValue::with_description(
            "__Host-rollcall",
            "what signing in sets; by plain HTTP it is called rollcall",
        );
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    }
}

/// All but the routes.
pub(super) fn frame() -> utoipa::openapi::OpenApi {
    Frame::openapi()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let all = [("get", get), ("put", put), ("post", post), ("delete", delete), ("patch", patch)];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Every operation may go wrong, always in the same form.
fn with_problems(mut described: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let problem = || -> Response {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        ResponseBuilder::new()
            .description("What was wrong and what to do")
            .content("application/problem+json", content)
            .build()
    };
    for (path, item) in &mut described.paths.paths {
        for (method, operation) in operations(item) {
            // What is unique here makes names in generated clients: `get_runs_outcomes`.
            let steps = path.split(['/', '.', '-']).filter(|step| !step.is_empty() && !step.starts_with('{'));
            let last = if path.ends_with('}') { ["one"].as_slice() } else { &[] };
            let words: Vec<_> = [method].into_iter().chain(steps).chain(last.iter().copied()).collect();
            operation.operation_id = Some(words.join("_"));
            let open = operation
                .security
                .as_ref()
                .is_some_and(|needed| needed.contains(&SecurityRequirement::default()));
            if !open {
                operation.responses.responses.insert("401".to_owned(), RefOr::T(problem()));
            }
            operation.responses.responses.insert("default".to_owned(), RefOr::T(problem()));
        }
    }
    described
}

/// The description and its page.
pub(super) fn routes(described: utoipa::openapi::OpenApi) -> Router<Server> {
    let described = with_problems(described);
    let json: Arc<str> = described.to_json().unwrap_or_default().into();
    let page = Arc::new(Reference::of(&serde_json::to_value(&described).unwrap_or_default()));
    Router::new()
        .route(
            "/openapi.json",
            get(async move || ([(header::CONTENT_TYPE, "application/json")], json.to_string())),
        )
        .route("/", get(async move || html(axum::http::StatusCode::OK, &*page).into_response()))
}
