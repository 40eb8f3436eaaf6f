//! The description of the API is complete, and has names that generated clients can use.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::common::Desk;
use crate::common::server::Server;

fn description() -> Value {
    let desk = Desk::new();
    Server::on(&desk).get("/api/v1/openapi.json", &[]).json()
}

fn members<'a>(value: &'a Value, name: &str) -> Vec<(&'a str, &'a Value)> {
    value[name].as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value)).collect()
}

/// Returns the operations with their paths.
fn operations(description: &Value) -> Vec<(&str, &Value)> {
    let paths = members(description, "paths").into_iter();
    paths.flat_map(|(path, item)| item.as_object().unwrap().values().map(move |each| (path, each))).collect()
}

/// Collects the properties of a schema that have no description of their own, those of its variants included.
fn collect_undescribed(place: &str, schema: &Value, found: &mut Vec<String>) {
    let is_described = |property: &Value| {
        let variants = property["oneOf"].as_array().into_iter().flatten();
        let mut all = [property].into_iter().chain(variants);
        all.any(|each| each["description"].is_string() || each["$ref"].is_string())
    };
    for (name, property) in members(schema, "properties") {
        let place = format!("{place}.{name}");
        // The tag of a variant says which variant it is.
        if !is_described(property) && property["enum"].as_array().is_none_or(|values| values.len() > 1) {
            found.push(place.clone());
        }
        collect_undescribed(&place, property, found);
    }
    for variant in ["oneOf", "anyOf", "allOf"].iter().flat_map(|kind| schema[kind].as_array()).flatten() {
        collect_undescribed(place, variant, found);
    }
}

#[test]
fn api_description_explains_every_operation_parameter_and_property() {
    let description = description();
    let mut undescribed = Vec::new();
    for (path, operation) in operations(&description) {
        let id = operation["operationId"].as_str().unwrap_or(path);
        if operation["summary"].as_str().is_none_or(|text| !text.ends_with('.')) {
            undescribed.push(id.to_owned());
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if !parameter["description"].is_string() && !parameter["schema"]["description"].is_string() {
                undescribed.push(format!("{id}({})", parameter["name"]));
            }
        }
    }
    for (name, schema) in members(&description["components"], "schemas") {
        if !schema["description"].is_string() {
            undescribed.push(name.to_owned());
        }
        collect_undescribed(name, schema, &mut undescribed);
    }
    assert_eq!(undescribed, Vec::<String>::new());
}

#[test]
fn api_description_names_operations_by_verbs_and_schemas_by_nouns() {
    let description = description();
    let is_name = |name: &str, first: fn(&char) -> bool| {
        name.chars().next().is_some_and(|c| first(&c)) && name.chars().all(|c| c.is_ascii_alphanumeric())
    };
    let operations = operations(&description);
    let ids: Vec<_> =
        operations.iter().map(|(_, operation)| operation["operationId"].as_str().unwrap()).collect();
    assert!(ids.iter().all(|id| is_name(id, char::is_ascii_lowercase)), "{ids:?}");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "operation IDs are unique");
    let schemas = members(&description["components"], "schemas");
    assert!(schemas.iter().all(|(name, _)| is_name(name, char::is_ascii_uppercase)), "{schemas:?}");
    // An identifier has one spelling in all paths.
    let parameters = operations.iter().flat_map(|(path, _)| path.split('/'));
    let parameters: BTreeSet<_> = parameters.filter(|step| step.starts_with('{')).collect();
    let expected = [
        "{name}",
        "{obj_id}",
        "{run_id}",
        "{session_id}",
        "{short_name}",
        "{token_id}",
        "{upload_id}",
        "{username}",
        "{version}",
    ];
    assert_eq!(parameters.into_iter().collect::<Vec<_>>(), expected);
}
