//! Filters as trees, and the fields that they can test.

use rollcall_domain::filter::{self, Expr, Literal, PartTest, Subject, Test, UserTest};
use rollcall_domain::{Kind, Zone};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::Schema;

/// The test `pr`: the field has a value.
const PRESENT: &str = "pr";

/// A field or list that a filter can test.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FilterField {
    /// The name, as filters write it.
    pub name: String,
    /// The list whose entries have it, in whose brackets it is written; null: users have it.
    pub list: Option<String>,
    /// The type of its values.
    #[schema(schema_with = kinds)]
    pub kind: String,
    /// The operators it can be compared with; `pr` takes no value.
    #[schema(schema_with = comparisons)]
    pub comparisons: Vec<String>,
}

const LIST: &str = "list";

fn kinds() -> Schema {
    let kinds = [Kind::Int, Kind::Text, Kind::Bool, Kind::Time].map(Kind::name);
    super::names("The type of its values.", kinds.into_iter().chain([LIST]))
}

fn comparisons() -> Schema {
    let each = super::names(
        "An operator; `pr` (present) takes no value.",
        filter::Comparison::ALL.map(filter::Comparison::name).into_iter().chain([PRESENT]),
    );
    utoipa::openapi::ArrayBuilder::new()
        .items(utoipa::openapi::RefOr::T(each))
        .description(Some("The operators that it can be compared with."))
        .build()
        .into()
}

impl From<Subject> for FilterField {
    fn from(subject: Subject) -> Self {
        let comparisons = subject.comparisons().map(filter::Comparison::name).chain([PRESENT]);
        Self {
            name: subject.name.to_owned(),
            list: subject.of.map(|list| list.name().to_owned()),
            kind: subject.kind.map_or(LIST, Kind::name).to_owned(),
            comparisons: comparisons.map(str::to_owned).collect(),
        }
    }
}

/// A part of a filter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
#[schema(no_recursion)]
pub enum FilterNode {
    /// All terms hold.
    All {
        /// The terms.
        terms: Vec<FilterNode>,
    },
    /// At least one term holds.
    Any {
        /// The terms.
        terms: Vec<FilterNode>,
    },
    /// It does not hold.
    Not {
        /// The term that does not hold.
        term: Box<FilterNode>,
    },
    /// At least one entry of a list satisfies a term.
    Entry {
        /// The list: `profiles`, `attributes` or `check_attributes`.
        list: String,
        /// The term for the entry.
        term: Box<FilterNode>,
    },
    /// A comparison of a field.
    Test {
        /// The name of the field.
        field: String,
        /// The operator, such as `eq`; `pr` takes no value.
        comparison: String,
        /// The value to compare with, without quotes; null with `pr`. A time may be `now+30d`, or `null` for none.
        value: Option<String>,
    },
}

impl FilterNode {
    fn of<T>(expr: &Expr<T>, test: &impl Fn(&T) -> Self) -> Self {
        let all = |terms: &[Expr<T>]| terms.iter().map(|term| Self::of(term, test)).collect();
        match expr {
            Expr::And(terms) => Self::All { terms: all(terms) },
            Expr::Or(terms) => Self::Any { terms: all(terms) },
            Expr::Not(term) => Self::Not { term: Box::new(Self::of(term, test)) },
            Expr::Is(asked) => test(asked),
        }
    }

    fn test(field: &str, test: &Test, zone: &Zone) -> Self {
        let (comparison, value) = match test {
            Test::Present => (PRESENT, None),
            Test::Compare(how, literal) => (how.name(), Some(bare(literal, zone))),
        };
        Self::Test { field: field.to_owned(), comparison: comparison.to_owned(), value }
    }

    fn user_test(asked: &UserTest, zone: &Zone) -> Self {
        match asked {
            UserTest::Field(field, test) => Self::test(field.name(), test, zone),
            UserTest::Organization(test) => Self::test("organization", test, zone),
            UserTest::Has(list, None) => Self::test(list.name(), &Test::Present, zone),
            UserTest::Has(list, Some(entry)) => {
                let term = Self::of(entry, &|PartTest { part, test }| Self::test(part.name(), test, zone));
                Self::Entry { list: list.name().to_owned(), term: Box::new(term) }
            }
        }
    }
}

/// A value as it is typed.
fn bare(literal: &Literal, zone: &Zone) -> String {
    match literal {
        Literal::Text(text) => text.clone(),
        Literal::Time(Some(moment)) if moment.written.is_none() => zone.rfc3339(moment.at),
        other => other.to_string(),
    }
}

/// A syntax error of a filter.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FilterFault {
    /// The column, in characters of the text, from 1.
    pub column: usize,
    /// The error, and how to correct it.
    pub message: String,
}

/// A parsed filter, or the reason why a text is not one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FilterTree {
    /// The name of the filter, if the text was the name of a saved one.
    pub name: Option<String>,
    /// The filter in its normal form; null if the text is not a filter.
    pub filter: Option<String>,
    /// The parsed expression; null if the text is not a filter.
    pub tree: Option<FilterNode>,
    /// The error; null if the text is a filter.
    pub fault: Option<FilterFault>,
}

impl FilterTree {
    /// A text that is the filter `tree`, or the name under which that is saved. Moments are written in `zone`.
    #[must_use]
    pub fn read(name: Option<String>, tree: &filter::Filter, zone: &Zone) -> Self {
        Self {
            tree: Some(FilterNode::of(tree, &|asked| FilterNode::user_test(asked, zone))),
            filter: Some(tree.to_string()),
            name,
            fault: None,
        }
    }

    /// A text that is no filter: `column` counts its characters from 1.
    #[must_use]
    pub fn faulty(column: usize, message: String) -> Self {
        Self { name: None, filter: None, tree: None, fault: Some(FilterFault { column, message }) }
    }
}
