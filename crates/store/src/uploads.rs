//! Files that administrators have sent, in parts. One is there for others when it is there as a whole; a removed one is
//! gone at once, and its parts some at a time.

use rollcall_domain::{Act, Action, Deed, Scope, Timestamp, Upload, UploadId};

use crate::areas::Uploads;
use crate::columns::{Columns, read};
use crate::db::{Row, Tx, args, only};
use crate::runs::write_scope;
use crate::scope::covered;
use crate::sql::{sql, text};
use crate::{StoreError, audit};

/// The start of a statement that gives complete uploads, as [`upload`] reads them; a condition follows.
const SELECT: Columns = Columns(
    "SELECT id, name, size, hash, administrator, administrator_id, organizations, created_at, expires_at FROM uploads \
     WHERE hash IS NOT NULL AND ",
);

sql! {
    HELD = "SELECT CAST(coalesce(sum(size), 0) AS BIGINT) FROM uploads WHERE administrator = ?1 AND expires_at > ?2";
    BEGIN = "INSERT INTO uploads (name, administrator, administrator_id, organizations, created_at, expires_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id";
    GROW = "UPDATE uploads SET size = size + ?2 WHERE id = ?1 AND hash IS NULL";
    APPEND = "INSERT INTO upload_parts (upload_id, number, bytes) VALUES (?1, ?2, ?3)";
    FINISH = "UPDATE uploads SET hash = ?2 WHERE id = ?1 AND hash IS NULL";
    ONE = text!(SELECT.0, "id = ?1 AND expires_at > ?2");
    PAGE = text!(SELECT.0, "id < ?1 AND expires_at > ?2 AND ", covered!("?3"), " ORDER BY id DESC LIMIT ?4")
        => text!(SELECT.0, "id < ?1 AND expires_at > ?2 AND ", covered!(postgres "?3"), " ORDER BY id DESC LIMIT ?4");
    PART = "SELECT bytes FROM upload_parts WHERE upload_id = ?1 AND number = ?2";
    KEEP = "UPDATE uploads SET expires_at = ?2 WHERE id = ?1 AND expires_at < ?2";
    REMOVE = "DELETE FROM uploads WHERE id = ?1";
    EXPIRE = "DELETE FROM uploads WHERE expires_at <= ?1";
    SWEEP = "DELETE FROM upload_parts WHERE (upload_id, number) IN (SELECT p.upload_id, p.number FROM upload_parts p \
             WHERE NOT EXISTS (SELECT 1 FROM uploads u WHERE u.id = p.upload_id) LIMIT ?1)";
}

fn upload(row: &Row<'_>) -> Result<Upload, StoreError> {
    Ok(read!(row, SELECT => Upload {
        id, name, size, sha256 = "hash", administrator, administrator_id, scope = "organizations", created_at, expires_at,
    }))
}

fn gone(id: UploadId) -> StoreError {
    StoreError::NoSuch(format!("upload {id}"))
}

fn one(tx: &Tx<'_>, id: UploadId, now: Timestamp) -> Result<Option<Upload>, StoreError> {
    tx.first(ONE, args![id, now], upload)
}

fn deed(action: Action, upload: &Upload) -> Deed {
    let deed = Deed::new(action, format!("upload {}", upload.id)).within(upload.scope.organization());
    deed.with("name", upload.name.as_str()).with("bytes", upload.size)
}

impl Uploads<'_> {
    /// How many bytes of files somebody has here.
    pub fn size_of(&self, act: &Act<'_>) -> Result<u64, StoreError> {
        let held: i64 = self.0.read(|tx| tx.value(HELD, args![act.who, act.at]))?;
        Ok(held.unsigned_abs())
    }

    /// Begins a file that is to be there for a scope until `expires_at`; its number.
    pub fn begin(
        &self,
        name: &str,
        scope: &Scope,
        expires_at: Timestamp,
        act: &Act<'_>,
    ) -> Result<UploadId, StoreError> {
        let values = args![name, act.who, act.administrator_id, write_scope(scope)?, act.at, expires_at];
        self.0.write(|tx| tx.value(BEGIN, values))
    }

    /// Adds a part to a file that is not whole yet; parts are counted from 1.
    pub fn append(&self, id: UploadId, number: i64, bytes: &[u8]) -> Result<(), StoreError> {
        self.0.write(|tx| {
            if tx.execute(GROW, args![id, i64::try_from(bytes.len()).unwrap_or(i64::MAX)])? == 0 {
                return Err(gone(id));
            }
            tx.execute(APPEND, args![id, number, bytes]).map(drop)
        })
    }

    /// Says that a file is whole, with its hash: now it is there.
    pub fn finish(&self, id: UploadId, sha256: &str, act: &Act<'_>) -> Result<Upload, StoreError> {
        self.0.write(|tx| {
            if tx.execute(FINISH, args![id, sha256])? == 0 {
                return Err(gone(id));
            }
            let upload = one(tx, id, act.at)?.ok_or_else(|| gone(id))?;
            audit::record(tx, act, &deed(Action::UploadAdd, &upload).with("sha256", sha256))?;
            Ok(upload)
        })
    }

    /// Forgets a file that did not become whole.
    pub fn abandon(&self, id: UploadId) -> Result<(), StoreError> {
        self.0.write(|tx| tx.execute(REMOVE, args![id]).map(drop))
    }

    /// A file, unless it has expired.
    pub fn by_id(&self, id: UploadId, now: Timestamp) -> Result<Option<Upload>, StoreError> {
        self.0.read(|tx| one(tx, id, now))
    }

    /// The next files before file `before` that are there for a scope, newest first.
    pub fn page(
        &self,
        scope: &Scope,
        before: UploadId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Upload>, StoreError> {
        let values = args![before, now, write_scope(scope)?, limit];
        self.0.read(|tx| tx.all(PAGE, values, upload))
    }

    /// A part of a file; none after the last.
    pub fn part(&self, id: UploadId, number: i64) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.read(|tx| tx.first(PART, args![id, number], only))
    }

    /// Keeps a file that is used until `expires_at`.
    pub fn keep(&self, id: UploadId, expires_at: Timestamp) -> Result<(), StoreError> {
        self.0.write(|tx| tx.execute(KEEP, args![id, expires_at]).map(drop))
    }

    /// Removes a file.
    pub fn remove(&self, upload: &Upload, act: &Act<'_>) -> Result<(), StoreError> {
        self.0.write(|tx| match tx.execute(REMOVE, args![upload.id])? {
            0 => Err(gone(upload.id)),
            _ => audit::record(tx, act, &deed(Action::UploadRemove, upload)),
        })
    }

    /// Removes files that have expired, and up to `most` parts of files that are gone; how many parts.
    pub fn sweep(&self, now: Timestamp, most: u32) -> Result<u64, StoreError> {
        self.0.write(|tx| {
            tx.execute(EXPIRE, args![now])?;
            tx.execute(SWEEP, args![most])
        })
    }
}
