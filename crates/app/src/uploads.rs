//! Files that administrators send ahead, to be used from whichever process: as the rows of a run, or as users to be
//! imported. They are kept in the database, in parts, for a day after they were last used.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::time::Duration;

use data_encoding::HEXLOWER;
use rollcall_domain::{Rejection, Right, Upload, UploadId};
use rollcall_store::StoreError;
use sha2::{Digest, Sha256};

use crate::access::Permit;
use crate::app::App;
use crate::error::AppError;
use crate::operations::UploadOperations;
use crate::runs::rows::{ReadRows, RowsObserver, RowsRequest};
use crate::table::options::TableOptions;
use crate::table::reader::Table;

/// The size of a part in bytes.
const PART: usize = 256 << 10;
/// Parts that are removed in one transaction: other processes wait for a few milliseconds.
const STEP: u32 = 32;
/// The time for which an upload is stored after its last use.
const LIFE: Duration = Duration::from_secs(86_400);

/// A file on its way. Unless it is finished it was never there.
pub struct Uploading {
    app: App,
    id: UploadId,
    /// The bytes that do not fill a part yet.
    rest: Vec<u8>,
    parts: i64,
    size: u64,
    hash: Sha256,
    finished: bool,
}

impl Uploading {
    /// Takes the next bytes of the file.
    pub fn append(&mut self, mut bytes: &[u8]) -> Result<(), AppError> {
        self.size += bytes.len() as u64;
        if self.size > Upload::LARGEST {
            let most = Upload::LARGEST >> 20;
            return Err(
                Rejection::new(format!("the file has more than {most} MiB: send it in several")).into()
            );
        }
        self.hash.update(bytes);
        while !bytes.is_empty() {
            let (part, rest) = bytes.split_at(bytes.len().min(PART - self.rest.len()));
            self.rest.extend_from_slice(part);
            bytes = rest;
            if self.rest.len() == PART {
                self.put()?;
            }
        }
        Ok(())
    }

    /// The file is whole: from now on it is there.
    pub fn finish(mut self) -> Result<Upload, AppError> {
        if !self.rest.is_empty() {
            self.put()?;
        }
        let sha256 = HEXLOWER.encode(&std::mem::take(&mut self.hash).finalize());
        let upload = self.app.store_unchecked().uploads().finish(self.id, &sha256, &self.app.act())?;
        self.finished = true;
        Ok(upload)
    }

    fn put(&mut self) -> Result<(), AppError> {
        self.parts += 1;
        self.app.store_unchecked().uploads().append(self.id, self.parts, &self.rest)?;
        self.rest.clear();
        Ok(())
    }
}

/// Removes what was sent if the upload was not finished.
impl Drop for Uploading {
    fn drop(&mut self) {
        if !self.finished {
            // If that does not work, it expires.
            drop(self.app.store_unchecked().uploads().abandon(self.id));
        }
    }
}

impl<'a> UploadOperations<'a> {
    /// Decides whether the actor may upload files: they need a right to use them.
    fn require_permission(self) -> Result<Permit<'a>, AppError> {
        self.app
            .require_permission(Right::Report)
            .or_else(|denied| self.app.require_permission(Right::EditUsers).map_err(|_| denied))
    }

    /// Starts an upload that is sent in parts. Expired uploads are removed first.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Rejected`] for a name that is not valid, or if the actor has too many bytes
    /// here.
    pub fn start(self, name: &str) -> Result<Uploading, AppError> {
        let permit = self.require_permission()?;
        Upload::check_name(name)?;
        self.remove_expired(&mut |_| true)?;
        let act = self.app.act();
        if permit.uploads().size_of(&act)? >= Upload::MOST {
            let most = Upload::MOST >> 30;
            let why = format!("{} has {most} GiB of files here: remove some of them first", act.who);
            return Err(Rejection::new(why).into());
        }
        let id = permit.uploads().begin(name, &permit.scope, act.at.plus(LIFE), &act)?;
        let (rest, hash) = (Vec::with_capacity(PART), Sha256::new());
        Ok(Uploading { app: self.app.clone(), id, rest, parts: 0, size: 0, hash, finished: false })
    }

    /// Uploads a whole file.
    ///
    /// # Errors
    /// [`AppError::File`] if it cannot be read; [`AppError::Rejected`] if it is too large; those of [`Self::start`].
    pub fn add(self, name: &str, mut file: impl Read) -> Result<Upload, AppError> {
        let mut uploading = self.start(name)?;
        let mut buffer = vec![0; PART];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return uploading.finish(),
                Ok(read) => uploading.append(&buffer[..read])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(AppError::File {
                        what: format!("{name} could not be read to its end"),
                        error,
                    });
                }
            }
        }
    }

    /// Lists at most `limit` uploads that the actor can see after upload `after`, newest first.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn list_after(self, after: Option<UploadId>, limit: u32) -> Result<Vec<Upload>, AppError> {
        let permit = self.require_permission()?;
        let before = after.unwrap_or(UploadId::MAX);
        Ok(permit.uploads().page(&permit.scope, before, self.app.now(), limit)?)
    }

    /// Finds upload `id`.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if the actor can see no such upload.
    pub fn find(self, id: UploadId) -> Result<Upload, AppError> {
        let permit = self.require_permission()?;
        let found = permit.uploads().by_id(id, self.app.now())?;
        let found = found.filter(|upload| permit.scope.covers(&upload.scope));
        Ok(found.ok_or_else(|| StoreError::NoSuch(format!("upload {id}")))?)
    }

    /// Removes an upload. Runs that were created from it do not need it.
    ///
    /// # Errors
    /// [`AppError::Denied`]; if there is no such upload.
    pub fn remove(self, id: UploadId) -> Result<(), AppError> {
        let upload = self.find(id)?;
        Ok(self.require_permission()?.uploads().remove(&upload, &self.app.act())?)
    }

    /// Opens a temporary copy of an upload, which is then stored for another day.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::File`] if the copy cannot be written; if there is no such upload.
    pub fn open(self, id: UploadId) -> Result<File, AppError> {
        let upload = self.find(id)?;
        let permit = self.require_permission()?;
        permit.uploads().keep(id, self.app.now().plus(LIFE))?;
        let unwritable =
            |error| AppError::File { what: "no temporary file can be written".to_owned(), error };
        let mut file = tempfile::tempfile().map_err(unwritable)?;
        let mut size = 0;
        for number in 1.. {
            let Some(part) = permit.uploads().part(id, number)? else { break };
            file.write_all(&part).map_err(unwritable)?;
            size += part.len() as u64;
        }
        if size != upload.size {
            // It was removed meanwhile.
            return Err(StoreError::NoSuch(format!("upload {id}")).into());
        }
        file.rewind().map_err(unwritable)?;
        Ok(file)
    }

    /// Reads the rows of an upload and finds their users: see
    /// [`RunOperations::read_rows`](crate::RunOperations::read_rows).
    ///
    /// # Errors
    /// If there is no such upload; those of [`RunOperations::read_rows`](crate::RunOperations::read_rows).
    pub fn read_rows(
        self,
        id: UploadId,
        options: &TableOptions,
        request: &RowsRequest<'_>,
        observer: &mut dyn RowsObserver,
    ) -> Result<ReadRows, AppError> {
        let Upload { name, .. } = self.find(id)?;
        let table = Table::from_file(self.open(id)?, options)
            .map_err(|error| AppError::Table { file: name.clone(), error })?;
        self.app.runs().read_rows(table, &RowsRequest { file: &name, ..*request }, observer)
    }

    /// Removes what has expired and what is left of files that are gone, step by step, as long as `go_on` is true,
    /// which is told how many parts each step has removed.
    pub(crate) fn remove_expired(self, go_on: &mut dyn FnMut(u64) -> bool) -> Result<(), AppError> {
        loop {
            let removed = self.app.store_unchecked().uploads().sweep(self.app.now(), STEP)?;
            if removed == 0 || !go_on(removed) {
                return Ok(());
            }
        }
    }
}
