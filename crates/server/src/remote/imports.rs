//! Users from a file, imported by a server.

use std::fs::File;
use std::io::Read;

use rollcall_app::Imported;
use rollcall_domain::UploadId;
use ureq::SendBody;
use ureq::http::{HeaderMap, HeaderValue, Method, header};

use super::{Address, Client};
use crate::contract::{self, ImportOptions};

impl Client {
    /// Adds the users of a file: all of them, or none.
    ///
    /// # Errors
    ///
    /// If anything is wrong with the file: then the problem has all faults, alike ones together.
    pub(crate) fn import(&self, mut file: impl Read, options: &ImportOptions) -> anyhow::Result<Imported> {
        // The token is checked before a long file is sent.
        self.me()?;
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv"));
        let address = with_options(Address::of(&["imports"]), options);
        let sent = self.send(Method::POST, &address, &headers, SendBody::from_reader(&mut file))?;
        Ok(self.read::<contract::Imported>(sent)?.into())
    }

    /// Adds the users of a file that was sent ahead, as [`Client::import`] does.
    pub(crate) fn import_upload(
        &self,
        upload: UploadId,
        options: &ImportOptions,
    ) -> anyhow::Result<Imported> {
        let address = with_options(Address::of(&["uploads", &upload.to_string(), "imports"]), options);
        let sent = self.send(Method::POST, &address, &HeaderMap::new(), SendBody::none())?;
        Ok(self.read::<contract::Imported>(sent)?.into())
    }

    /// Writes the rows of a file that was sent ahead which cannot be imported, as CSV, each with the reason.
    pub(crate) fn import_bad_rows(
        &self,
        upload: UploadId,
        options: &ImportOptions,
        out: &mut File,
    ) -> anyhow::Result<()> {
        let address = Address::of(&["uploads", &upload.to_string(), "import-bad-rows.csv"]);
        self.copy(&with_options(address, options), out)
    }
}

fn with_options(address: Address, options: &ImportOptions) -> Address {
    options.query().into_iter().fold(address, |address, (name, value)| address.with(name, value))
}
