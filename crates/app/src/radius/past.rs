//! Until when what FreeRADIUS has written is kept: its answers and the sessions.

use std::sync::atomic::Ordering;

use rollcall_domain::{Refusal, Right};
use rollcall_store::Pruning;

use crate::access::Permit;
use crate::runs::Stop;
use crate::{Age, App, AppError};

/// Rows that are looked at in one transaction: whoever writes meanwhile waits for some milliseconds.
const STEP: u32 = 1_000;
/// No month is longer, so what is older is in no limit of this day, week or month.
const SHORTEST: &str = "32d";

/// Something that FreeRADIUS writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// What it has answered to whoever wanted to come in (`radpostauth`).
    Logins,
    /// Sessions that have ended (`radacct`).
    Sessions,
}

impl Past {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Logins, Self::Sessions];

    /// The setting that says how long it is kept.
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

impl App {
    /// How long it is kept; none: for ever.
    pub fn kept_past(&self, past: Past) -> Result<Option<Age>, AppError> {
        let text = self.may(Right::Look)?.setting(past.setting())?;
        Ok(text.map(|text| text.parse()).transpose()?)
    }

    /// Sets that. It takes 32 days or more, since limits count what is of this month.
    pub fn set_kept_past(&self, past: Past, age: Option<Age>) -> Result<(), AppError> {
        let permit = self.may_everywhere(Right::Administer)?;
        let shortest: Age = SHORTEST.parse()?;
        if let Some(age) = age.filter(|age| age.time() < shortest.time()) {
            let why = format!(
                "{} cannot be {age}: limits count what happened in this month, so take {SHORTEST} or more",
                past.setting()
            );
            return Err(Refusal::new(why).into());
        }
        let text = age.map(|age| age.to_string());
        Ok(permit.set_setting(past.setting(), text.as_deref(), &self.act())?)
    }

    /// Removes what is older than its setting, in small steps: how many rows. What `Max-All-Session` and `Expire-After` count,
    /// and sessions that have not ended, stays.
    pub(crate) fn prune_past(&self, permit: &Permit<'_>, past: Past, stop: &Stop) -> Result<u64, AppError> {
        let Some(age) = self.kept_past(past)? else { return Ok(0) };
        let cutoff = self.before(age)?;
        let (mut pruned, mut after) = (0, 0);
        while !stop.load(Ordering::Relaxed) {
            let of = Pruning { what: past.what(), cutoff, setting: past.setting(), first: pruned == 0 };
            let removed = match past {
                Past::Logins => match permit.prune_logins(of, STEP, &self.act())? {
                    0 => break,
                    removed => removed,
                },
                Past::Sessions => match permit.prune_sessions(of, after, STEP, &self.act())? {
                    None => break,
                    Some((removed, last)) => {
                        after = last;
                        removed
                    }
                },
            };
            pruned += removed;
        }
        Ok(pruned)
    }
}
