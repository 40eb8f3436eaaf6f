//! Uploads: files that are sent before they are used.

use serde::Serialize;

use crate::{AdministratorId, Rejection, Scope, Timestamp};

/// Number of an upload. Never used again.
pub type UploadId = i64;

/// A file that an administrator has sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Upload {
    /// Its number.
    pub id: UploadId,
    /// What it was called.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// SHA-256 of it, in hexadecimal digits.
    pub sha256: String,
    /// Who has sent it.
    pub administrator: String,
    /// Their number, unless that is an account of the operating system.
    #[serde(skip)]
    pub administrator_id: Option<AdministratorId>,
    /// For whom it is there: those whose reach covers what its administrator could reach.
    #[serde(skip)]
    pub scope: Scope,
    /// When it was sent.
    pub created_at: Timestamp,
    /// Until when it is kept, unless it is used.
    pub expires_at: Timestamp,
}

impl Upload {
    /// The longest file, in bytes.
    pub const LARGEST: u64 = 1 << 30;
    /// So many bytes of one administrator are kept at a time.
    pub const MOST: u64 = 4 << 30;
    const LONGEST_NAME: usize = 255;

    /// Checks the name of a file.
    ///
    /// # Errors
    ///
    /// The name is empty, too long, or has control characters.
    pub fn check_name(name: &str) -> Result<(), Rejection> {
        if !name.trim().is_empty() && name.len() <= Self::LONGEST_NAME && !name.contains(char::is_control) {
            return Ok(());
        }
        let longest = Self::LONGEST_NAME;
        Err(Rejection::new(format!("the name of a file has 1 to {longest} bytes and no control characters")))
    }
}
