//! Which users are meant: a typed tree, read from the SCIM filter syntax (RFC 7644, section 3.4.2.2).
//!
//! Understood so far: a field, one of `eq ne gt ge lt le`, and a value, joined by `and`.
//!
//! Where SCIM leaves room, these are the rules. Text compares exactly, by code point. An empty text and a
//! missing time are equal only to `""` and `null`, and are false under `gt ge lt le`. `ne` is the exact
//! complement of `eq`.

mod parse;

pub use parse::{MAX_BYTES, MAX_TERMS, ParseError, parse};

use crate::{Field, Timestamp, User, ValueRef};

/// A condition on a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// All of these hold.
    And(Vec<Filter>),
    /// A field compares with a value.
    Compare(Field, Comparison, Literal),
}

/// How a field compares with a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `gt`
    Greater,
    /// `ge`
    GreaterEqual,
    /// `lt`
    Less,
    /// `le`
    LessEqual,
}

impl Comparison {
    /// Every comparison.
    pub const ALL: [Self; 6] =
        [Self::Equal, Self::NotEqual, Self::Greater, Self::GreaterEqual, Self::Less, Self::LessEqual];

    /// As the syntax writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Equal => "eq",
            Self::NotEqual => "ne",
            Self::Greater => "gt",
            Self::GreaterEqual => "ge",
            Self::Less => "lt",
            Self::LessEqual => "le",
        }
    }

    /// Whether it asks for an order, which empty values do not have.
    #[must_use]
    pub fn is_order(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }

    fn holds<T: Ord>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Greater => left > right,
            Self::GreaterEqual => left >= right,
            Self::Less => left < right,
            Self::LessEqual => left <= right,
        }
    }
}

/// The value that a field is compared with; the parser has made its type the field's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// For a whole number.
    Int(i64),
    /// For text; `null` is `""`.
    Text(String),
    /// For true or false.
    Bool(bool),
    /// For a moment; `null` is none.
    Time(Option<Timestamp>),
}

impl Filter {
    /// Whether the filter selects `user`: the rule that the database's answer is tested against.
    #[must_use]
    pub fn matches(&self, user: &User) -> bool {
        match self {
            Self::And(terms) => terms.iter().all(|term| term.matches(user)),
            Self::Compare(field, comparison, literal) => compare(user.get(*field), *comparison, literal),
        }
    }
}

fn compare(value: ValueRef<'_>, comparison: Comparison, literal: &Literal) -> bool {
    match (value, literal) {
        (ValueRef::Int(value), Literal::Int(literal)) => comparison.holds(&value, literal),
        (ValueRef::Bool(value), Literal::Bool(literal)) => comparison.holds(&value, literal),
        (ValueRef::Text(""), Literal::Text(_)) if comparison.is_order() => false,
        (ValueRef::Text(value), Literal::Text(literal)) => comparison.holds(&value, &literal.as_str()),
        (ValueRef::Time(None), Literal::Time(_)) | (ValueRef::Time(_), Literal::Time(None))
            if comparison.is_order() =>
        {
            false
        }
        (ValueRef::Time(value), Literal::Time(literal)) => comparison.holds(&value, literal),
        _ => unreachable!("the parser gives a literal the type of its field"),
    }
}
