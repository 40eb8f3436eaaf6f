use rollcall_app::runs;
use rollcall_domain::{self as domain, Timestamp};
use rollcall_store::StagedRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A file that was sent ahead.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Upload {
    /// Its number.
    pub(crate) upload: i64,
    /// What it was called.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) size: u64,
    /// SHA-256 of it, in hexadecimal digits.
    pub(crate) sha256: String,
    /// Who has sent it.
    pub(crate) administrator: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    /// Until when it is kept, unless it is used.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expires_at: Timestamp,
}

impl From<domain::Upload> for Upload {
    fn from(upload: domain::Upload) -> Self {
        let domain::Upload { id, name, size, sha256, administrator, created_at, expires_at, .. } = upload;
        Self { upload: id, name, size, sha256, administrator, created_at, expires_at }
    }
}

/// How the rows of a file match the users.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct RowsReport {
    /// The file's columns.
    pub(crate) columns: Vec<String>,
    /// The column that names the users.
    pub(crate) key: String,
    /// The field that it holds.
    pub(crate) field: String,
    /// All rows that are not blank.
    pub(crate) rows: u64,
    /// Rows that name one user.
    pub(crate) matched: u64,
    /// Those of them that name a user whom an earlier row names, too.
    pub(crate) duplicate: u64,
    /// Matched rows that do not run, as `duplicates` says.
    pub(crate) left_out: u64,
    /// Rows that name no user.
    pub(crate) unmatched: u64,
    /// Rows that name several users.
    pub(crate) ambiguous: u64,
    /// Rows that cannot be read.
    pub(crate) faulty: u64,
    /// What was found out about the file's form, and columns that were left out.
    pub(crate) notes: Vec<String>,
    /// The first rows that cannot be used.
    pub(crate) bad_rows: Vec<BadRow>,
    /// The first rows that name a user whom an earlier row names, too.
    pub(crate) duplicate_rows: Vec<DuplicateRow>,
}

/// A row that names a user whom an earlier row names, too.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct DuplicateRow {
    /// Where it starts in the file.
    pub(crate) line: u64,
    /// The user's name.
    pub(crate) username: String,
    /// Where the user's first row starts.
    pub(crate) first_line: u64,
}

impl DuplicateRow {
    /// The row in words.
    pub(crate) fn describe(&self) -> String {
        format!("user {:?} is named by line {}, too", self.username, self.first_line)
    }
}

impl From<StagedRow> for DuplicateRow {
    fn from(row: StagedRow) -> Self {
        Self { line: row.line, username: row.username, first_line: row.first.unwrap_or(row.line) }
    }
}

/// A row that cannot be used.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct BadRow {
    /// Where it starts in the file.
    pub(crate) line: u64,
    /// Why.
    pub(crate) reason: String,
    pub(crate) cells: Vec<String>,
}

impl RowsReport {
    pub(crate) fn new(
        report: runs::RowsReport,
        columns: Vec<String>,
        bad_rows: Vec<BadRow>,
        duplicate_rows: Vec<DuplicateRow>,
    ) -> Self {
        let runs::RowsReport {
            key,
            field,
            rows,
            matched,
            duplicate,
            left_out,
            unmatched,
            ambiguous,
            faulty,
            notes,
        } = report;
        Self {
            columns,
            key,
            field: field.name().to_owned(),
            rows,
            matched,
            duplicate,
            left_out,
            unmatched,
            ambiguous,
            faulty,
            notes,
            bad_rows,
            duplicate_rows,
        }
    }
}
