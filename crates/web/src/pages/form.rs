//! Forms as typed values.

use std::collections::HashMap;
use std::fmt::Display;
use std::ops::Deref;
use std::str::FromStr;

use axum::Form;
use axum::extract::{FromRequest, Request};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};
use serde_json::Value;

use super::messages;
use crate::problem::Problem;

/// The fields of a form, as they were sent.
pub(super) type Sent = HashMap<String, String>;

/// The typed content of a form, and its fields as they were sent. A page that rejects the form shows them again.
///
/// The last one of several fields with one name is read: a button follows the hidden field that it overrides.
pub(super) struct TypedForm<T>(pub(super) T, pub(super) Sent);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for TypedForm<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Form(sent) = Form::<Sent>::from_request(request, state).await?;
        Ok(Self(read(&sent)?, sent))
    }
}

/// Reads the fields of a form.
///
/// # Errors
///
/// If a field is missing, or its value is none of those that it can have.
fn read<T: DeserializeOwned>(sent: &Sent) -> Result<T, Problem> {
    let fields = sent.iter().map(|(name, value)| (name.clone(), Value::String(value.clone())));
    serde_json::from_value(Value::Object(fields.collect()))
        .map_err(|why| Problem::invalid(messages::unreadable_form(why)))
}

/// A field without the spaces around it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Trimmed(String);

impl Trimmed {
    /// The text, if there is one.
    pub(super) fn filled(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|text| !text.is_empty())
    }

    /// The value that the text means, if there is a text.
    pub(super) fn parse_filled<T: FromStr>(&self) -> Result<Option<T>, T::Err> {
        self.filled().map(str::parse).transpose()
    }
}

impl Deref for Trimmed {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Trimmed {
    fn deserialize<D: Deserializer<'de>>(field: D) -> Result<Self, D::Error> {
        Ok(Self(String::deserialize(field)?.trim().to_owned()))
    }
}

/// The acts of a form that edits one thing. Its main button has no name, and saves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SaveOrRemove {
    #[default]
    Save,
    Remove,
}

/// Reads a field that a page fills in, such as a number: all values of a form arrive as texts.
pub(super) fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(field: D) -> Result<T, D::Error> {
    String::deserialize(field)?.trim().parse().map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(tag = "act", rename_all = "snake_case")]
    enum Example {
        Close {
            #[serde(deserialize_with = "parsed")]
            id: i64,
        },
        CloseAll,
        Rename {
            name: Option<Trimmed>,
        },
    }

    fn example(fields: &[(&str, &str)]) -> Result<Example, String> {
        let sent = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        read(&sent).map_err(|problem| problem.detail().to_owned())
    }

    #[test]
    fn a_form_is_read_by_its_act() {
        assert_eq!(example(&[("act", "close"), ("id", " 7 ")]), Ok(Example::Close { id: 7 }));
        assert_eq!(example(&[("act", "close_all"), ("id", "7")]), Ok(Example::CloseAll));
        assert_eq!(example(&[("act", "rename")]), Ok(Example::Rename { name: None }));
        let renamed = Example::Rename { name: Some(Trimmed("b".to_owned())) };
        assert_eq!(example(&[("act", "rename"), ("name", " b ")]), Ok(renamed));
    }

    #[test]
    fn a_rejected_form_names_the_acts_and_fields_that_it_can_have() {
        let unknown = example(&[("act", "dance")]).unwrap_err();
        let expected = "unknown variant `dance`, expected one of `close`, `close_all`, `rename`";
        assert!(unknown.ends_with(expected), "{unknown}");
        let no_act = example(&[("id", "7")]).unwrap_err();
        assert!(no_act.ends_with("missing field `act`"), "{no_act}");
        let no_id = example(&[("act", "close")]).unwrap_err();
        assert!(no_id.ends_with("missing field `id`"), "{no_id}");
        assert!(example(&[("act", "close"), ("id", "x")]).is_err());
    }
}
