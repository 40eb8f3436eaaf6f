//! Filters as SQL: constant pieces, put together by the shape of the tree; every value is bound.

use rollcall_domain::Field;
use rollcall_domain::filter::{Comparison, Filter, Literal};
use rusqlite::types::Value;

/// A condition for a query over `users u LEFT JOIN user_logins l`.
#[derive(Debug, Default)]
pub(crate) struct Condition {
    pub(crate) sql: String,
    /// For the `?` in `sql`, in order.
    pub(crate) values: Vec<Value>,
}

impl Condition {
    /// The condition that `filter` means; none is no condition.
    pub(crate) fn new(filter: Option<&Filter>) -> Self {
        let mut condition = Self::default();
        match filter {
            Some(filter) => condition.push(filter),
            None => condition.sql.push_str("TRUE"),
        }
        condition
    }

    fn push(&mut self, filter: &Filter) {
        match filter {
            Filter::And(terms) => {
                for (n, term) in terms.iter().enumerate() {
                    self.sql.push_str(if n == 0 { "(" } else { " AND " });
                    self.push(term);
                }
                self.sql.push(')');
            }
            Filter::Compare(field, comparison, literal) => self.compare(column(*field), *comparison, literal),
        }
    }

    fn compare(&mut self, column: &str, comparison: Comparison, literal: &Literal) {
        let value = match literal {
            Literal::Int(value) => Value::Integer(*value),
            Literal::Text(value) => Value::Text(value.clone()),
            Literal::Bool(value) => Value::Integer((*value).into()),
            Literal::Time(Some(value)) => Value::Integer(value.as_micros()),
            Literal::Time(None) => Value::Null,
        };
        self.sql.push('(');
        self.sql.push_str(column);
        self.sql.push_str(match comparison {
            Comparison::Equal if value == Value::Null => " IS ?",
            Comparison::Equal => " = ?",
            Comparison::NotEqual => " IS NOT ?",
            Comparison::Greater => " > ?",
            Comparison::GreaterEqual => " >= ?",
            Comparison::Less => " < ?",
            Comparison::LessEqual => " <= ?",
        });
        self.values.push(value);
        if comparison.is_order() && matches!(literal, Literal::Text(_)) {
            self.sql.push_str(" AND ");
            self.sql.push_str(column);
            self.sql.push_str(" <> ''");
        }
        self.sql.push(')');
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
