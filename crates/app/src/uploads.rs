//! Files that administrators send ahead, to be used from whichever process: as the rows of a run, or as users to be
//! imported. They are kept in the database, in parts, for a day after they were last used.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::time::Duration;

use data_encoding::HEXLOWER;
use rollcall_domain::{Refusal, Right, Upload, UploadId};
use rollcall_store::StoreError;
use sha2::{Digest, Sha256};

use crate::access::Permit;
use crate::runs::{ReadRows, RowsObserver, RowsRequest};
use crate::{App, AppError, Table, TableOptions};

/// A file is kept in parts of so many bytes.
const PART: usize = 256 << 10;
/// Parts of files that are gone are removed so many at a time: others wait for a few milliseconds.
const STEP: u32 = 32;
/// How long a file is kept that nobody uses.
const LIFE: Duration = Duration::from_secs(86_400);

/// A file on its way. Unless it is finished it was never there.
pub struct Uploading {
    app: App,
    id: UploadId,
    /// What is not a whole part yet.
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
            return Err(Refusal::new(format!("the file has more than {most} MiB: send it in several")).into());
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
        let upload = self.app.engine().finish_upload(self.id, &sha256, &self.app.act())?;
        self.finished = true;
        Ok(upload)
    }

    fn put(&mut self) -> Result<(), AppError> {
        self.parts += 1;
        self.app.engine().append_upload(self.id, self.parts, &self.rest)?;
        self.rest.clear();
        Ok(())
    }
}

/// Whatever has broken it off.
impl Drop for Uploading {
    fn drop(&mut self) {
        if !self.finished {
            // If that does not work, it expires.
            drop(self.app.engine().drop_upload(self.id));
        }
    }
}

impl App {
    /// What it takes to send a file: to do something with it.
    fn may_upload(&self) -> Result<Permit<'_>, AppError> {
        self.may(Right::Report).or_else(|denied| self.may(Right::EditUsers).map_err(|_| denied))
    }

    /// Begins a file that is sent piece by piece. What is left of others that are gone makes room first.
    pub fn begin_upload(&self, name: &str) -> Result<Uploading, AppError> {
        let permit = self.may_upload()?;
        Upload::check_name(name)?;
        self.sweep_uploads(&mut |_| true)?;
        let act = self.act();
        if permit.uploaded_by(&act)? >= Upload::MOST {
            let most = Upload::MOST >> 30;
            let why = format!("{} has {most} GiB of files here: remove some of them first", act.who);
            return Err(Refusal::new(why).into());
        }
        let id = permit.begin_upload(name, &permit.scope, act.at.plus(LIFE), &act)?;
        let (rest, hash) = (Vec::with_capacity(PART), Sha256::new());
        Ok(Uploading { app: self.clone(), id, rest, parts: 0, size: 0, hash, finished: false })
    }

    /// Keeps a whole file.
    pub fn upload(&self, name: &str, mut file: impl Read) -> Result<Upload, AppError> {
        let mut uploading = self.begin_upload(name)?;
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

    /// The next files after file `after`, newest first, of whoever has no further reach.
    pub fn uploads_after(&self, after: Option<UploadId>, limit: u32) -> Result<Vec<Upload>, AppError> {
        let permit = self.may_upload()?;
        let before = after.unwrap_or(UploadId::MAX);
        Ok(permit.uploads_page(&permit.scope, before, self.clock.now(), limit)?)
    }

    /// One file.
    pub fn find_upload(&self, id: UploadId) -> Result<Upload, AppError> {
        let permit = self.may_upload()?;
        let found = permit.upload(id, self.clock.now())?;
        let found = found.filter(|upload| permit.scope.covers(&upload.scope));
        Ok(found.ok_or_else(|| StoreError::NoSuch(format!("upload {id}")))?)
    }

    /// Removes a file. Runs that were made of it have all that they need.
    pub fn remove_upload(&self, id: UploadId) -> Result<(), AppError> {
        let upload = self.find_upload(id)?;
        Ok(self.may_upload()?.remove_upload(&upload, &self.act())?)
    }

    /// What is in a file: a copy that goes away when it is closed. From now on the file is kept for another day.
    pub fn open_upload(&self, id: UploadId) -> Result<File, AppError> {
        let upload = self.find_upload(id)?;
        let permit = self.may_upload()?;
        permit.keep_upload(id, self.clock.now().plus(LIFE))?;
        let unwritable =
            |error| AppError::File { what: "no temporary file can be written".to_owned(), error };
        let mut file = tempfile::tempfile().map_err(unwritable)?;
        let mut size = 0;
        for number in 1.. {
            let Some(part) = permit.upload_part(id, number)? else { break };
            file.write_all(&part).map_err(unwritable)?;
            size += part.len() as u64;
        }
        if size != upload.size {
            // Somebody has removed it meanwhile.
            return Err(StoreError::NoSuch(format!("upload {id}")).into());
        }
        file.rewind().map_err(unwritable)?;
        Ok(file)
    }

    /// Reads the rows of a file that was sent, and finds their users: see [`App::read_rows`].
    pub fn read_upload(
        &self,
        id: UploadId,
        options: &TableOptions,
        request: &RowsRequest<'_>,
        observer: &mut dyn RowsObserver,
    ) -> Result<ReadRows, AppError> {
        let Upload { name, .. } = self.find_upload(id)?;
        let table = Table::from_file(self.open_upload(id)?, options)
            .map_err(|error| AppError::Table { file: name.clone(), error })?;
        self.read_rows(table, &RowsRequest { file: &name, ..*request }, observer)
    }

    /// Removes what has expired and what is left of files that are gone, step by step, as long as `go_on` is true, which
    /// is told how many parts each step has removed.
    pub(crate) fn sweep_uploads(&self, go_on: &mut dyn FnMut(u64) -> bool) -> Result<(), AppError> {
        loop {
            let removed = self.engine().sweep_uploads(self.clock.now(), STEP)?;
            if removed == 0 || !go_on(removed) {
                return Ok(());
            }
        }
    }
}
