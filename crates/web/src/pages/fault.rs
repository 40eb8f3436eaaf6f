//! A fault of a filter that was typed, in words and marked in the text.

use askama::Template;
use askama::filters::HtmlSafe;
use rollcall_app::{App, AppError, FilterCheck, SelectedUsers, UserSelection};

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

/// Finds the fault of a filter; none: it is valid, or empty.
pub(super) fn find_fault(app: &App, text: &str) -> Result<Option<FilterFault>, Problem> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    Ok(match app.filters().check(text)? {
        FilterCheck::Valid(_) => None,
        FilterCheck::Faulty(rollcall_app::FilterFault { at, message }) => {
            let mut rest = text.chars();
            let before = rest.by_ref().take(at).collect();
            // At the end something is missing: that has a place, too.
            let there = rest.next().map_or_else(|| " ".to_owned(), String::from);
            Some(FilterFault { message, column: at + 1, before, at: there, after: rest.collect() })
        }
    })
}

/// The users that a page's selection stands for.
pub(super) enum PageSelection {
    Users(Box<SelectedUsers>),
    Faulty(FilterFault),
}

/// Reads a selection of users; its filter may have a fault.
pub(super) fn select_users(app: &App, selection: &UserSelection) -> Result<PageSelection, Problem> {
    match app.users().select(selection) {
        Ok(selected) => Ok(PageSelection::Users(Box::new(selected))),
        Err(error @ (AppError::Filter(_) | AppError::NoSuchFilter(_))) => {
            match find_fault(app, &selection.filter)? {
                Some(fault) => Ok(PageSelection::Faulty(fault)),
                None => Err(error.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}
