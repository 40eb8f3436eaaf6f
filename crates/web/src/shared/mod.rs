//! Code that requests of the API and forms of pages share.

pub(crate) mod files;
pub(crate) mod listing;
pub(crate) mod runs;

use std::collections::HashMap;

use rollcall_app::{App, AppError};

/// The names of the organizations, by ID.
pub(crate) fn organizations(app: &App) -> Result<HashMap<i64, String>, AppError> {
    Ok(app.organizations().list()?.into_iter().map(|each| (each.id, each.name)).collect())
}
