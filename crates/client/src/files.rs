//! Requests with files: uploads and imports.

use std::collections::BTreeSet;
use std::io::{Read, Write};

use rollcall_api::{DuplicatePolicy, FileTargets, ImportOptions, ImportResult, RowMatchReport, Upload};
use ureq::SendBody;
use ureq::http::{HeaderMap, HeaderValue, Method, header};

use crate::{Address, Client, Error};

/// Files: uploads for the rows of runs, and imports of users.
impl Client {
    /// Sends a file, which the server keeps for a day.
    ///
    /// # Errors
    /// See [`Error`]. A refused token is told before the file is sent.
    pub fn upload(&self, name: &str, mut file: impl Read) -> Result<Upload, Error> {
        self.me()?;
        let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        let address = Address::of(&["uploads"]).with("name", Some(name));
        let body = SendBody::from_reader(&mut file);
        self.read(self.send(Method::POST, &address, &HeaderMap::from_iter([kind]), body)?)
    }

    /// Reads how the rows of an upload match users. Errors in cells of other columns than `read_columns` do not count;
    /// none: all columns are read.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn rows_report(
        &self,
        rows: &FileTargets,
        read_columns: Option<&BTreeSet<String>>,
    ) -> Result<RowMatchReport, Error> {
        self.get(&of_rows(rows, read_columns, "report"))
    }

    /// Writes the rows of an upload that cannot be used, as CSV, each with its line and the reason; `read_columns` as in
    /// [`Client::rows_report`].
    ///
    /// # Errors
    /// See [`Error`].
    pub fn bad_rows(
        &self,
        rows: &FileTargets,
        read_columns: Option<&BTreeSet<String>>,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        self.copy(&of_rows(rows, read_columns, "bad-rows.csv"), out)
    }

    /// Removes an upload.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn remove_upload(&self, upload: i64) -> Result<(), Error> {
        self.delete(&Address::of(&["uploads", &upload.to_string()])).map(drop)
    }

    /// Imports the users of a file: all of them, or none.
    ///
    /// # Errors
    /// If anything is wrong with the file, the problem has all faults, alike ones together.
    pub fn import(&self, mut file: impl Read, options: &ImportOptions) -> Result<ImportResult, Error> {
        self.me()?;
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv"));
        let address = with_options(Address::of(&["imports"]), options);
        self.read(self.send(Method::POST, &address, &headers, SendBody::from_reader(&mut file))?)
    }

    /// Imports the users of an upload, as [`Client::import`] does.
    ///
    /// # Errors
    /// See [`Client::import`].
    pub fn import_upload(&self, upload: i64, options: &ImportOptions) -> Result<ImportResult, Error> {
        let address = with_options(Address::of(&["uploads", &upload.to_string(), "imports"]), options);
        self.read(self.send(Method::POST, &address, &HeaderMap::new(), SendBody::none())?)
    }

    /// Writes the rows of an upload that cannot be imported, as CSV, each with the reason.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn import_bad_rows(
        &self,
        upload: i64,
        options: &ImportOptions,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        let address = Address::of(&["uploads", &upload.to_string(), "import-bad-rows.csv"]);
        self.copy(&with_options(address, options), out)
    }
}

fn with_options(address: Address, options: &ImportOptions) -> Address {
    options.query().into_iter().fold(address, |address, (name, value)| address.with(name, value))
}

/// The address of something about the rows of an upload.
fn of_rows(rows: &FileTargets, read_columns: Option<&BTreeSet<String>>, what: &str) -> Address {
    // Texts can always be written as JSON.
    let read_columns = read_columns.and_then(|columns| serde_json::to_string(columns).ok());
    let duplicates = Some(rows.duplicates.name()).filter(|_| rows.duplicates != DuplicatePolicy::All);
    let address = Address::of(&["uploads", &rows.upload_id.to_string(), what])
        .with("key", rows.key.as_ref())
        .with("duplicates", duplicates)
        .with("read_columns", read_columns);
    rows.format().query().into_iter().fold(address, |address, (name, value)| address.with(name, value))
}
