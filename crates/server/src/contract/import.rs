//! How users are imported from a file.

use rollcall_app as app;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::FileFormat;

/// The treatment of rows of a file that have the same username.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ImportDuplicates {
    /// Import nothing
    #[default]
    Refuse,
    /// Import the first row of each username
    First,
}

impl From<ImportDuplicates> for app::ImportDuplicates {
    fn from(duplicates: ImportDuplicates) -> Self {
        match duplicates {
            ImportDuplicates::Refuse => Self::Refuse,
            ImportDuplicates::First => Self::First,
        }
    }
}

/// Options for importing the users of a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct ImportOptions {
    /// The options for reading the file.
    pub(crate) format: FileFormat,
    /// Whether organizations that do not exist are created.
    pub(crate) create_organizations: bool,
    /// The treatment of rows that have the same username.
    pub(crate) duplicates: ImportDuplicates,
}

impl ImportOptions {
    /// The options for a file of this name.
    pub(crate) fn request<'a>(&self, file: &'a str) -> app::ImportRequest<'a> {
        app::ImportRequest {
            file,
            create_organizations: self.create_organizations,
            duplicates: self.duplicates.into(),
        }
    }

    /// The options with their names, as a query takes them.
    pub(crate) fn query(&self) -> Vec<(&'static str, Option<String>)> {
        let mut query = self.format.query().to_vec();
        query.push(("create_organizations", self.create_organizations.then(|| true.to_string())));
        let first = self.duplicates == ImportDuplicates::First;
        query.push(("duplicates", first.then(|| "first".to_owned())));
        query
    }
}

/// The result of an import.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Imported {
    /// Users that are new.
    pub(crate) users: u64,
    /// Rows that were left out since an earlier row has their username.
    #[serde(default)]
    pub(crate) left_out: u64,
    /// The organizations that were made for them.
    pub(crate) organizations: Vec<String>,
    /// Reasons for which FreeRADIUS would reject some of the users, in a few sentences.
    pub(crate) warnings: Vec<String>,
    /// Notes on how the file was read, for people.
    #[serde(default)]
    pub(crate) notes: Vec<String>,
}

impl From<app::Imported> for Imported {
    fn from(imported: app::Imported) -> Self {
        let app::Imported { users, left_out, organizations, warnings, notes } = imported;
        Self { users, left_out, organizations, warnings, notes }
    }
}
