//! Problem documents of RFC 9457: the status gives the kind, `detail` is the sentence that the command line prints,
//! `errors` has every place where something is wrong, and `suggestions` has the actions that correct it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Suggestion;

/// Why a request was not done (RFC 9457).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `about:blank`: the status gives the kind.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: Box<str>,
    /// The name of the status.
    #[schema(value_type = String)]
    pub title: Box<str>,
    /// The HTTP status.
    pub status: u16,
    /// The fault, and how to correct it.
    #[schema(value_type = String)]
    pub detail: Box<str>,
    /// The actions that correct it, in the order in which they are to be followed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<Suggestion>,
    /// Where something is wrong, all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<InputError>,
    /// The ID of the request, by which it is found in the log of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub request_id: Option<Box<str>>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = InputError)]
pub struct InputError {
    /// The place in the body (RFC 6901), where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// In a text such as a script or a file: the line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// There: the column in characters, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// The name of a table's column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The fault, and how to correct it.
    pub detail: String,
    /// In a file of users: the kind of the fault, such as `value` or `unknown_profile`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The number of faults like this one, this one included; missing: it is the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The first lines of those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<u64>,
}

impl InputError {
    /// A fault without a place.
    #[must_use]
    pub fn plain(detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..Self::default() }
    }

    /// A fault at a place in the body.
    #[must_use]
    pub fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), ..Self::plain(detail) }
    }

    /// A fault in a text that is at a place in the body; empty: it is the body.
    #[must_use]
    pub fn in_text(pointer: &str, line: u64, column: Option<u64>, detail: impl Into<String>) -> Self {
        let pointer = (!pointer.is_empty()).then(|| pointer.to_owned());
        Self { pointer, line: Some(line), column, ..Self::plain(detail) }
    }
}

impl Problem {
    /// The places where something is wrong, if they say more than the detail.
    #[must_use]
    pub fn errors(&self) -> &[InputError] {
        match &self.errors[..] {
            [only] if only.line.is_none() && self.detail.contains(only.detail.as_str()) => &[],
            errors => errors,
        }
    }

    /// A fault at a place in the body.
    #[must_use]
    pub fn at_place(&self, pointer: &str) -> Option<&str> {
        let found = self.errors.iter().find(|fault| fault.pointer.as_deref() == Some(pointer));
        found.map(|fault| fault.detail.as_str())
    }
}
