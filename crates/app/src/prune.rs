use std::sync::atomic::Ordering;
use std::time::Duration;

use rollcall_domain::{Rejection, Right, Timestamp};

use crate::access::Permit;
use crate::age::Age;
use crate::error::AppError;
use crate::operations::MaintenanceOperations;
use crate::radius::retention::RadiusRecords;
use crate::runs::observer::Stop;
use crate::settings::PRUNE_AFTER;

/// Rows that are removed in one transaction: others wait for a few milliseconds.
const STEP: u32 = 5_000;

/// The result of pruning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Pruned {
    /// Runs of which only the counters are left.
    pub runs: u64,
    /// Targets, outcomes and journals that were removed.
    pub rows: u64,
    /// Older runs that stay whole, because they can still go on, or because one needs them that can.
    pub kept: u64,
    /// Answers of FreeRADIUS that were removed.
    pub logins: u64,
    /// Sessions that were removed.
    pub sessions: u64,
}

impl<'a> MaintenanceOperations<'a> {
    /// Removes the targets, outcomes and journals of runs that ended longer than `age` ago (none: of no run), expired
    /// uploads, and the records of FreeRADIUS that are older than their settings. It works in small steps; `progress`
    /// gets the number of removed rows after each, and `stop` ends it.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn prune(self, age: Option<Age>, stop: &Stop, progress: impl FnMut(u64)) -> Result<Pruned, AppError> {
        let permit = self.app.require_permission_everywhere(Right::Administer)?;
        let pruned = match age {
            Some(age) => self.prune_before(&permit, self.moment_before(age)?, None, stop, progress)?,
            None => Pruned::default(),
        };
        self.prune_radius_records(&permit, pruned, stop)
    }

    /// Prunes the records of FreeRADIUS by their settings, and adds them to the result.
    fn prune_radius_records(
        self,
        permit: &Permit<'_>,
        pruned: Pruned,
        stop: &Stop,
    ) -> Result<Pruned, AppError> {
        Ok(Pruned {
            logins: self.prune_radius_record(permit, RadiusRecords::Logins, stop)?,
            sessions: self.prune_radius_record(permit, RadiusRecords::Sessions, stop)?,
            ..pruned
        })
    }

    /// Prunes by the settings, in a worker: none if none is set, if another process has done it within `every`, or if
    /// nothing is that old.
    pub(crate) fn prune_by_settings(self, every: Duration, stop: &Stop) -> Result<Option<Pruned>, AppError> {
        // The account of a worker need not have the right.
        let Ok(permit) = self.app.require_permission_everywhere(Right::Administer) else { return Ok(None) };
        let cutoff = self.app.settings().prune_after()?.map(|age| self.moment_before(age)).transpose()?;
        let cutoff = match cutoff {
            Some(cutoff) if permit.pruning().is_anything_left(cutoff)? => Some(cutoff),
            _ => None,
        };
        let kept = [
            self.app.settings().radius_retention(RadiusRecords::Logins)?,
            self.app.settings().radius_retention(RadiusRecords::Sessions)?,
        ];
        if cutoff.is_none() && kept == [None; 2] || !permit.pruning().claim(every)? {
            return Ok(None);
        }
        let pruned = match cutoff {
            Some(cutoff) => self.prune_before(&permit, cutoff, Some(PRUNE_AFTER), stop, |_| {})?,
            None => Pruned::default(),
        };
        let pruned = self.prune_radius_records(&permit, pruned, stop)?;
        Ok((cutoff.is_some() || pruned != Pruned::default()).then_some(pruned))
    }

    /// The moment that lies `age` ago.
    pub(crate) fn moment_before(self, age: Age) -> Result<Timestamp, AppError> {
        let before = i64::try_from(age.time().as_secs()).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let moment = self.app.now().as_micros().checked_sub(before).and_then(Timestamp::from_micros);
        Ok(moment.ok_or_else(|| Rejection::new(format!("{age} ago is before the calendar starts")))?)
    }

    fn prune_before(
        self,
        permit: &Permit<'_>,
        cutoff: Timestamp,
        setting: Option<&str>,
        stop: &Stop,
        mut progress: impl FnMut(u64),
    ) -> Result<Pruned, AppError> {
        let (runs, kept) = permit.pruning().mark(cutoff, setting, &self.app.act())?;
        let mut pruned = Pruned { runs, kept, ..Pruned::default() };
        let mut count = |removed: u64, pruned: &mut Pruned| {
            pruned.rows += removed;
            progress(pruned.rows);
            removed > 0 && !stop.load(Ordering::Relaxed)
        };
        while count(permit.pruning().edits(cutoff, STEP)?, &mut pruned) {}
        while let Some(run) = permit.pruning().next()?
            && !stop.load(Ordering::Relaxed)
        {
            while let Some(removed) = permit.pruning().run(run, STEP)? {
                count(removed, &mut pruned);
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        }
        self.remove_expired(stop)?;
        Ok(pruned)
    }

    /// Removes what is kept for a day only: files that were sent ahead, and which requests have made a run.
    pub(crate) fn remove_expired(self, stop: &Stop) -> Result<(), AppError> {
        let now = self.app.now();
        while self.app.store_unchecked().runs().forget_keys(now)? > 0 && !stop.load(Ordering::Relaxed) {}
        self.app.uploads().remove_expired(&mut |_| !stop.load(Ordering::Relaxed))
    }
}
