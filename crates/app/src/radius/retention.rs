//! The records that FreeRADIUS writes, and their pruning.

use std::sync::atomic::Ordering;

use rollcall_store::PruningReason;

use crate::access::Permit;
use crate::error::AppError;
use crate::operations::MaintenanceOperations;
use crate::runs::observer::Stop;

/// Rows that are read in one transaction: other writers wait for some milliseconds.
const STEP: u32 = 1_000;

/// A kind of records that FreeRADIUS writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RadiusRecords {
    /// Its answers to login attempts (`radpostauth`).
    Logins,
    /// Sessions that have ended (`radacct`).
    Sessions,
}

impl RadiusRecords {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Logins, Self::Sessions];

    /// The setting that names the time for which they are kept.
    #[must_use]
    pub fn setting(self) -> &'static str {
        match self {
            Self::Logins => "prune_logins_after",
            Self::Sessions => "prune_accounting_after",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Logins => "old logins",
            Self::Sessions => "old sessions",
        }
    }
}

impl<'a> MaintenanceOperations<'a> {
    /// Removes records that are older than their setting, in small steps, and counts them. What `Max-All-Session` and
    /// `Expire-After` count stays, and so do sessions that have not ended.
    pub(crate) fn prune_radius_record(
        self,
        permit: &Permit<'_>,
        records: RadiusRecords,
        stop: &Stop,
    ) -> Result<u64, AppError> {
        let Some(age) = self.app.settings().radius_retention(records)? else { return Ok(0) };
        let cutoff = self.moment_before(age)?;
        let (mut pruned, mut after) = (0, 0);
        while !stop.load(Ordering::Relaxed) {
            let of = PruningReason {
                what: records.what(),
                cutoff,
                setting: records.setting(),
                first: pruned == 0,
            };
            let removed = match records {
                RadiusRecords::Logins => match permit.pruning().logins(of, STEP, &self.app.act())? {
                    0 => break,
                    removed => removed,
                },
                RadiusRecords::Sessions => {
                    match permit.pruning().sessions(of, after, STEP, &self.app.act())? {
                        None => break,
                        Some((removed, last)) => {
                            after = last;
                            removed
                        }
                    }
                }
            };
            pruned += removed;
        }
        Ok(pruned)
    }
}
