//! A fault of a filter that was typed, in words and marked in the text.

use askama::Template;
use askama::filters::HtmlSafe;
use rollcall_app::{App, AppError, FilterCheck, ReadFilter, SelectedUsers, UserSelection};

use crate::problem::Problem;

/// A text that is no filter, with the place where it is none.
#[derive(Template)]
#[template(path = "part_filter_fault.html")]
pub(super) struct FilterFault {
    message: String,
    /// In characters, from 1.
    column: usize,
    before: String,
    at: String,
    after: String,
}

impl HtmlSafe for FilterFault {}

/// Reads a filter; none: the text is empty.
pub(super) fn read_filter(app: &App, text: &str) -> Result<Result<Option<ReadFilter>, FilterFault>, Problem> {
    if text.trim().is_empty() {
        return Ok(Ok(None));
    }
    Ok(match app.filters().check(text)? {
        FilterCheck::Valid(read) => Ok(Some(read)),
        FilterCheck::Faulty(rollcall_app::FilterFault { at, message }) => {
            let mut rest = text.chars();
            let before = rest.by_ref().take(at).collect();
            // At the end something is missing: that has a place, too.
            let there = rest.next().map_or_else(|| " ".to_owned(), String::from);
            Err(FilterFault { message, column: at + 1, before, at: there, after: rest.collect() })
        }
    })
}

/// Reads a selection of users; its filter may have a fault.
pub(super) fn select_users(
    app: &App,
    selection: &UserSelection,
) -> Result<Result<SelectedUsers, FilterFault>, Problem> {
    match app.users().select(selection) {
        Ok(selected) => Ok(Ok(selected)),
        Err(error @ (AppError::Filter(_) | AppError::NoSuchFilter(_))) => {
            match read_filter(app, &selection.filter)? {
                Err(fault) => Ok(Err(fault)),
                Ok(_) => Err(error.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}
