//! Imports of users from a file.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::FileFormat;

/// The treatment of rows of a file that have the same username.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "snake_case")]
pub enum ImportDuplicates {
    /// Import nothing
    #[default]
    Refuse,
    /// Import the first row of each username
    First,
}

/// Options for importing the users of a file.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The options for reading the file.
    pub format: FileFormat,
    /// Whether organizations that do not exist are created.
    pub create_organizations: bool,
    /// The treatment of rows that have the same username.
    pub duplicates: ImportDuplicates,
}

impl ImportOptions {
    /// The options with their names, as a query takes them.
    pub fn query(&self) -> Vec<(&'static str, Option<String>)> {
        let mut query = self.format.query().to_vec();
        query.push(("create_organizations", self.create_organizations.then(|| true.to_string())));
        let first = self.duplicates == ImportDuplicates::First;
        query.push(("duplicates", first.then(|| "first".to_owned())));
        query
    }
}

/// The result of an import.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ImportResult {
    /// Users that are new.
    pub users: u64,
    /// Rows that were left out since an earlier row has their username.
    #[serde(default)]
    pub skipped_duplicates: u64,
    /// The organizations that were made for them.
    pub organizations: Vec<String>,
    /// Reasons for which FreeRADIUS would reject some of the users, in a few sentences.
    pub warnings: Vec<String>,
    /// Notes on how the file was read, for people.
    #[serde(default)]
    pub notes: Vec<String>,
}
