//! One connection to a PostgreSQL server.

use std::cell::{RefCell, RefMut};
use std::collections::HashMap;

use ::postgres::types::ToSql;
use ::postgres::{Client, Row, Statement};

use crate::StoreError;

/// A connection, with what was prepared on it.
pub(crate) struct PgConnection {
    client: RefCell<Client>,
    prepared: RefCell<HashMap<&'static str, Statement>>,
}

impl std::fmt::Debug for PgConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PgConnection")
    }
}

impl PgConnection {
    pub(crate) fn new(client: Client) -> Self {
        Self { client: RefCell::new(client), prepared: RefCell::default() }
    }

    pub(crate) fn client(&self) -> RefMut<'_, Client> {
        self.client.borrow_mut()
    }

    pub(crate) fn into_client(self) -> Client {
        self.client.into_inner()
    }

    pub(crate) fn batch(&self, sql: &str) -> Result<(), StoreError> {
        Ok(self.client().batch_execute(sql)?)
    }

    pub(crate) fn prepare(&self, sql: &str) -> Result<Statement, StoreError> {
        Ok(self.client().prepare(&numbered(sql))?)
    }

    /// The constant statement, prepared once a connection.
    pub(crate) fn prepared(&self, sql: &'static str) -> Result<Statement, StoreError> {
        if let Some(statement) = self.prepared.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.prepare(sql)?;
        self.prepared.borrow_mut().insert(sql, statement.clone());
        Ok(statement)
    }

    /// Executes a constant statement with arguments of PostgreSQL's own types, such as arrays.
    pub(crate) fn execute(&self, sql: &'static str, args: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
        let statement = self.prepared(sql)?;
        Ok(self.client().execute(&statement, args)?)
    }

    /// The rows of a constant statement with arguments of PostgreSQL's own types.
    pub(crate) fn query(
        &self,
        sql: &'static str,
        args: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let statement = self.prepared(sql)?;
        Ok(self.client().query(&statement, args)?)
    }
}

/// `?1` as PostgreSQL writes it, `$1`; and a bare `?` by its turn. No statement of ours has a question mark elsewhere.
pub(crate) fn numbered(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len() + 16);
    let mut turn = 0;
    let mut rest = sql.chars().peekable();
    while let Some(char) = rest.next() {
        if char != '?' {
            text.push(char);
            continue;
        }
        text.push('$');
        if !rest.peek().is_some_and(char::is_ascii_digit) {
            turn += 1;
            text.push_str(&turn.to_string());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_for_postgresql() {
        assert_eq!(numbered("a = ?1 AND b = ?12"), "a = $1 AND b = $12");
        assert_eq!(numbered("a = ? AND b = ?"), "a = $1 AND b = $2");
    }
}
