//! The description of the API as a page for people.

use crate::pages::template::routes;
use askama::Template;
use serde_json::{Map, Value};

/// The page.
#[derive(Template)]
#[template(path = "api.html")]
pub(super) struct Reference {
    about: Vec<String>,
    chapters: Vec<Chapter>,
    shapes: Vec<Shape>,
}

struct Chapter {
    name: String,
    about: String,
    entries: Vec<Entry>,
}

struct Entry {
    method: String,
    path: String,
    text: String,
    fields: Vec<Field>,
    takes: Vec<String>,
    gives: Vec<String>,
}

/// A parameter of a request, or a property of an object.
struct Field {
    name: String,
    kind: String,
    text: String,
    required: bool,
}

struct Shape {
    name: String,
    text: String,
    fields: Vec<Field>,
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A schema in a word or two.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|place| place.rsplit('/').next()) {
        return name.to_owned();
    }
    if let Some(any) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        return any.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let values: Vec<_> = array(&schema["enum"]).filter_map(Value::as_str).collect();
    if !values.is_empty() {
        return values.join(" | ");
    }
    let one = |name: &str| match (name, schema["format"].as_str()) {
        ("array", _) => format!("list of {}", kind(&schema["items"])),
        ("string", Some("date-time")) => "time".to_owned(),
        ("string", _) => "text".to_owned(),
        ("boolean", _) => "true or false".to_owned(),
        (name, _) => name.to_owned(),
    };
    match &schema["type"] {
        Value::String(name) => one(name),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).map(one).collect::<Vec<_>>().join(" or ")
        }
        _ => "anything".to_owned(),
    }
}

fn contents(value: &Value) -> impl Iterator<Item = String> + '_ {
    object(&value["content"]).map(|(media, content)| match media.as_str() {
        "application/json" => kind(&content["schema"]),
        media => media.to_owned(),
    })
}

impl Reference {
    pub(super) fn of(described: &Value) -> Self {
        let chapter = |tag: &Value| {
            let name = text(tag, "name");
            let entries = object(&described["paths"]).flat_map(|(path, item)| {
                object(item)
                    .filter(|(_, operation)| array(&operation["tags"]).any(|tag| *tag == *name))
                    .map(move |(method, operation)| Entry::of(method, path, operation))
            });
            Chapter { about: text(tag, "description"), entries: entries.collect(), name }
        };
        let about = text(&described["info"], "description");
        Self {
            about: about.split("\n\n").map(str::to_owned).collect(),
            chapters: array(&described["tags"]).map(chapter).collect(),
            shapes: object(&described["components"]["schemas"])
                .filter(|(_, schema)| schema["properties"].is_object())
                .map(|(name, schema)| Shape {
                    name: name.clone(),
                    text: text(schema, "description"),
                    fields: properties(schema),
                })
                .collect(),
        }
    }
}

fn properties(schema: &Value) -> Vec<Field> {
    let required: Vec<_> = array(&schema["required"]).filter_map(Value::as_str).collect();
    let field = |(name, property): (&String, &Value)| Field {
        name: name.clone(),
        kind: kind(property),
        text: text(property, "description"),
        required: required.contains(&name.as_str()),
    };
    object(&schema["properties"]).map(field).collect()
}

impl Entry {
    fn of(method: &str, path: &str, operation: &Value) -> Self {
        let field = |parameter: &Value| Field {
            name: text(parameter, "name"),
            kind: kind(&parameter["schema"]),
            text: text(parameter, "description"),
            required: parameter["required"] == Value::Bool(true),
        };
        let good = object(&operation["responses"]).filter(|(status, _)| status.starts_with('2'));
        let gives = good.map(|(status, answer)| {
            let what = contents(answer).collect::<Vec<_>>().join(" or ");
            format!("{status} {what}").trim().to_owned()
        });
        let words = [text(operation, "summary"), text(operation, "description")];
        Self {
            method: method.to_uppercase(),
            path: path.to_owned(),
            text: words.into_iter().filter(|each| !each.is_empty()).collect::<Vec<_>>().join(" "),
            fields: array(&operation["parameters"]).map(field).collect(),
            takes: contents(&operation["requestBody"]).collect(),
            gives: gives.collect(),
        }
    }
}
