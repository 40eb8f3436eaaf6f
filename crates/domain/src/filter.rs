//! Which users are meant: a typed tree, read from the SCIM filter syntax (RFC 7644, section 3.4.2.2) and written back
//! as it ([`std::fmt::Display`]).
//!
//! Where SCIM leaves room, these are the rules. Text compares exactly, case and all, and is ordered by code point. An
//! empty text and a missing time are equal only to `""` and `null`; they are never present (`pr`) and are false under
//! `gt ge lt le co sw ew`. `ne` and `not` are exact complements. `profiles[…]`, `attributes[…]` and
//! `check_attributes[…]` hold if one entry of the list satisfies everything in the brackets; `profiles.short_name eq
//! "x"` is the same as `profiles[short_name eq "x"]`, and `profiles.short_name ne "x"` its complement. Values of
//! attributes compare as numbers when both sides are integers of at most 18 characters, else as text.
//!
//! Beyond SCIM: `organization` compares the organization's name, and a time may be relative to the present one
//! (`expiration lt now+30d`).

mod parse;
mod relative;
mod search;
mod show;
mod subject;

pub use parse::{MAX_BYTES, MAX_DEPTH, MAX_TERMS, ParseError, parse};
pub use relative::{Moment, UNITS};
pub use search::Search;
pub use subject::Subject;

use crate::{Field, ItemKind, Kind, User, ValueRef};

/// Tests of a `T`, joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr<T> {
    /// All of these hold; there are at least two.
    And(Vec<Expr<T>>),
    /// Some of these hold; there are at least two.
    Or(Vec<Expr<T>>),
    /// It does not hold.
    Not(Box<Expr<T>>),
    /// The test holds.
    Is(T),
}

/// A condition on a user.
pub type Filter = Expr<UserTest>;

/// One thing that is asked about a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserTest {
    /// About one of its fields.
    Field(Field, Test),
    /// About the name of its organization.
    Organization(Test),
    /// Whether one of its lists has an entry that satisfies this; none: has any entry at all.
    Has(List, Option<Expr<PartTest>>),
}

/// One thing that is asked about an entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartTest {
    /// About which part of it; one that the list's entries have.
    pub part: Part,
    /// What.
    pub test: Test,
}

/// What is asked about one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// `pr`: there is one.
    Present,
    /// How it compares with another one.
    Compare(Comparison, Literal),
}

/// How a value compares with a literal.
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
    /// `co`
    Contains,
    /// `sw`
    StartsWith,
    /// `ew`
    EndsWith,
}

impl Comparison {
    /// Every comparison.
    pub const ALL: [Self; 9] = [
        Self::Equal,
        Self::NotEqual,
        Self::Greater,
        Self::GreaterEqual,
        Self::Less,
        Self::LessEqual,
        Self::Contains,
        Self::StartsWith,
        Self::EndsWith,
    ];

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
            Self::Contains => "co",
            Self::StartsWith => "sw",
            Self::EndsWith => "ew",
        }
    }

    /// Whether it asks for an order, which empty values do not have.
    #[must_use]
    pub fn is_order(self) -> bool {
        matches!(self, Self::Greater | Self::GreaterEqual | Self::Less | Self::LessEqual)
    }

    /// Whether it looks into a text.
    #[must_use]
    pub fn is_part(self) -> bool {
        matches!(self, Self::Contains | Self::StartsWith | Self::EndsWith)
    }

    /// Whether values of this kind can be compared so.
    #[must_use]
    pub fn suits(self, kind: Kind) -> bool {
        match kind {
            Kind::Text => true,
            Kind::Int | Kind::Time => !self.is_part(),
            Kind::Bool => !self.is_part() && !self.is_order(),
        }
    }

    fn holds<T: Ord>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Greater => left > right,
            Self::GreaterEqual => left >= right,
            Self::Less => left < right,
            Self::LessEqual => left <= right,
            Self::Contains | Self::StartsWith | Self::EndsWith => {
                unreachable!("the parser lets these to text alone")
            }
        }
    }

    fn holds_for_text(self, left: &str, right: &str) -> bool {
        match self {
            Self::Equal | Self::NotEqual => self.holds(&left, &right),
            _ if left.is_empty() => false,
            Self::Contains => left.contains(right),
            Self::StartsWith => left.starts_with(right),
            Self::EndsWith => left.ends_with(right),
            _ => self.holds(&left, &right),
        }
    }
}

/// The value that is compared with; the parser has made its type that of the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// For a whole number.
    Int(i64),
    /// For text; `null` is `""`.
    Text(String),
    /// For true or false.
    Bool(bool),
    /// For a moment; `null` is none.
    Time(Option<Moment>),
}

/// A list that a user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// Its profiles.
    Profiles,
    /// Its attributes or check attributes.
    Items(ItemKind),
}

impl List {
    /// Every list.
    pub const ALL: [Self; 3] = [Self::Profiles, Self::Items(ItemKind::Reply), Self::Items(ItemKind::Check)];

    /// As the syntax writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Profiles => "profiles",
            Self::Items(ItemKind::Reply) => "attributes",
            Self::Items(ItemKind::Check) => "check_attributes",
        }
    }

    /// What its entries have.
    #[must_use]
    pub fn parts(self) -> &'static [Part] {
        match self {
            Self::Profiles => &[Part::Id, Part::ShortName, Part::Priority],
            Self::Items(_) => &[Part::Attr, Part::Operation, Part::Value],
        }
    }
}

/// A part of a list's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is what scripts know by that name")]
pub enum Part {
    Id,
    ShortName,
    Priority,
    Attr,
    Operation,
    Value,
}

impl Part {
    /// As the syntax writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::ShortName => "short_name",
            Self::Priority => "priority",
            Self::Attr => "attr",
            Self::Operation => "operation",
            Self::Value => "value",
        }
    }

    /// Its type.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Id | Self::Priority => Kind::Int,
            Self::ShortName | Self::Attr | Self::Operation | Self::Value => Kind::Text,
        }
    }
}

/// The number that the value of an attribute is, if it is a whole one: an optional minus and digits, 18 characters at
/// most, so that every database can compute with it.
#[must_use]
pub fn item_number(value: &str) -> Option<i64> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let is_number =
        value.len() <= 18 && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| value.parse().ok()).flatten()
}

impl<T> Expr<T> {
    fn holds(&self, test: &impl Fn(&T) -> bool) -> bool {
        match self {
            Self::And(terms) => terms.iter().all(|term| term.holds(test)),
            Self::Or(terms) => terms.iter().any(|term| term.holds(test)),
            Self::Not(term) => !term.holds(test),
            Self::Is(asked) => test(asked),
        }
    }
}

impl Filter {
    /// Whether the filter selects `user`, of the organization of this name: the rule that the database's answer is
    /// tested against.
    #[must_use]
    pub fn matches(&self, user: &User, organization: &str) -> bool {
        self.holds(&|asked| match asked {
            UserTest::Field(field, test) => test.holds(user.get(*field)),
            UserTest::Organization(test) => test.holds(ValueRef::Text(organization)),
            UserTest::Has(List::Profiles, None) => !user.profiles.is_empty(),
            UserTest::Has(List::Items(kind), None) => !user.items(*kind).is_empty(),
            UserTest::Has(List::Profiles, Some(asked)) => user.profiles.iter().any(|profile| {
                asked.holds(&|PartTest { part, test }| match part {
                    Part::Id => test.holds(ValueRef::Int(profile.id)),
                    Part::Priority => test.holds(ValueRef::Int(profile.priority)),
                    _ => test.holds(ValueRef::Text(&profile.short_name)),
                })
            }),
            UserTest::Has(List::Items(kind), Some(asked)) => user.items(*kind).iter().any(|row| {
                asked.holds(&|PartTest { part, test }| match part {
                    Part::Attr => test.holds(ValueRef::Text(&row.attr)),
                    Part::Operation => test.holds(ValueRef::Text(row.operation.as_str())),
                    _ => test.holds_for_item(&row.value),
                })
            }),
        })
    }
}

impl Test {
    fn holds(&self, value: ValueRef<'_>) -> bool {
        match (value, self) {
            (ValueRef::Int(_) | ValueRef::Bool(_), Self::Present) => true,
            (ValueRef::Text(value), Self::Present) => !value.is_empty(),
            (ValueRef::Time(value), Self::Present) => value.is_some(),
            (ValueRef::Int(value), Self::Compare(how, Literal::Int(literal))) => how.holds(&value, literal),
            (ValueRef::Bool(value), Self::Compare(how, Literal::Bool(literal))) => how.holds(&value, literal),
            (ValueRef::Text(value), Self::Compare(how, Literal::Text(literal))) => {
                how.holds_for_text(value, literal)
            }
            (ValueRef::Time(value), Self::Compare(how, Literal::Time(literal))) => {
                let literal = literal.as_ref().map(|moment| moment.at);
                (!how.is_order() || (value.is_some() && literal.is_some())) && how.holds(&value, &literal)
            }
            _ => unreachable!("the parser gives a literal the type of the other side"),
        }
    }

    fn holds_for_item(&self, value: &str) -> bool {
        if let Self::Compare(how, Literal::Text(literal)) = self
            && !how.is_part()
            && let (Some(value), Some(literal)) = (item_number(value), item_number(literal))
        {
            return how.holds(&value, &literal);
        }
        self.holds(ValueRef::Text(value))
    }
}
