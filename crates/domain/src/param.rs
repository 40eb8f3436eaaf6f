//! Parameters: those that a script declares, and typed values for them.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::{CivilDate, MAX_TEXT_BYTES, Rejection, Suggestion, Timestamp, Zone, did_you_mean};

/// The type of a script's parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParamKind {
    /// A whole number of 64 bits.
    Int,
    /// A finite number.
    Float,
    /// Text, taken as it is.
    Str,
    /// True or false.
    Bool,
    /// A day of the calendar.
    Date,
    /// A moment.
    DateTime,
}

impl ParamKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Int, Self::Float, Self::Str, Self::Bool, Self::Date, Self::DateTime];

    /// Its name in a script's `PARAMS`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Float => "float",
            Self::Str => "str",
            Self::Bool => "bool",
            Self::Date => "date",
            Self::DateTime => "datetime",
        }
    }

    /// What is to be written for it, with an example: `a whole number such as 30`.
    #[must_use]
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Int => "a whole number such as 30",
            Self::Float => "a number such as 2.5",
            Self::Str => "text",
            Self::Bool => "true or false",
            Self::Date => "a date such as 2026-12-31",
            Self::DateTime => "a date and time such as 2026-12-31T18:00:00Z",
        }
    }

    /// Reads a value as an administrator types it; a time without an offset is in `zone`.
    ///
    /// # Errors
    ///
    /// A text that is no such value, with what was expected.
    pub fn parse(self, text: &str, zone: &Zone) -> Result<ParamValue, Rejection> {
        let wrong = || Rejection::new(format!("{text:?} is not {}", self.expected()));
        let trimmed = text.trim();
        match self {
            Self::Int => trimmed.parse().map(ParamValue::Int).map_err(|_| wrong()),
            Self::Float => match trimmed.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(ParamValue::Float(number)),
                _ => Err(wrong()),
            },
            Self::Str if text.contains('\0') => Err(Rejection::new("a text cannot contain a NUL character")),
            Self::Str if text.len() > MAX_TEXT_BYTES => Err(Rejection::new(format!(
                "the text is {} bytes long, at most {MAX_TEXT_BYTES} are allowed",
                text.len()
            ))),
            Self::Str => Ok(ParamValue::Str(text.to_owned())),
            Self::Bool => match trimmed.to_ascii_lowercase().as_str() {
                "true" | "yes" | "1" => Ok(ParamValue::Bool(true)),
                "false" | "no" | "0" => Ok(ParamValue::Bool(false)),
                _ => Err(wrong()),
            },
            Self::Date => trimmed.parse().map(ParamValue::Date).map_err(|_: Rejection| wrong()),
            Self::DateTime => Timestamp::parse(text, zone).map(ParamValue::DateTime).map_err(|_| wrong()),
        }
    }
}

impl fmt::Display for ParamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ParamKind {
    type Err = Rejection;

    fn from_str(name: &str) -> Result<Self, Rejection> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            let hint = did_you_mean(name, names).map_or_else(
                || format!("use one of {}", names.join(", ")),
                |close| format!("did you mean {close}?"),
            );
            Rejection::new(format!("no type of a parameter is called {name:?}; {hint}"))
        })
    }
}

/// A value of a parameter. In JSON: a number, a text (dates and times too, in ISO 8601), a boolean or `null`.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamValue {
    /// Of a [`ParamKind::Int`].
    Int(i64),
    /// Of a [`ParamKind::Float`]; always finite.
    Float(f64),
    /// Of a [`ParamKind::Str`].
    Str(String),
    /// Of a [`ParamKind::Bool`].
    Bool(bool),
    /// Of a [`ParamKind::Date`].
    Date(CivilDate),
    /// Of a [`ParamKind::DateTime`].
    DateTime(Timestamp),
    /// Of any kind, where nothing was given and nothing is the default.
    None,
}

/// As an administrator types it, so that [`ParamKind::parse`] reads it back; nothing for [`ParamValue::None`].
impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"), // 1.0, not 1
            Self::Str(value) => f.write_str(value),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Date(value) => write!(f, "{value}"),
            Self::DateTime(value) => write!(f, "{value}"),
            Self::None => Ok(()),
        }
    }
}

impl Serialize for ParamValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Str(value) => serializer.serialize_str(value),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Date(value) => serializer.collect_str(value),
            Self::DateTime(value) => serializer.collect_str(value),
            Self::None => serializer.serialize_none(),
        }
    }
}

/// A parameter that a script declares.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// How scripts and administrators call it: a Python identifier.
    pub name: String,
    /// Its type.
    pub kind: ParamKind,
    /// What it is when nothing is given.
    pub default: Option<ParamValue>,
    /// The only values it may have; any if empty.
    pub choices: Vec<ParamValue>,
    /// What it is for, in the script's author's words; may be empty.
    pub help: String,
    /// Whether a run cannot do without it.
    pub required: bool,
}

impl Param {
    fn read(&self, text: &str, zone: &Zone) -> Result<ParamValue, Rejection> {
        let name = &self.name;
        let value = self.kind.parse(text, zone).map_err(|why| Rejection::new(format!("{name}: {why}")))?;
        if self.choices.is_empty() || self.choices.contains(&value) {
            return Ok(value);
        }
        let choices: Vec<_> = self.choices.iter().map(ToString::to_string).collect();
        Err(Rejection::new(format!("{name}: {text:?} is not among the choices: {}", choices.join(", "))))
    }

    fn missing(&self) -> Rejection {
        let Self { name, kind, help, .. } = self;
        let help = if help.is_empty() { String::new() } else { format!(": {help}") };
        Rejection::new(format!("{name} is missing ({kind}{help})"))
            .suggest(Suggestion::SetParameter { name: name.clone() })
    }
}

/// The parameters that a script declares, in its order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params(Vec<Param>);

impl Params {
    /// These parameters, whose names differ.
    #[must_use]
    pub fn new(params: Vec<Param>) -> Self {
        Self(params)
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Param> {
        self.0.iter()
    }

    /// The one called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Param> {
        self.0.iter().find(|param| param.name == name)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Turns what was given for a run, pairs of a name and a text, into the run's values. A time without an offset
    /// is in `zone`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong: first with what was given, in that order, then what is missing.
    pub fn check(&self, given: &[(String, String)], zone: &Zone) -> Result<ParamValues, Vec<Rejection>> {
        let mut faults = Vec::new();
        let mut read = HashMap::new();
        let mut seen = HashSet::new();
        for (name, text) in given {
            let again = !seen.insert(name);
            match self.get(name) {
                _ if again => faults.push(Rejection::new(format!("{name} is given more than once"))),
                None => faults.push(self.unknown(name)),
                Some(param) => match param.read(text, zone) {
                    Ok(value) => drop(read.insert(name, value)),
                    Err(why) => faults.push(why),
                },
            }
        }
        faults.extend(
            self.0.iter().filter(|each| each.required && !seen.contains(&each.name)).map(Param::missing),
        );
        let value = |param: &Param| {
            let value = read.remove(&param.name).or_else(|| param.default.clone());
            (param.name.clone(), value.unwrap_or(ParamValue::None))
        };
        let values = self.0.iter().map(value).collect();
        if faults.is_empty() { Ok(ParamValues(values)) } else { Err(faults) }
    }

    fn unknown(&self, name: &str) -> Rejection {
        if self.is_empty() {
            return Rejection::new(format!("{name:?} cannot be given: the script declares no parameters"));
        }
        let names: Vec<_> = self.0.iter().map(|param| param.name.as_str()).collect();
        let hint = did_you_mean(name, names.iter().copied())
            .map_or_else(|| format!("it has {}", names.join(", ")), |close| format!("did you mean {close}?"));
        Rejection::new(format!("the script has no parameter {name:?}; {hint}"))
    }
}

/// The values of a run's parameters, in the order of their declaration. In JSON an object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ParamValues(Vec<(String, ParamValue)>);

impl ParamValues {
    /// Each name with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ParamValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The value of the parameter called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ParamValue> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for ParamValues {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param(name: &str, kind: ParamKind) -> Param {
        Param {
            name: name.to_owned(),
            kind,
            default: None,
            choices: Vec::new(),
            help: String::new(),
            required: true,
        }
    }

    fn given(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    fn faults(params: &Params, pairs: &[(&str, &str)]) -> Vec<String> {
        let faults = params.check(&given(pairs), &Zone::utc()).unwrap_err();
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn values_are_typed_and_in_the_order_of_declaration() {
        let params = Params::new(vec![
            param("days", ParamKind::Int),
            param("factor", ParamKind::Float),
            param("plan", ParamKind::Str),
            param("really", ParamKind::Bool),
            param("day", ParamKind::Date),
            param("at", ParamKind::DateTime),
            Param { required: false, default: Some(ParamValue::Int(7)), ..param("weeks", ParamKind::Int) },
            Param { required: false, ..param("note", ParamKind::Str) },
        ]);
        let paris = "Europe/Paris".parse().unwrap();
        let texts = given(&[
            ("at", "2026-07-01 00:00"),
            ("day", "2026-12-31"),
            ("really", " YES"),
            ("plan", " a=b "),
            ("factor", "2"),
            ("days", " -30 "),
        ]);
        let values = params.check(&texts, &paris).unwrap();
        assert_eq!(
            serde_json::to_string(&values).unwrap(),
            r#"{"days":-30,"factor":2.0,"plan":" a=b ","really":true,"day":"2026-12-31","#.to_owned()
                + r#""at":"2026-06-30T22:00:00Z","weeks":7,"note":null}"#
        );
        assert_eq!(values.get("weeks"), Some(&ParamValue::Int(7)));
        assert_eq!(values.iter().map(|(name, _)| name).last(), Some("note"));
        for (name, value) in values.iter().filter(|(_, value)| **value != ParamValue::None) {
            let kind = params.get(name).unwrap().kind;
            assert_eq!(kind.parse(&value.to_string(), &Zone::utc()).unwrap(), *value, "{name}");
        }
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let params = Params::new(vec![
            Param { help: "how many to add".to_owned(), ..param("days", ParamKind::Int) },
            Param {
                choices: vec![ParamValue::Str("gold".to_owned()), ParamValue::Str("basic".to_owned())],
                ..param("plan", ParamKind::Str)
            },
            param("until", ParamKind::Date),
        ]);
        let pairs =
            [("plam", "gold"), ("plan", "silver"), ("until", "soon"), ("until", "2026-12-31"), ("zzz", "")];
        assert_eq!(
            faults(&params, &pairs),
            [
                "the script has no parameter \"plam\"; did you mean plan?",
                "plan: \"silver\" is not among the choices: gold, basic",
                "until: \"soon\" is not a date such as 2026-12-31",
                "until is given more than once",
                "the script has no parameter \"zzz\"; it has days, plan, until",
                "days is missing (int: how many to add)",
            ]
        );
        let none = Params::default();
        let missing = params.check(&given(&pairs), &Zone::utc()).unwrap_err().pop().unwrap();
        assert_eq!(missing.suggestions(), [Suggestion::SetParameter { name: "days".to_owned() }]);
        assert_eq!(
            faults(&none, &[("a", "1")]),
            ["\"a\" cannot be given: the script declares no parameters"]
        );
        assert!(none.check(&[], &Zone::utc()).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_value_of_a_kind_is_refused() {
        let long = "x".repeat(MAX_TEXT_BYTES + 1);
        for (kind, text) in [
            (ParamKind::Int, ""),
            (ParamKind::Int, "1.0"),
            (ParamKind::Int, "9223372036854775808"),
            (ParamKind::Float, "inf"),
            (ParamKind::Float, "nan"),
            (ParamKind::Float, "1e999"),
            (ParamKind::Float, "1,5"),
            (ParamKind::Str, "a\0b"),
            (ParamKind::Str, &long),
            (ParamKind::Bool, "on"),
            (ParamKind::Date, "20261231"),
            (ParamKind::Date, "2026-02-30"),
            (ParamKind::Date, "2026-12-31T00:00"),
            (ParamKind::Date, "0000-01-01"),
            (ParamKind::DateTime, "31.12.2026"),
        ] {
            assert!(kind.parse(text, &Zone::utc()).is_err(), "{kind} {text}");
        }
        assert!(ParamKind::Str.parse(&long[1..], &Zone::utc()).is_ok());
    }

    #[test]
    fn a_misspelt_kind_is_answered_with_the_right_one() {
        for kind in ParamKind::ALL {
            assert_eq!(kind.name().parse::<ParamKind>().unwrap(), kind);
        }
        let rejection = "boolean".parse::<ParamKind>().unwrap_err().to_string();
        assert_eq!(rejection, "no type of a parameter is called \"boolean\"; did you mean bool?");
    }
}
