//! Removing what FreeRADIUS has written long ago: answers (`radpostauth`) and sessions (`radacct`). The first and the last
//! login of a user lie elsewhere, and stay.

use rollcall_domain::{Act, Action, Deed, Timestamp};

use crate::areas::Pruning;
use crate::columns::at;
use crate::db::{Tx, args};
use crate::sql::{sql, text};
use crate::{StoreError, audit};

// These limits count over all time.
const COUNTS_FOR_EVER: &str = "EXISTS (SELECT 1 FROM users u WHERE u.username = radacct.username AND (EXISTS \
     (SELECT 1 FROM user_items i WHERE i.user_id = u.id AND i.kind = 1 AND lower(i.attr) IN ('max-all-session', 'expire-after')) \
     OR EXISTS (SELECT 1 FROM user_profiles a JOIN profile_items i ON i.profile_id = a.profile_id \
     WHERE a.user_id = u.id AND i.kind = 1 AND lower(i.attr) IN ('max-all-session', 'expire-after'))))";

sql! {
    LOGINS = "DELETE FROM radpostauth WHERE id IN (SELECT id FROM radpostauth WHERE authdate < ?1 ORDER BY authdate LIMIT ?2)";
    // The numbers of sessions follow the time in which they began: where none is old any more, none is beyond.
    SESSIONS = "SELECT max(radacctid) AS last, coalesce(sum(CASE WHEN acctstarttime < ?2 OR acctstoptime < ?2 THEN 1 ELSE 0 END), 0) AS old \
                FROM (SELECT radacctid, acctstarttime, acctstoptime FROM radacct WHERE radacctid > ?1 ORDER BY radacctid LIMIT ?3) AS part";
    ENDED = text!("DELETE FROM radacct WHERE radacctid > ?1 AND radacctid <= ?2 AND acctstoptime < ?3 AND NOT ",
                    COUNTS_FOR_EVER);
}

/// Why something is removed: for the audit log, once.
#[derive(Debug, Clone, Copy)]
pub struct PruningReason<'a> {
    /// What is removed, in a few words.
    pub what: &'a str,
    /// All of it is from before.
    pub cutoff: Timestamp,
    /// The setting that wants it.
    pub setting: &'a str,
    /// Whether none of it was removed before.
    pub first: bool,
}

impl PruningReason<'_> {
    /// Notes the first time that something goes.
    fn note(&self, tx: &Tx<'_>, removed: u64, act: &Act<'_>) -> Result<(), StoreError> {
        if removed == 0 || !self.first {
            return Ok(());
        }
        let deed = Deed::new(Action::Prune, self.what).with("before", self.cutoff.to_string());
        audit::record(tx, act, &deed.with("setting", self.setting))
    }
}

impl Pruning<'_> {
    /// Removes up to `most` answers of FreeRADIUS; says how many.
    pub fn logins(&self, of: PruningReason<'_>, most: u32, act: &Act<'_>) -> Result<u64, StoreError> {
        self.0.write(|tx| {
            let removed = tx.execute(LOGINS, args![of.cutoff, most])?;
            of.note(tx, removed, act)?;
            Ok(removed)
        })
    }

    /// Looks at the next `most` sessions after number `after`, and removes those that have ended and that no limit counts: how
    /// many, and the last one looked at. None: nothing that is old lies beyond `after`.
    pub fn sessions(
        &self,
        of: PruningReason<'_>,
        after: i64,
        most: u32,
        act: &Act<'_>,
    ) -> Result<Option<(u64, i64)>, StoreError> {
        let part = self.0.read(|tx| {
            tx.first(SESSIONS, args![after, of.cutoff, most], |row| {
                Ok((row.get(at!(SESSIONS, "last"))?, row.get::<i64>(at!(SESSIONS, "old"))?))
            })
        })?;
        let Some((Some(last), 1..)) = part else { return Ok(None) };
        self.0.write(|tx| {
            let removed = tx.execute(ENDED, args![after, last, of.cutoff])?;
            of.note(tx, removed, act)?;
            Ok(Some((removed, last)))
        })
    }
}
