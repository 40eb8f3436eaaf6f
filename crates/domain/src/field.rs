//! The fields of a user with their types, and how their values are read from text and from JSON.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Rejection, Timestamp, Zone};

/// A field of a user, named and typed as in the documentation's User object reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the documented field of that name")]
pub enum Field {
    ObjId,
    Username,
    UsernameLength,
    FirstName,
    LastName,
    Email,
    ExternalId,
    Klass,
    IsActive,
    DateJoined,
    FirstLogin,
    LastLogin,
    Expiration,
    LastUpdate,
    OrganizationId,
    AvatarUrl,
    Description,
}

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Int,
    /// Text, `""` when empty.
    Text,
    /// True or false.
    Bool,
    /// A moment; some fields may have none.
    Time,
}

impl Kind {
    /// As programs are told.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Text => "text",
            Self::Bool => "bool",
            Self::Time => "time",
        }
    }
}

impl Field {
    /// Every field, in the order of the documentation.
    pub const ALL: [Self; 17] = [
        Self::ObjId,
        Self::Username,
        Self::UsernameLength,
        Self::FirstName,
        Self::LastName,
        Self::Email,
        Self::ExternalId,
        Self::Klass,
        Self::IsActive,
        Self::DateJoined,
        Self::FirstLogin,
        Self::LastLogin,
        Self::Expiration,
        Self::LastUpdate,
        Self::OrganizationId,
        Self::AvatarUrl,
        Self::Description,
    ];

    /// Its name in scripts, filters, files and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ObjId => "obj_id",
            Self::Username => "username",
            Self::UsernameLength => "username_length",
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::Email => "email",
            Self::ExternalId => "external_id",
            Self::Klass => "klass",
            Self::IsActive => "is_active",
            Self::DateJoined => "date_joined",
            Self::FirstLogin => "first_login",
            Self::LastLogin => "last_login",
            Self::Expiration => "expiration",
            Self::LastUpdate => "last_update",
            Self::OrganizationId => "organization_id",
            Self::AvatarUrl => "avatar_url",
            Self::Description => "description",
        }
    }

    /// Its type.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::ObjId | Self::UsernameLength | Self::OrganizationId => Kind::Int,
            Self::IsActive => Kind::Bool,
            Self::DateJoined | Self::FirstLogin | Self::LastLogin | Self::Expiration | Self::LastUpdate => {
                Kind::Time
            }
            _ => Kind::Text,
        }
    }

    /// Whether a script or an administrator may assign it.
    #[must_use]
    pub fn writable(self) -> bool {
        !matches!(
            self,
            Self::ObjId | Self::DateJoined | Self::FirstLogin | Self::LastLogin | Self::OrganizationId
        )
    }

    /// Whether it may have no value at all.
    #[must_use]
    pub fn nullable(self) -> bool {
        matches!(self, Self::FirstLogin | Self::LastLogin | Self::Expiration)
    }

    /// Reads a value of this field as administrators and files write it. An empty text means no value for the fields
    /// that may have none.
    ///
    /// # Errors
    ///
    /// The text is not a value of the type of this field.
    pub fn parse(self, text: &str, zone: &Zone) -> Result<Value, Rejection> {
        let wrong = |expected: &str| Rejection::new(format!("{}: {text:?} is not {expected}", self.name()));
        match self.kind() {
            Kind::Text => Ok(Value::Text(text.to_owned())),
            Kind::Int => text.trim().parse().map(Value::Int).map_err(|_| wrong("a whole number")),
            Kind::Bool => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "1" => Ok(Value::Bool(true)),
                "false" | "no" | "0" => Ok(Value::Bool(false)),
                _ => Err(wrong("true or false")),
            },
            Kind::Time if self.nullable() && matches!(text.trim(), "" | "none" | "null" | "never") => {
                Ok(Value::Time(None))
            }
            Kind::Time => Timestamp::parse(text, zone)
                .map(|time| Value::Time(Some(time)))
                .map_err(|why| Rejection::new(format!("{}: {why}", self.name()))),
        }
    }
}

impl Field {
    /// Reads an assignment, `FIELD=VALUE`. Times without an offset are in `zone`.
    ///
    /// # Errors
    ///
    /// The text is no assignment, the field is unknown or read-only, or the value is not of its type.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), rollcall_domain::Rejection> {
    /// use rollcall_domain::{Field, Value, Zone};
    ///
    /// let assigned = Field::assignment("klass=gold", &Zone::utc())?;
    /// assert_eq!(assigned, (Field::Klass, Value::Text("gold".to_owned())));
    ///
    /// let rejection = Field::assignment("klas=gold", &Zone::utc()).unwrap_err();
    /// assert!(rejection.to_string().contains("did you mean klass?"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn assignment(text: &str, zone: &Zone) -> Result<(Self, Value), Rejection> {
        let Some((name, value)) = text.split_once('=') else {
            return Err(Rejection::new(format!(
                "{text:?} assigns nothing: write FIELD=VALUE, such as klass=gold"
            )));
        };
        let field: Self = name.trim().parse()?;
        if !field.writable() {
            return Err(Rejection::new(format!("{field} is read-only")));
        }
        Ok((field, field.parse(value, zone)?))
    }

    /// Reads a value of this field as a program writes it, in JSON. As in scripts, a text field takes whole numbers as
    /// their text and `null` as no text; times without an offset are in `zone`.
    ///
    /// # Errors
    ///
    /// The JSON value is not one of the type of this field.
    pub fn read_json(self, json: &serde_json::Value, zone: &Zone) -> Result<Value, Rejection> {
        use serde_json::Value as Json;
        let value = match (self.kind(), json) {
            (Kind::Text, Json::String(text)) => Some(Value::Text(text.clone())),
            (Kind::Text, Json::Null) => Some(Value::Text(String::new())),
            (Kind::Text, Json::Number(number)) if number.is_i64() || number.is_u64() => {
                Some(Value::Text(number.to_string()))
            }
            (Kind::Int, Json::Number(number)) => number.as_i64().map(Value::Int),
            (Kind::Bool, Json::Bool(value)) => Some(Value::Bool(*value)),
            (Kind::Time, Json::Null) if self.nullable() => Some(Value::Time(None)),
            (Kind::Time, Json::String(text)) if !text.trim().is_empty() => return self.parse(text, zone),
            _ => None,
        };
        let wanted = match self.kind() {
            Kind::Text => "a text",
            Kind::Int => "a whole number",
            Kind::Bool => "true or false",
            Kind::Time if self.nullable() => "a time such as \"2026-12-01T00:00:00Z\", or null",
            Kind::Time => "a time such as \"2026-12-01T00:00:00Z\"",
        };
        value.ok_or_else(|| Rejection::new(format!("{self}: {json} is not {wanted}")))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Field {
    type Err = Rejection;

    fn from_str(name: &str) -> Result<Self, Rejection> {
        Self::ALL.into_iter().find(|field| field.name() == name).ok_or_else(|| {
            let hint = did_you_mean(name, Self::ALL.map(Self::name))
                .map_or_else(String::new, |close| format!("; did you mean {close}?"));
            Rejection::new(format!("no user field is called {name:?}{hint}"))
        })
    }
}

/// The candidate that `name` was probably meant to be, if any is close.
///
/// # Examples
///
/// ```
/// use rollcall_domain::did_you_mean;
///
/// assert_eq!(did_you_mean("expration", ["email", "expiration"]), Some("expiration"));
/// assert_eq!(did_you_mean("colour", ["email", "expiration"]), None);
/// ```
#[must_use]
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// A value of a field. In JSON: a number, a text, a boolean, an RFC 3339 time or `null`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Of an [`Kind::Int`] field.
    Int(i64),
    /// Of a [`Kind::Text`] field.
    Text(String),
    /// Of a [`Kind::Bool`] field.
    Bool(bool),
    /// Of a [`Kind::Time`] field.
    Time(Option<Timestamp>),
}

impl Value {
    /// Reads back what [`Serialize`] wrote for `field`.
    ///
    /// # Errors
    /// If the JSON value is not of the kind of the field.
    pub fn from_json(field: Field, json: serde_json::Value) -> Result<Self, serde_json::Error> {
        Ok(match field.kind() {
            Kind::Int => Self::Int(serde_json::from_value(json)?),
            Kind::Text => Self::Text(serde_json::from_value(json)?),
            Kind::Bool => Self::Bool(serde_json::from_value(json)?),
            Kind::Time => Self::Time(serde_json::from_value(json)?),
        })
    }

    /// The same value, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Int(value) => ValueRef::Int(*value),
            Self::Text(value) => ValueRef::Text(value),
            Self::Bool(value) => ValueRef::Bool(*value),
            Self::Time(value) => ValueRef::Time(*value),
        }
    }
}

/// A borrowed [`Value`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "each is the borrowed form of the Value of that name")]
pub enum ValueRef<'a> {
    Int(i64),
    Text(&'a str),
    Bool(bool),
    Time(Option<Timestamp>),
}

impl ValueRef<'_> {
    /// The same value, owned.
    #[must_use]
    pub fn to_owned(self) -> Value {
        match self {
            Self::Int(value) => Value::Int(value),
            Self::Text(value) => Value::Text(value.to_owned()),
            Self::Bool(value) => Value::Bool(value),
            Self::Time(value) => Value::Time(value),
        }
    }
}

/// As a person or a CSV file writes it; nothing for an absent time. [`Field::parse`] reads it back.
impl fmt::Display for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Time(Some(value)) => write!(f, "{value}"),
            Self::Time(None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_field_is_answered_with_the_right_one() {
        let rejection = "expiraton".parse::<Field>().unwrap_err().to_string();
        assert_eq!(rejection, "no user field is called \"expiraton\"; did you mean expiration?");
        assert_eq!("zzz".parse::<Field>().unwrap_err().to_string(), "no user field is called \"zzz\"");
    }

    #[test]
    fn values_are_read_from_json_by_the_kind_of_the_field() {
        use serde_json::json;
        let read = |field: Field, json| field.read_json(&json, &Zone::utc()).map_err(|why| why.to_string());
        assert_eq!(read(Field::Klass, json!("gold")), Ok(Value::Text("gold".to_owned())));
        assert_eq!(read(Field::Klass, json!(null)), Ok(Value::Text(String::new())));
        assert_eq!(read(Field::ExternalId, json!(4711)), Ok(Value::Text("4711".to_owned())));
        assert_eq!(read(Field::UsernameLength, json!(7)), Ok(Value::Int(7)));
        assert_eq!(read(Field::IsActive, json!(false)), Ok(Value::Bool(false)));
        assert_eq!(read(Field::Expiration, json!(null)), Ok(Value::Time(None)));
        let at = Timestamp::parse("2026-12-01", &Zone::utc()).unwrap();
        assert_eq!(read(Field::Expiration, json!("2026-12-01")), Ok(Value::Time(Some(at))));
        for (field, json, why) in [
            (Field::Klass, json!(1.5), "klass: 1.5 is not a text"),
            (Field::IsActive, json!("yes"), "is_active: \"yes\" is not true or false"),
            (Field::UsernameLength, json!(0.5), "username_length: 0.5 is not a whole number"),
            (Field::Expiration, json!(""), "expiration: \"\" is not a time such as"),
            (Field::LastUpdate, json!(null), "last_update: null is not a time such as"),
        ] {
            let told = read(field, json).unwrap_err();
            assert!(told.starts_with(why), "{told}");
        }
    }

    #[test]
    fn names_are_the_serialized_names() {
        for field in Field::ALL {
            assert_eq!(serde_json::to_value(field).unwrap(), field.name());
            assert_eq!(field.name().parse::<Field>().unwrap(), field);
        }
    }
}
