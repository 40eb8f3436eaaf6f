//! Files that are sent ahead of the runs over their rows.

use std::io::{Read, Write};

use rollcall_app::runs::RowsReport;
use rollcall_domain::UploadId;
use ureq::SendBody;
use ureq::http::{HeaderMap, HeaderValue, Method, header};

use super::{Address, Client};
use crate::contract::{self, BadRow, DuplicateRow, Duplicates, RowsOf, Upload};

impl Client {
    /// Sends a file; its number.
    pub(crate) fn upload(&self, name: &str, mut file: impl Read) -> anyhow::Result<UploadId> {
        // Whoever is not let in is told so before a long file is sent.
        self.me()?;
        let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        let address = Address::of(&["uploads"]).with("name", Some(name));
        let body = SendBody::from_reader(&mut file);
        let sent = self.send(Method::POST, &address, &HeaderMap::from_iter([kind]), body)?;
        Ok(self.read::<Upload>(sent)?.upload)
    }

    /// Reads how the rows match users, the first unusable rows, and the first that name a user again.
    pub(crate) fn rows(&self, rows: &RowsOf) -> anyhow::Result<(RowsReport, Vec<BadRow>, Vec<DuplicateRow>)> {
        let found: contract::RowsReport = self.get(&read_as(rows, "report"))?;
        let report = RowsReport {
            key: found.key,
            field: found.field.parse()?,
            rows: found.rows,
            matched: found.matched,
            duplicate: found.duplicate,
            left_out: found.left_out,
            unmatched: found.unmatched,
            ambiguous: found.ambiguous,
            faulty: found.faulty,
            notes: found.notes,
        };
        Ok((report, found.bad_rows, found.duplicate_rows))
    }

    /// Writes the rows that cannot be used, as CSV, each with its line and the reason.
    pub(crate) fn bad_rows(&self, rows: &RowsOf, out: &mut impl Write) -> anyhow::Result<()> {
        self.copy(&read_as(rows, "bad-rows.csv"), out)
    }

    /// Removes a file that nobody needs any more. If it stays, the server removes it in a day.
    pub(crate) fn forget(&self, upload: UploadId) {
        drop(self.remove(&Address::of(&["uploads", &upload.to_string()]), &HeaderMap::new()));
    }
}

/// The address of something of a file, read like this.
fn read_as(rows: &RowsOf, what: &str) -> Address {
    let duplicates = Some(rows.duplicates.name()).filter(|_| rows.duplicates != Duplicates::All);
    let address = Address::of(&["uploads", &rows.upload.to_string(), what])
        .with("key", rows.key.as_ref())
        .with("duplicates", duplicates);
    rows.format().query().into_iter().fold(address, |address, (name, value)| address.with(name, value))
}
