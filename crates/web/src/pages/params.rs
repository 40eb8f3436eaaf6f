//! Parameters of a script as fields of a form.

use askama::Template;
use askama::filters::HtmlSafe;
use rollcall_app::scripts::Source;
use rollcall_domain::{Param, ParamKind, RequestKey};

use super::form::Sent;
use crate::problem::Problem;

/// One parameter.
struct Input {
    name: String,
    kind: &'static str,
    help: String,
    required: bool,
    /// Whether the browser refuses to send the form without it.
    is_forced: bool,
    choices: Vec<String>,
    default: String,
    value: String,
    hint: &'static str,
}

/// The parameters of a script.
#[derive(Default, Template)]
#[template(path = "part_params.html")]
pub(super) struct Params(Vec<Input>);

impl HtmlSafe for Params {}

impl Params {
    /// Those that a script declares, with what was typed for them already.
    pub(super) fn of(source: &Source, sent: &Sent) -> Self {
        let input = |param: &Param| {
            let choices = match param.kind {
                ParamKind::Bool => vec!["true".to_owned(), "false".to_owned()],
                _ => param.choices.iter().map(ToString::to_string).collect(),
            };
            let default = param.default.as_ref().map(ToString::to_string).unwrap_or_default();
            Input {
                kind: param.kind.name(),
                help: param.help.clone(),
                required: param.required,
                is_forced: param.required,
                choices,
                value: sent.get(&format!("param.{}", param.name)).unwrap_or(&default).clone(),
                default,
                hint: param.kind.expected(),
                name: param.name.clone(),
            }
        };
        Self(source.params.iter().map(input).collect())
    }

    /// Lets the browser send a form without the required ones: the server says which are missing where it needs them.
    pub(super) fn unforced(mut self) -> Self {
        self.0.iter_mut().for_each(|input| input.is_forced = false);
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What was typed for parameters; nothing typed is nothing given.
pub(super) fn given(sent: &Sent) -> Vec<(String, String)> {
    let given = sent.iter().filter(|(_, text)| !text.is_empty());
    given.filter_map(|(name, text)| Some((name.strip_prefix("param.")?.to_owned(), text.clone()))).collect()
}

/// The number that a form was shown with, so that sending it twice does it once.
pub(super) fn once(place: &str, sent: &Sent) -> Result<Option<RequestKey>, Problem> {
    let Some(once) = sent.get("once").filter(|once| !once.is_empty()) else { return Ok(None) };
    let mut asked: Vec<_> = sent.iter().collect();
    asked.sort();
    let asked = serde_json::to_vec(&(place, asked)).unwrap_or_default();
    Ok(Some(RequestKey::new(once, &asked)?))
}
