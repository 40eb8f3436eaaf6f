//! The audit log. Whoever writes something that belongs into it calls [`record`] in the same transaction, as the last
//! thing that locks: of two who write at once the second waits there until the first has ended, so that numbers have no
//! gaps and every row knows the hash of the one before it. Readers wait for nobody.
//!
//! What is locked is the one row of `audit_head`, the number and the hash of the last row. It costs two more small writes
//! than an advisory lock and a look at the last row would, and it finds by itself that the end of the log was cut off.

use rollcall_domain::{Act, Action, AuditEntry, AuditQuery, Chain, Deed, Flaw, Head, Timestamp, Verdict};

use crate::db::{Row, Sql, Tx, args};
use crate::{Store, StoreError, sql};

macro_rules! entries {
    ($end:literal) => {
        concat!(
            "SELECT id, at, who, administrator_id, organization_id, action, subject, detail, address, previous, hash \
             FROM audit ",
            $end
        )
    };
}

sql! {
    // Gives the number of the next row, with the hash of the last one.
    NEXT = "INSERT INTO audit_head (id, number, hash) VALUES (1, 1, ?1) \
            ON CONFLICT (id) DO UPDATE SET number = audit_head.number + 1 RETURNING number, hash";
    SET_HASH = "UPDATE audit_head SET hash = ?1";
    INSERT = "INSERT INTO audit (id, at, who, administrator_id, organization_id, action, subject, detail, address, \
              previous, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    HEAD = "SELECT number, hash FROM audit_head";
    ALL = entries!("ORDER BY id");
    AFTER = entries!("WHERE id > ?1 AND at >= ?2 AND (CAST(?3 AS TEXT) IS NULL OR who = ?3) \
                      AND (CAST(?4 AS TEXT) IS NULL OR action = ?4) ORDER BY id LIMIT ?5");
    BEFORE = entries!("WHERE id < ?1 AND at >= ?2 AND (CAST(?3 AS TEXT) IS NULL OR who = ?3) \
                       AND (CAST(?4 AS TEXT) IS NULL OR action = ?4) ORDER BY id DESC LIMIT ?5");
}

// Triggers refuse to change the log, and approvals; on a server also to empty them.
const TRIGGERS: &str = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name IN ('audit', 'audit_head', 'approvals')";
const OFF: &str = "ALTER TABLE audit DISABLE TRIGGER USER; ALTER TABLE audit_head DISABLE TRIGGER USER; \
                   ALTER TABLE approvals DISABLE TRIGGER USER";
const ON: &str = "ALTER TABLE audit ENABLE TRIGGER USER; ALTER TABLE audit_head ENABLE TRIGGER USER; \
                  ALTER TABLE approvals ENABLE TRIGGER USER";

/// Adds what `act` did to the log. From here to its end this transaction keeps all others that have something to record
/// waiting, so it comes last.
pub(crate) fn record(tx: &Tx<'_>, act: &Act<'_>, deed: &Deed) -> Result<(), StoreError> {
    let last = tx.first(NEXT, args![Head::start().hash], |row| {
        Ok(Head { number: row.get::<i64>(0)? - 1, hash: row.get(1)? })
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
    Ok(AuditEntry {
        number: row.get(0)?,
        at: row.get(1)?,
        who: row.get(2)?,
        administrator_id: row.get(3)?,
        organization_id: row.get(4)?,
        action: row.get(5)?,
        subject: row.get(6)?,
        detail: row.get(7)?,
        address: row.get(8)?,
        previous: row.get(9)?,
        hash: row.get(10)?,
    })
}

fn head(tx: &Tx<'_>) -> Result<Head, StoreError> {
    let head = tx.first(HEAD, &[], |row| Ok(Head { number: row.get(0)?, hash: row.get(1)? }))?;
    Ok(head.unwrap_or_else(Head::start))
}

/// Lets `work` do with the log, and with approvals, what is otherwise refused: half a copy may be emptied.
pub(crate) fn unguarded(
    tx: &Tx<'_>,
    work: impl FnOnce() -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    match tx {
        Tx::Sqlite(_) => {
            let triggers: Vec<(String, String)> =
                tx.all(TRIGGERS, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
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

impl Store {
    /// Adds to the audit log what changes nothing in the database, such as a sign-in that failed.
    pub fn record(&self, act: &Act<'_>, deed: &Deed) -> Result<(), StoreError> {
        self.write(|tx| record(tx, act, deed))
    }

    /// Rows of the audit log with a number below `before`, newest first.
    pub fn audit_page(
        &self,
        query: &AuditQuery,
        before: i64,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.audit_beside(BEFORE, query, before, limit)
    }

    /// Rows of the audit log with a number above `after`, oldest first.
    pub fn audit_after(
        &self,
        query: &AuditQuery,
        after: i64,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.audit_beside(AFTER, query, after, limit)
    }

    fn audit_beside(
        &self,
        side: Sql,
        query: &AuditQuery,
        number: i64,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let AuditQuery { who, action, since } = query;
        let since = since.unwrap_or(Timestamp::MIN);
        let action = action.map(Action::name);
        self.read(|tx| tx.all(side, args![number, since, who.as_deref(), action, limit], entry))
    }

    /// The head that the audit log itself knows.
    pub fn audit_head(&self) -> Result<Head, StoreError> {
        self.read(head)
    }

    /// Reads all of the audit log, as it is at this moment, and says what is wrong with it; `kept` is a head that it had
    /// once. `progress` is told after every row how many there were.
    pub fn verify_audit(
        &self,
        kept: Option<&Head>,
        mut progress: impl FnMut(u64),
    ) -> Result<Verdict, StoreError> {
        self.read(|tx| {
            let own = head(tx)?;
            let (mut chain, mut rows, mut flaw) = (Chain::new(kept), 0, None);
            tx.each_while(ALL, &[], |row| {
                // What cannot be read is not what was written.
                let added = match entry(row) {
                    Ok(entry) => chain.add(&entry),
                    Err(_) => Err(Flaw::Altered(row.get(0)?)),
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
