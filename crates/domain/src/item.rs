//! RADIUS items: a name, an operator and a value.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Rejection;

/// FreeRADIUS drops a value that is longer than a RADIUS attribute can carry (RFC 2865, section 5).
pub const MAX_ITEM_BYTES: usize = 253;

/// Which of a user's or profile's two lists an item is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// A reply item: an "attribute".
    Reply,
    /// A check item: a "check attribute".
    Check,
}

impl ItemKind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Reply, Self::Check];

    /// The operators that FreeRADIUS honours in this list; any other one makes it reject the user or drop the
    /// item.
    #[must_use]
    pub fn operators(self) -> &'static [Operator] {
        use Operator::*;
        match self {
            Self::Reply => &[Set, Add, Append, Prepend],
            Self::Check => &[
                Set,
                Add,
                Append,
                Equal,
                NotEqual,
                Greater,
                GreaterEqual,
                Less,
                LessEqual,
                Match,
                NotMatch,
                Present,
                Absent,
            ],
        }
    }

    /// What the documentation calls an item of this kind.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Reply => "attribute",
            Self::Check => "check attribute",
        }
    }
}

/// A FreeRADIUS operator (`man 5 users`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the operator it is serialized as")]
pub enum Operator {
    #[serde(rename = ":=")]
    Set,
    #[serde(rename = "=")]
    Add,
    #[serde(rename = "+=")]
    Append,
    #[serde(rename = "^=")]
    Prepend,
    #[serde(rename = "==")]
    Equal,
    #[serde(rename = "!=")]
    NotEqual,
    #[serde(rename = ">")]
    Greater,
    #[serde(rename = ">=")]
    GreaterEqual,
    #[serde(rename = "<")]
    Less,
    #[serde(rename = "<=")]
    LessEqual,
    #[serde(rename = "=~")]
    Match,
    #[serde(rename = "!~")]
    NotMatch,
    #[serde(rename = "=*")]
    Present,
    #[serde(rename = "!*")]
    Absent,
}

impl Operator {
    /// Every operator that some list accepts.
    pub const ALL: [Self; 14] = [
        Self::Set,
        Self::Add,
        Self::Append,
        Self::Prepend,
        Self::Equal,
        Self::NotEqual,
        Self::Greater,
        Self::GreaterEqual,
        Self::Less,
        Self::LessEqual,
        Self::Match,
        Self::NotMatch,
        Self::Present,
        Self::Absent,
    ];

    /// As FreeRADIUS writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Set => ":=",
            Self::Add => "=",
            Self::Append => "+=",
            Self::Prepend => "^=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Match => "=~",
            Self::NotMatch => "!~",
            Self::Present => "=*",
            Self::Absent => "!*",
        }
    }

    /// Reads an operator, whichever list it is for.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.as_str() == text)
    }

    /// Reads an operator of the list `kind`.
    ///
    /// # Errors
    ///
    /// The text is not an operator, or not one of this list.
    pub fn parse_for(kind: ItemKind, text: &str) -> Result<Self, Rejection> {
        Self::parse(text).filter(|operator| kind.operators().contains(operator)).ok_or_else(|| {
            let accepted: Vec<_> = kind.operators().iter().map(|operator| operator.as_str()).collect();
            Rejection::new(format!(
                "the operator {text:?} cannot be used for {} {}: use one of {}",
                if kind == ItemKind::Reply { "an" } else { "a" },
                kind.noun(),
                accepted.join(" ")
            ))
        })
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A RADIUS item: attribute, operator, value. Every one that exists has passed [`Item::new`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Item {
    /// The attribute's dictionary name, case and all.
    pub attr: String,
    /// How FreeRADIUS applies or compares it.
    pub operation: Operator,
    /// Always text; the dictionary gives it a type.
    pub value: String,
}

impl Item {
    /// Creates an item of the list `kind`.
    ///
    /// # Errors
    ///
    /// FreeRADIUS would execute, drop or reject the item whatever its dictionary says: an operator of the other list, a
    /// value in backquotes, control characters, over 253 bytes.
    pub fn new(kind: ItemKind, attr: &str, operation: &str, value: &str) -> Result<Self, Rejection> {
        check_attr(attr)?;
        let operation = Operator::parse_for(kind, operation)?;
        check_value(attr, value)?;
        Ok(Self { attr: attr.to_owned(), operation, value: value.to_owned() })
    }

    /// Reads `Attr := value`, as the files of FreeRADIUS write it. Quotation marks around the value are removed.
    ///
    /// # Errors
    ///
    /// The text has another form, or [`Item::new`] rejects its parts.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), rollcall_domain::Rejection> {
    /// use rollcall_domain::{Item, ItemKind, Operator};
    ///
    /// let item = Item::parse(ItemKind::Reply, "Session-Timeout := 3600")?;
    /// assert_eq!((item.attr.as_str(), item.operation, item.value.as_str()), ("Session-Timeout", Operator::Set, "3600"));
    /// assert_eq!(item.to_string(), "Session-Timeout := 3600");
    ///
    /// // An operator of check attributes.
    /// assert!(Item::parse(ItemKind::Reply, "NAS-Port == 3").is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn parse(kind: ItemKind, text: &str) -> Result<Self, Rejection> {
        let mut words = text.trim().splitn(3, char::is_whitespace);
        let (Some(attr), Some(operation), Some(value)) = (words.next(), words.next(), words.next()) else {
            return Err(Rejection::new(format!(
                "{text:?} is not an item: write the attribute, an operator and a value with spaces between, \
                 such as 'Session-Timeout := 3600'"
            )));
        };
        let value = value.trim();
        let bare = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
        Self::new(kind, attr, operation, bare)
    }
}

fn check_attr(attr: &str) -> Result<(), Rejection> {
    let unsafe_char = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '`' | '"' | '\'');
    if attr.is_empty() || attr.len() > MAX_ITEM_BYTES || attr.chars().any(unsafe_char) {
        return Err(Rejection::new(format!("{attr:?} cannot be the name of an attribute")));
    }
    Ok(())
}

fn check_value(attr: &str, value: &str) -> Result<(), Rejection> {
    // FreeRADIUS skips blanks before it looks for the quote.
    let bare = value.trim();
    if bare.starts_with('`') && bare.ends_with('`') {
        return Err(Rejection::new(format!("{attr}: FreeRADIUS would execute a value in backquotes")));
    }
    if value.chars().any(char::is_control) {
        return Err(Rejection::new(format!("{attr}: the value has a control character")));
    }
    if value.len() > MAX_ITEM_BYTES {
        let bytes = value.len();
        return Err(Rejection::new(format!(
            "{attr}: the value is {bytes} bytes long, FreeRADIUS drops what is over {MAX_ITEM_BYTES}"
        )));
    }
    Ok(())
}

/// As [`Item::parse`] reads it: in quotes where they are needed to keep the value as it is.
fn write_item(f: &mut fmt::Formatter<'_>, attr: &str, operation: Operator, value: &str) -> fmt::Result {
    if value.is_empty() || value.trim() != value || value.starts_with('"') {
        write!(f, "{attr} {operation} \"{value}\"")
    } else {
        write!(f, "{attr} {operation} {value}")
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_item(f, &self.attr, self.operation, &self.value)
    }
}

/// An item at its place in a user's list. Positions order the list; they are unique within it and may have gaps.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ItemRow {
    /// The item's attribute name.
    pub attr: String,
    /// The item's operator.
    pub operation: Operator,
    /// The item's value.
    pub value: String,
    /// Its place.
    pub position: i64,
}

impl ItemRow {
    /// `item` at `position`.
    #[must_use]
    pub fn new(item: Item, position: i64) -> Self {
        Self { attr: item.attr, operation: item.operation, value: item.value, position }
    }

    /// Whether the row holds exactly `item`.
    #[must_use]
    pub fn holds(&self, item: &Item) -> bool {
        self.attr == item.attr && self.operation == item.operation && self.value == item.value
    }
}

impl fmt::Display for ItemRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_item(f, &self.attr, self.operation, &self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_values_and_foreign_operators_are_refused() {
        let reply =
            |operation: &str, value: &str| Item::new(ItemKind::Reply, "Reply-Message", operation, value);
        assert!(reply("=", "it`s fine").is_ok());
        assert!(reply("=", "`reboot`").is_err());
        assert!(reply("=", " `reboot` ").is_err());
        assert!(reply("=", "a\nb").is_err());
        assert!(reply("=", &"x".repeat(253)).is_ok());
        assert!(reply("=", &"é".repeat(127)).is_err());
        assert!(reply("==", "x").is_err());
        assert!(reply("-=", "x").is_err());
        assert!(Item::new(ItemKind::Check, "NAS-Identifier", "==", "ap-1").is_ok());
        assert!(Item::new(ItemKind::Check, "NAS-Identifier", "^=", "ap-1").is_err());
        assert!(Item::new(ItemKind::Reply, "", "=", "x").is_err());
        assert!(Item::new(ItemKind::Reply, "Reply Message", "=", "x").is_err());
    }

    #[test]
    fn items_are_read_as_freeradius_writes_them() {
        let item = Item::parse(ItemKind::Reply, "Reply-Message += \"hello  world\"").unwrap();
        assert_eq!(item.to_string(), "Reply-Message += hello  world");
        assert!(Item::parse(ItemKind::Reply, "Reply-Message").is_err());
        for value in ["", " padded ", "\"quoted\"", "\"", "plain", "a \"b\""] {
            let item = Item::new(ItemKind::Reply, "Reply-Message", "=", value).unwrap();
            assert_eq!(Item::parse(ItemKind::Reply, &item.to_string()).unwrap(), item);
        }
    }
}
