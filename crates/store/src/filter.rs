//! Filters as SQL: constant pieces, put together by the shape of the tree; every value is bound.

use rollcall_domain::filter::{
    Comparison, Expr, Filter, List, Literal, Part, PartTest, Test, UserTest, item_number,
};
use rollcall_domain::{Field, ItemKind, Kind};

use crate::db::Arg;
use crate::sql::Dialect;

/// How a condition looks into the lists of users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Through an index on the list, once for the whole query: for queries that find the users of a filter.
    Whole,
    /// User by user: for queries that walk over users anyway, page by page.
    PerUser,
}

/// Of a filter that looks into more lists than this, PostgreSQL does not make joins.
const MOST_JOINED: usize = 8;

/// How many times a filter looks into a list.
fn lists(filter: &Filter) -> usize {
    match filter {
        Expr::And(terms) | Expr::Or(terms) => terms.iter().map(lists).sum(),
        Expr::Not(term) => lists(term),
        Expr::Is(UserTest::Has(..)) => 1,
        Expr::Is(_) => 0,
    }
}

/// A condition for a query over `users u LEFT JOIN user_logins l`.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) sql: String,
    /// For the `?` in `sql`, in order.
    pub(crate) values: Vec<Arg<'static>>,
    shape: Shape,
    dialect: Dialect,
    /// Whether lists are to be kept from being joined.
    many: bool,
}

impl Condition {
    /// The condition that `filter` means; none is no condition.
    pub(crate) fn new(filter: Option<&Filter>, shape: Shape, dialect: Dialect) -> Self {
        // PostgreSQL's planner makes a join of each list that it looks into, which takes minutes for hundreds of them.
        let many = dialect == Dialect::Postgres && filter.is_some_and(|filter| lists(filter) > MOST_JOINED);
        let shape = if many { Shape::PerUser } else { shape };
        let mut condition = Self { sql: String::new(), values: Vec::new(), shape, dialect, many };
        match filter {
            Some(filter) => condition.push(filter, &Self::user_test),
            None => condition.sql.push_str("TRUE"),
        }
        condition
    }

    fn push<T>(&mut self, expr: &Expr<T>, test: &dyn Fn(&mut Self, &T)) {
        match expr {
            Expr::And(terms) => self.join(terms, " AND ", test),
            Expr::Or(terms) => self.join(terms, " OR ", test),
            Expr::Not(term) => {
                // A comparison with a missing time is NULL; its complement is true.
                self.sql.push_str("((");
                self.push(term, test);
                self.sql.push_str(") IS NOT TRUE)");
            }
            Expr::Is(asked) => test(self, asked),
        }
    }

    /// Joins terms as a balanced tree, since databases limit the depth of an expression.
    fn join<T>(&mut self, terms: &[Expr<T>], word: &str, test: &dyn Fn(&mut Self, &T)) {
        match terms {
            [] => self.sql.push_str("TRUE"),
            [one] => self.push(one, test),
            many => {
                let (left, right) = many.split_at(many.len() / 2);
                self.sql.push('(');
                self.join(left, word, test);
                self.sql.push_str(word);
                self.join(right, word, test);
                self.sql.push(')');
            }
        }
    }

    fn user_test(&mut self, asked: &UserTest) {
        match asked {
            UserTest::Field(field, test) => self.test(column(*field), field.kind(), test),
            UserTest::Organization(test) => {
                self.sql.push_str("u.organization_id IN (SELECT o.id FROM organizations o WHERE ");
                self.test("o.name", Kind::Text, test);
                self.sql.push(')');
            }
            UserTest::Has(list, asked) => {
                self.sql.push_str(match (self.shape, list) {
                    (Shape::Whole, List::Profiles) => {
                        "u.id IN (SELECT p.user_id FROM user_profiles p \
                         JOIN profiles n ON n.id = p.profile_id WHERE "
                    }
                    (Shape::Whole, List::Items(ItemKind::Reply)) => {
                        "u.id IN (SELECT i.user_id FROM user_items i WHERE i.kind = 0 AND "
                    }
                    (Shape::Whole, List::Items(ItemKind::Check)) => {
                        "u.id IN (SELECT i.user_id FROM user_items i WHERE i.kind = 1 AND "
                    }
                    (Shape::PerUser, List::Profiles) => {
                        "EXISTS (SELECT 1 FROM user_profiles p JOIN profiles n ON n.id = p.profile_id \
                         WHERE p.user_id = u.id AND "
                    }
                    (Shape::PerUser, List::Items(ItemKind::Reply)) => {
                        "EXISTS (SELECT 1 FROM user_items i WHERE i.user_id = u.id AND i.kind = 0 AND "
                    }
                    (Shape::PerUser, List::Items(ItemKind::Check)) => {
                        "EXISTS (SELECT 1 FROM user_items i WHERE i.user_id = u.id AND i.kind = 1 AND "
                    }
                });
                match asked {
                    Some(asked) => self.push(asked, &Self::part_test),
                    None => self.sql.push_str("TRUE"),
                }
                self.sql.push_str(if self.many { " OFFSET 0)" } else { ")" });
            }
        }
    }

    fn part_test(&mut self, PartTest { part, test }: &PartTest) {
        let column = match part {
            Part::Id => "p.profile_id",
            Part::ShortName => "n.short_name",
            Part::Priority => "p.priority",
            Part::Attr => "i.attr",
            Part::Operation => "i.operation",
            Part::Value => return self.item_value(test),
        };
        self.test(column, part.kind(), test);
    }

    /// Values compare as numbers where both sides are: [`item_number`] says what a number is.
    fn item_value(&mut self, test: &Test) {
        let (how, number) = match test {
            Test::Compare(how, Literal::Text(text)) if !how.is_part() => (*how, item_number(text)),
            _ => return self.test("i.value", Kind::Text, test),
        };
        let Some(number) = number else { return self.test("i.value", Kind::Text, test) };
        self.sql.push_str(if self.dialect == Dialect::Postgres {
            "CASE WHEN i.value ~ '^(-[0-9]{1,17}|[0-9]{1,18})$' THEN CAST(i.value AS BIGINT)"
        } else {
            "CASE WHEN length(i.value) BETWEEN 1 AND 18 AND (i.value NOT GLOB '*[^0-9]*' OR \
             (i.value GLOB '-?*' AND substr(i.value, 2) NOT GLOB '*[^0-9]*')) THEN CAST(i.value AS INTEGER)"
        });
        self.sql.push_str(operator(how));
        self.values.push(Arg::Int(number));
        self.sql.push_str(" ELSE ");
        self.test("i.value", Kind::Text, test);
        self.sql.push_str(" END");
    }

    /// A test of one column, which is never NULL unless it holds times.
    fn test(&mut self, column: &str, kind: Kind, test: &Test) {
        match test {
            Test::Present if kind == Kind::Text => self.compare(column, " <> ''", None),
            Test::Present => self.compare(column, " IS NOT NULL", None),
            Test::Compare(how, Literal::Int(value)) => {
                self.compare(column, operator(*how), Some(Arg::Int(*value)));
            }
            Test::Compare(how, Literal::Bool(value)) => {
                self.compare(column, operator(*how), Some(Arg::Bool(*value)));
            }
            Test::Compare(Comparison::Equal, Literal::Time(None)) => self.compare(column, " IS NULL", None),
            Test::Compare(_, Literal::Time(None)) => self.compare(column, " IS NOT NULL", None),
            Test::Compare(how, Literal::Time(Some(moment))) => {
                self.compare(column, operator(*how), Some(Arg::Time(moment.at)));
            }
            Test::Compare(how, Literal::Text(text)) => self.text(column, *how, text),
        }
    }

    fn compare(&mut self, column: &str, operator: &str, value: Option<Arg<'static>>) {
        self.sql.push_str(column);
        self.sql.push_str(operator);
        self.values.extend(value);
    }

    fn text(&mut self, column: &str, how: Comparison, text: &str) {
        let value = || Some(Arg::Owned(text.to_owned()));
        match how {
            Comparison::Equal | Comparison::NotEqual => self.compare(column, operator(how), value()),
            _ if how.is_part() && text.is_empty() => self.compare(column, " <> ''", None),
            Comparison::Contains => {
                self.sql.push_str(if self.dialect == Dialect::Postgres { "strpos(" } else { "instr(" });
                self.compare(column, ", ?) > 0", value());
            }
            Comparison::EndsWith => {
                let characters = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
                let (function, characters) = if self.dialect == Dialect::Postgres {
                    ("right(", characters)
                } else {
                    ("substr(", -characters)
                };
                self.sql.push_str(function);
                self.compare(column, ", ?) = ?", Some(Arg::Int(characters)));
                self.values.extend(value());
            }
            // A range, which an index serves.
            Comparison::StartsWith => {
                self.sql.push('(');
                self.compare(column, " >= ?", value());
                if let Some(end) = after_all_that_start_with(text) {
                    self.sql.push_str(" AND ");
                    self.compare(column, " < ?", Some(Arg::Owned(end)));
                }
                self.sql.push(')');
            }
            _ => {
                self.sql.push('(');
                self.compare(column, operator(how), value());
                self.sql.push_str(" AND ");
                self.compare(column, " <> '')", None);
            }
        }
    }
}

/// The first text, by code point, that comes after every text that starts with `prefix`; none if there is none.
pub(crate) fn after_all_that_start_with(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        if last != char::MAX {
            let next =
                if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
            end.push(next?);
            return Some(end);
        }
    }
    None
}

fn operator(how: Comparison) -> &'static str {
    match how {
        Comparison::Equal => " = ?",
        Comparison::NotEqual => " IS DISTINCT FROM ?",
        Comparison::Greater => " > ?",
        Comparison::GreaterEqual => " >= ?",
        Comparison::Less => " < ?",
        Comparison::LessEqual => " <= ?",
        Comparison::Contains | Comparison::StartsWith | Comparison::EndsWith => {
            unreachable!("these are for text alone, which has its own ways")
        }
    }
}

fn column(field: Field) -> &'static str {
    match field {
        Field::ObjId => "u.id",
        Field::Username => "u.username",
        Field::UsernameLength => "u.username_length",
        Field::FirstName => "u.first_name",
        Field::LastName => "u.last_name",
        Field::Email => "u.email",
        Field::ExternalId => "u.external_id",
        Field::Klass => "u.klass",
        Field::IsActive => "u.is_active",
        Field::DateJoined => "u.date_joined",
        Field::FirstLogin => "l.first_login",
        Field::LastLogin => "l.last_login",
        Field::Expiration => "u.expiration",
        Field::LastUpdate => "u.last_update",
        Field::OrganizationId => "u.organization_id",
        Field::AvatarUrl => "u.avatar_url",
        Field::Description => "u.description",
    }
}
