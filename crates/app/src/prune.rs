use std::fmt;
use std::str::FromStr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rollcall_domain::{Refusal, Right, Timestamp};

use crate::access::Permit;
use crate::radius::Past;
use crate::runs::Stop;
use crate::{App, AppError};

/// Rows that are removed in one transaction: others wait for a few milliseconds.
const STEP: u32 = 5_000;
/// Where the age is kept.
const SETTING: &str = "prune_after";
/// A day has so many seconds.
const DAY: u64 = 86_400;

/// How old something is, written with a unit: `12h`, `90d`, `8w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    seconds: u64,
}

impl Age {
    /// As a stretch of time.
    #[must_use]
    pub fn time(self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

impl FromStr for Age {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
        let wrong = || Refusal::new(format!("{text:?} is not an age: write 90d, 8w or 12h"));
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        let unit = match &text[digits.len()..] {
            "s" => 1,
            "m" | "min" => 60,
            "h" => 3_600,
            "d" => DAY,
            "w" => 7 * DAY,
            "y" => 365 * DAY,
            _ => return Err(wrong()),
        };
        let seconds = number.checked_mul(unit).filter(|seconds| *seconds <= 1_000 * 365 * DAY);
        seconds.map(|seconds| Self { seconds }).ok_or_else(wrong)
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(DAY, "d"), (3_600, "h"), (60, "m"), (1, "s")];
        let fits = units.into_iter().find(|(unit, _)| self.seconds.is_multiple_of(*unit));
        let (unit, letter) = fits.unwrap_or((1, "s"));
        write!(f, "{}{letter}", self.seconds / unit)
    }
}

/// What pruning has come to.
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

impl App {
    /// Removes the targets, outcomes and journals of what ended longer than `age` ago, in small steps, and uploads that have
    /// expired; of what FreeRADIUS has written, what is older than its settings. Between two of them
    /// `progress` is told how many rows are gone, and `stop` is heard; what is left then goes the next time. Without an age no
    /// run is touched.
    pub fn prune(
        &self,
        age: Option<Age>,
        stop: &Stop,
        progress: impl FnMut(u64),
    ) -> Result<Pruned, AppError> {
        let permit = self.may_everywhere(Right::Administer)?;
        let pruned = match age {
            Some(age) => self.prune_before(&permit, self.before(age)?, None, stop, progress)?,
            None => Pruned::default(),
        };
        self.prune_pasts(&permit, pruned, stop)
    }

    /// The same, and what FreeRADIUS has written.
    fn prune_pasts(&self, permit: &Permit<'_>, pruned: Pruned, stop: &Stop) -> Result<Pruned, AppError> {
        Ok(Pruned {
            logins: self.prune_past(permit, Past::Logins, stop)?,
            sessions: self.prune_past(permit, Past::Sessions, stop)?,
            ..pruned
        })
    }

    /// The same by the setting, in a process that stays: nothing if it is not set, if another process has done it within
    /// `every`, or if nothing is that old.
    pub(crate) fn prune_by_setting(&self, every: Duration, stop: &Stop) -> Result<Option<Pruned>, AppError> {
        // Whoever lends a hand with runs need not be somebody who may.
        let Ok(permit) = self.may_everywhere(Right::Administer) else { return Ok(None) };
        let cutoff = self.prune_after()?.map(|age| self.before(age)).transpose()?;
        let cutoff = match cutoff {
            Some(cutoff) if permit.is_anything_to_prune(cutoff)? => Some(cutoff),
            _ => None,
        };
        let kept = [self.kept_past(Past::Logins)?, self.kept_past(Past::Sessions)?];
        if cutoff.is_none() && kept == [None; 2] || !permit.claim_pruning(every)? {
            return Ok(None);
        }
        let pruned = match cutoff {
            Some(cutoff) => self.prune_before(&permit, cutoff, Some(SETTING), stop, |_| {})?,
            None => Pruned::default(),
        };
        let pruned = self.prune_pasts(&permit, pruned, stop)?;
        Ok((cutoff.is_some() || pruned != Pruned::default()).then_some(pruned))
    }

    /// The moment that lies `age` ago.
    pub(crate) fn before(&self, age: Age) -> Result<Timestamp, AppError> {
        let before = i64::try_from(age.seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let moment = self.clock.now().as_micros().checked_sub(before).and_then(Timestamp::from_micros);
        Ok(moment.ok_or_else(|| Refusal::new(format!("{age} ago is before the calendar starts")))?)
    }

    fn prune_before(
        &self,
        permit: &Permit<'_>,
        cutoff: Timestamp,
        setting: Option<&str>,
        stop: &Stop,
        mut progress: impl FnMut(u64),
    ) -> Result<Pruned, AppError> {
        let (runs, kept) = permit.mark_pruned(cutoff, setting, &self.act())?;
        let mut pruned = Pruned { runs, kept, ..Pruned::default() };
        let mut count = |removed: u64, pruned: &mut Pruned| {
            pruned.rows += removed;
            progress(pruned.rows);
            removed > 0 && !stop.load(Ordering::Relaxed)
        };
        while count(permit.prune_edits(cutoff, STEP)?, &mut pruned) {}
        while let Some(run) = permit.next_to_prune()?
            && !stop.load(Ordering::Relaxed)
        {
            while let Some(removed) = permit.prune_run(run, STEP)? {
                count(removed, &mut pruned);
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        }
        self.sweep(stop)?;
        Ok(pruned)
    }

    /// Removes what is kept for a day only: files that were sent ahead, and which requests have made a run.
    pub(crate) fn sweep(&self, stop: &Stop) -> Result<(), AppError> {
        let now = self.clock.now();
        while self.engine().forget_run_keys(now)? > 0 && !stop.load(Ordering::Relaxed) {}
        self.sweep_uploads(&mut |_| !stop.load(Ordering::Relaxed))
    }

    /// The age at which things are pruned here, if that was set.
    pub fn prune_after(&self) -> Result<Option<Age>, AppError> {
        let text = self.may(Right::Look)?.setting(SETTING)?;
        Ok(text.map(|text| text.parse()).transpose()?)
    }

    /// Sets the age at which things are pruned here; none: never.
    pub fn set_prune_after(&self, age: Option<Age>) -> Result<(), AppError> {
        let permit = self.may_everywhere(Right::Administer)?;
        let text = age.map(|age| age.to_string());
        Ok(permit.set_setting(SETTING, text.as_deref(), &self.act())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_and_written_with_their_unit() {
        for text in ["90d", "12h", "45m", "7s", "0d"] {
            assert_eq!(text.parse::<Age>().unwrap().to_string(), text);
        }
        assert_eq!("8w".parse::<Age>().unwrap().to_string(), "56d");
        for text in ["", "90", "d", "-1d", "1.5d", "9 days", "99999999999d", "1001y"] {
            assert!(text.parse::<Age>().is_err(), "{text}");
        }
    }
}
