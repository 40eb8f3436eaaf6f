//! Uploads and the reports on their rows.

use rollcall_domain::{self as domain, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A file that was sent ahead.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Upload {
    /// Its number.
    pub upload_id: i64,
    /// The name of the file.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// SHA-256 of it, in hexadecimal digits.
    pub sha256: String,
    /// Who has sent it.
    pub administrator: String,
    /// When the file was sent.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Until when it is kept, unless it is used.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

impl From<domain::Upload> for Upload {
    fn from(upload: domain::Upload) -> Self {
        let domain::Upload { id, name, size, sha256, administrator, created_at, expires_at, .. } = upload;
        Self { upload_id: id, name, size, sha256, administrator, created_at, expires_at }
    }
}

/// The match between the rows of a file and the users.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RowMatchReport {
    /// The file's columns.
    pub columns: Vec<String>,
    /// The column that names the users.
    pub key: String,
    /// The field that it holds.
    pub field: String,
    /// All rows that are not blank.
    pub rows: u64,
    /// Rows that name one user.
    pub matched: u64,
    /// Those of them that name a user whom an earlier row names, too.
    pub duplicate: u64,
    /// Matched rows that do not run, as `duplicates` says.
    pub skipped: u64,
    /// Rows that name no user.
    pub unmatched: u64,
    /// Rows that name several users.
    pub ambiguous: u64,
    /// Rows that cannot be read.
    pub faulty: u64,
    /// Findings about the form of the file, and columns that were ignored.
    pub notes: Vec<String>,
    /// The first rows that cannot be used.
    pub bad_rows: Vec<BadRow>,
    /// The first rows that name a user whom an earlier row names, too.
    pub duplicate_rows: Vec<DuplicateRow>,
}

/// A row that names a user whom an earlier row names, too.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DuplicateRow {
    /// Where it starts in the file.
    pub line: u64,
    /// The user's name.
    pub username: String,
    /// Where the user's first row starts.
    pub first_line: u64,
}

impl DuplicateRow {
    /// The row in words.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("user {:?} is named by line {}, too", self.username, self.first_line)
    }
}

/// A row that cannot be used.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BadRow {
    /// Where it starts in the file.
    pub line: u64,
    /// Why.
    pub reason: String,
    /// The text of each cell.
    pub cells: Vec<String>,
}

impl RowMatchReport {
    /// The number of rows that cannot be used.
    #[must_use]
    pub fn bad(&self) -> u64 {
        self.unmatched + self.ambiguous + self.faulty
    }
}
