//! What scripts put into `result`, as the columns of a table.

use std::collections::HashSet;

use rollcall_domain::{Entries, Outcome, Right, Run};

use super::read::PAGE;
use crate::error::AppError;
use crate::operations::RunOperations;
use crate::pages::pages;

/// A table has at most this many columns of results; what else there is stays together in one more.
pub const MAX_RESULT_COLUMNS: usize = 500;

/// The names of all results of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResultColumns {
    /// In the order in which they first come up.
    pub names: Vec<String>,
    /// Whether there are more than [`MAX_RESULT_COLUMNS`].
    pub more: bool,
}

impl RunOperations<'_> {
    /// Whether a target of a run has entries in `result`.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn has_results(self, run: &Run) -> Result<bool, AppError> {
        Ok(!self
            .app
            .require_permission_on(Right::Look, run)?
            .outcomes()
            .results_page(run.id, None, 0, 1)?
            .is_empty())
    }

    /// Lists the names of the entries in `result` over all targets; only of outcomes of one kind if `outcome` names it.
    /// Only a page of results is in memory at any time.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list_result_columns(self, run: &Run, outcome: Option<Outcome>) -> Result<ResultColumns, AppError> {
        let (mut columns, mut known) = (ResultColumns::default(), HashSet::new());
        let permit = self.app.require_permission_on(Right::Look, run)?;
        let page = |after| Ok(permit.outcomes().results_page(run.id, outcome, after, PAGE)?);
        for result in pages(0, page, |(target, _): &(i64, String)| *target) {
            let (_, text) = result?;
            for (name, _) in Entries::read(Some(&text)).0 {
                if known.contains(&name) {
                    continue;
                }
                if columns.names.len() == MAX_RESULT_COLUMNS {
                    columns.more = true;
                    break;
                }
                known.insert(name.clone());
                columns.names.push(name);
            }
        }
        Ok(columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_their_order_and_their_text() {
        let text = r#"{"z":1.50,"a":"x","é":{"b":[1, 2]}}"#;
        let entries = Entries::read(Some(text)).0;
        let shown: Vec<_> = entries.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        assert_eq!(shown, [("z", "1.50"), ("a", "\"x\""), ("é", "{\"b\":[1, 2]}")]);
        assert!(Entries::read(None).0.is_empty());
        assert!(Entries::read(Some("[1]")).0.is_empty());
    }
}
