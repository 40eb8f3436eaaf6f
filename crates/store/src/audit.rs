//! The audit log. Whoever writes something that belongs into it calls [`record`] in the same transaction, as the last
//! thing that locks: of two who write at once the second waits there until the first has ended, so that numbers have no
//! gaps and every row knows the hash of the one before it. Readers wait for nobody.
//!
//! What is locked is the one row of `audit_head`, the number and the hash of the last row. It costs two more small writes
//! than an advisory lock and a look at the last row would, and it finds by itself that the end of the log was cut off.

use rollcall_domain::{Act, Action, AuditEntry, AuditQuery, Chain, Deed, Flaw, Head, Timestamp, Verdict};

use crate::StoreError;
use crate::areas::Audit;
use crate::columns::{Columns, at, read};
use crate::db::{Row, Tx, args};
use crate::sql::{Sql, sql, text};

/// The columns of an entry, as [`entry`] reads them.
const ENTRY: Columns = Columns(
    "id, at, who, administrator_id, organization_id, action, subject, detail, address, previous, hash",
);

sql! {
    // Gives the number of the next row, with the hash of the last one.
    NEXT = "INSERT INTO audit_head (id, number, hash) VALUES (1, 1, ?1) \
            ON CONFLICT (id) DO UPDATE SET number = audit_head.number + 1 RETURNING number, hash";
    SET_HASH = "UPDATE audit_head SET hash = ?1";
    INSERT = "INSERT INTO audit (id, at, who, administrator_id, organization_id, action, subject, detail, address, \
              previous, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    HEAD = "SELECT number, hash FROM audit_head";
    ALL = text!("SELECT ", ENTRY.0, " FROM audit ORDER BY id");
    AFTER = text!("SELECT ", ENTRY.0, " FROM audit WHERE id > ?1 AND at >= ?2 AND (CAST(?3 AS TEXT) IS NULL OR who = ?3) \
                      AND (CAST(?4 AS TEXT) IS NULL OR action = ?4) ORDER BY id LIMIT ?5");
    BEFORE = text!("SELECT ", ENTRY.0, " FROM audit WHERE id < ?1 AND at >= ?2 AND (CAST(?3 AS TEXT) IS NULL OR who = ?3) \
                       AND (CAST(?4 AS TEXT) IS NULL OR action = ?4) ORDER BY id DESC LIMIT ?5");
}

// Triggers refuse to change the log, and approvals; on a server also to empty them.
const TRIGGERS: Columns = Columns(
    "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name IN ('audit', 'audit_head', 'approvals')",
);
const OFF: &str = "ALTER TABLE audit DISABLE TRIGGER USER; ALTER TABLE audit_head DISABLE TRIGGER USER; \
                   ALTER TABLE approvals DISABLE TRIGGER USER";
const ON: &str = "ALTER TABLE audit ENABLE TRIGGER USER; ALTER TABLE audit_head ENABLE TRIGGER USER; \
                  ALTER TABLE approvals ENABLE TRIGGER USER";

/// Adds what `act` did to the log. From here to its end this transaction keeps all others that have something to record
/// waiting, so it comes last.
pub(crate) fn record(tx: &Tx<'_>, act: &Act<'_>, deed: &Deed) -> Result<(), StoreError> {
    let last = tx.first(NEXT, args![Head::start().hash], |row| {
        Ok(Head { number: row.get::<i64>(at!(NEXT, "number"))? - 1, hash: row.get(at!(NEXT, "hash"))? })
    })?;
    let entry = AuditEntry::after(last.unwrap_or_else(Head::start), act, deed);
    let AuditEntry { number, at, who, administrator_id, organization_id, action, .. } = &entry;
    let AuditEntry { subject, detail, address, previous, hash, .. } = &entry;
    tx.execute(
        INSERT,
        args![
            *number,
            *at,
            who,
            *administrator_id,
            *organization_id,
            action,
            subject,
            detail,
            address.as_deref(),
            previous,
            hash
        ],
    )?;
    tx.execute(SET_HASH, args![hash]).map(drop)
}

fn entry(row: &Row<'_>) -> Result<AuditEntry, StoreError> {
    Ok(read!(row, ENTRY => AuditEntry {
        number = "id", at, who, administrator_id, organization_id, action, subject, detail, address, previous, hash,
    }))
}

fn head(tx: &Tx<'_>) -> Result<Head, StoreError> {
    let head = tx.first(HEAD, &[], |row| Ok(read!(row, HEAD => Head { number, hash })))?;
    Ok(head.unwrap_or_else(Head::start))
}

/// Lets `work` do with the log, and with approvals, what is otherwise refused: half a copy may be emptied.
pub(crate) fn unguarded(
    tx: &Tx<'_>,
    work: impl FnOnce() -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    match tx {
        Tx::Sqlite(_) => {
            let triggers: Vec<(String, String)> = tx.all(TRIGGERS.0, &[], |row| {
                Ok((row.get(at!(TRIGGERS, "name"))?, row.get(at!(TRIGGERS, "sql"))?))
            })?;
            for (name, _) in &triggers {
                tx.execute(&format!("DROP TRIGGER {name}"), &[])?;
            }
            work()?;
            triggers.iter().try_for_each(|(_, made)| tx.execute(made, &[]).map(drop))
        }
        Tx::Postgres(pg) => {
            pg.batch(OFF)?;
            work()?;
            pg.batch(ON)
        }
    }
}

impl Audit<'_> {
    /// Adds to the audit log what changes nothing in the database, such as a sign-in that failed.
    pub fn record(&self, act: &Act<'_>, deed: &Deed) -> Result<(), StoreError> {
        self.0.write(|tx| record(tx, act, deed))
    }

    /// Rows of the audit log with a number below `before`, newest first.
    pub fn page(&self, query: &AuditQuery, before: i64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        self.beside(BEFORE, query, before, limit)
    }

    /// Rows of the audit log with a number above `after`, oldest first.
    pub fn after(&self, query: &AuditQuery, after: i64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        self.beside(AFTER, query, after, limit)
    }

    /// The head that the audit log itself knows.
    pub fn head(&self) -> Result<Head, StoreError> {
        self.0.read(head)
    }

    /// Reads all of the audit log, as it is at this moment, and says what is wrong with it; `kept` is a head that it had
    /// once. `progress` is told after every row how many there were.
    pub fn verify(&self, kept: Option<&Head>, mut progress: impl FnMut(u64)) -> Result<Verdict, StoreError> {
        self.0.read(|tx| {
            let own = head(tx)?;
            let (mut chain, mut rows, mut flaw) = (Chain::new(kept), 0, None);
            tx.each_while(ALL, &[], |row| {
                // What cannot be read is not what was written.
                let added = match entry(row) {
                    Ok(entry) => chain.add(&entry),
                    Err(_) => Err(Flaw::Altered(row.get(at!(ENTRY, "id"))?)),
                };
                flaw = added.err();
                rows += 1;
                progress(rows);
                Ok(flaw.is_none())
            })?;
            Ok(flaw.map_or_else(|| chain.end(&own), Err))
        })
    }
}

impl Audit<'_> {
    fn beside(
        &self,
        side: Sql,
        query: &AuditQuery,
        number: i64,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let AuditQuery { who, action, since } = query;
        let since = since.unwrap_or(Timestamp::MIN);
        let action = action.map(Action::name);
        self.0.read(|tx| tx.all(side, args![number, since, who.as_deref(), action, limit], entry))
    }
}
