//! A run without a script: what a preview has planned is written, or what an earlier run has written is taken back.
//! Every user is looked at before: whoever is not as they have to be is left alone, with what was found.

use std::collections::{HashMap, HashSet};

use crossbeam_channel::bounded;
use rollcall_domain::{Mismatch, Mode, Outcome, Replay, Run, Tally, TargetOutcome, User, UserId, diff};
use rollcall_store::{Loaded, Planned, Settled};

use super::evaluate::{in_conflict, keep_left, of_user, plan_before, planned_update};
use super::guard::guarded;
use super::ledger::{Ledger, Written, chunk_size};
use crate::app::App;
use crate::error::{AppError, ended_early};

/// What differs is named up to here; the rest is counted.
const NAMED: usize = 5;

/// Replays the ledger's chunk, until it is through or the ledger says that it ends.
pub(super) fn replay(
    app: &App,
    run: &Run,
    replay: Replay,
    window: i64,
    ledger: &mut Ledger<'_>,
) -> Result<(), AppError> {
    let last = ledger.last();
    let chunk = window.min(i64::try_from(chunk_size()).unwrap_or(i64::MAX));
    let player = Player { app, run, replay, chunk, last };
    // Several targets of one user build on each other, so they are read when those before are committed.
    if run.repeats {
        while ledger.cursor() < ledger.last() && !ledger.ends()? {
            let settled = player.settle_after(ledger.cursor())?;
            player.commit(ledger, settled)?;
        }
        return Ok(());
    }
    let first = ledger.cursor();
    std::thread::scope(|scope| {
        let (ahead, settled) = bounded(1);
        scope.spawn(move || {
            let mut after = first;
            while after < last {
                let settled = guarded("loader", || {
                    fail::fail_point!("thread.replay_loader");
                    player.settle_after(after)
                });
                let failed = settled.is_err();
                if ahead.send(settled).is_err() || failed {
                    return;
                }
                after = player.end_of(after);
            }
        });
        // Others may take their share of the chunk meanwhile.
        while ledger.cursor() < ledger.last() && !ledger.ends()? {
            let settled = settled.recv().map_err(|_| ended_early("loader"))??;
            fail::fail_point!("thread.replay_committer");
            player.commit(ledger, settled)?;
        }
        Ok(())
    })
}

#[derive(Clone, Copy)]
struct Player<'a> {
    app: &'a App,
    run: &'a Run,
    replay: Replay,
    chunk: i64,
    last: i64,
}

impl Player<'_> {
    /// The last target of the chunk after target `after`.
    fn end_of(&self, after: i64) -> i64 {
        (after + self.chunk).min(self.last)
    }

    /// The outcomes of the next targets after `after`, on the users as they are now.
    fn settle_after(&self, after: i64) -> Result<Vec<Settled>, AppError> {
        let Self { app, run, replay, .. } = *self;
        let now = match run.mode {
            Mode::Preview => planned_update(run.created_at),
            Mode::Apply => app.now(),
        };
        let mut left: HashMap<UserId, User> = HashMap::new();
        let mut earlier: HashMap<UserId, (Option<String>, Outcome)> = HashMap::new();
        // Users of whom somebody else has changed what earlier targets have planned to change.
        let mut fallen = HashSet::new();
        let mut chunk = Vec::new();
        for planned in
            app.store_unchecked().chunks().load_planned(run.id, replay, after, self.end_of(after))?
        {
            if !run.repeats {
                chunk.push(self.settle(planned, None));
                continue;
            }
            let Loaded { target, user_id, prior, .. } = planned.loaded;
            let mut planned = planned;
            let mut stands = true;
            if let Some(before) = left.remove(&user_id) {
                planned.loaded.user = Some(before);
            } else if let (Some(user), Some(_), Mode::Preview) = (&mut planned.loaded.user, prior, run.mode) {
                stands = plan_before(app, run, target, user)?;
            }
            if !stands {
                fallen.insert(user_id);
            }
            let same_user = match (prior, earlier.remove(&user_id)) {
                (Some(prior), None) => {
                    let outcome = app.store_unchecked().outcomes().page(run.id, None, prior - 1, 1)?.pop();
                    outcome.map(|outcome| (outcome.username, outcome.outcome))
                }
                (_, known) => known,
            };
            let conflict = match (&same_user, replay) {
                _ if fallen.contains(&user_id) => {
                    Some("somebody else has changed what the preview planned to change")
                }
                // The version alone does not tell: the one that the plan wants may be somebody else's.
                (Some((_, outcome)), Replay::Plan(_)) if *outcome != Outcome::Changed => {
                    Some("the plan builds on an earlier target of the user, which was not written as planned")
                }
                _ => None,
            };
            let before = planned.loaded.user.clone();
            let mut settled = self.settle(planned, conflict);
            if let Some((username, _)) = same_user {
                // As before the run, whatever earlier targets have made of it.
                settled = settled.called(username);
            }
            let TargetOutcome { username, outcome, .. } = settled.outcome();
            earlier.insert(user_id, (username.clone(), *outcome));
            chunk.push(match before {
                Some(before) => {
                    let kept = keep_left(before, settled, now);
                    left.extend(kept.left.map(|user| (user_id, user)));
                    kept.settled
                }
                None => settled,
            });
        }
        Ok(chunk)
    }

    /// What becomes of one target; a conflict if there is already a reason for one.
    fn settle(&self, planned: Planned, conflict: Option<&str>) -> Settled {
        let Planned { loaded, username, organization_id, changes, version, dated } = planned;
        let Loaded { target, user_id, user, .. } = loaded;
        let Some(user) = user else {
            let known = TargetOutcome {
                username,
                organization_id,
                ..TargetOutcome::new(target, user_id, Outcome::Conflict)
            };
            return in_conflict(known, None, format!("removed since {}", self.source()), Vec::new());
        };
        let known = of_user(target, &user);
        if let Some(why) = conflict {
            let mismatches = match self.replay {
                Replay::Plan(_) => user.after(&changes).err().unwrap_or_default(),
                Replay::Inverse(_) => Vec::new(),
            };
            return in_conflict(known, Some(&user), why, mismatches);
        }
        let after = match self.replay {
            Replay::Plan(_) if version != Some(user.version) => {
                Err(user.after(&changes).err().unwrap_or_default())
            }
            Replay::Plan(_) => user.after(&changes),
            Replay::Inverse(_) => user.before(&changes),
        };
        let after = match after {
            Ok(after) => after,
            Err(mismatches) => {
                return in_conflict(known, Some(&user), self.explain(&mismatches), mismatches);
            }
        };
        let changes = diff(&user, &after);
        let version = Some(user.version);
        if changes.is_empty() {
            return Settled::new(known, version, None);
        }
        let dated = match self.replay {
            Replay::Plan(_) => dated,
            Replay::Inverse(_) => after.last_update != user.last_update,
        };
        let outcome = TargetOutcome { outcome: Outcome::Changed, changes, dated, ..known };
        Settled::new(outcome, version, Some(after))
    }

    /// The run that said what is to be done.
    fn source(&self) -> String {
        match self.replay {
            Replay::Plan(preview) => format!("preview {preview}"),
            Replay::Inverse(run) => format!("run {run}"),
        }
    }

    fn explain(&self, mismatches: &[Mismatch]) -> String {
        let since = format!("changed since {}", self.source());
        if mismatches.is_empty() {
            return format!("{since}, though in nothing that the plan changes; preview it anew");
        }
        let named: Vec<_> = mismatches.iter().take(NAMED).map(ToString::to_string).collect();
        let more = match mismatches.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        format!("{since}: {}{more}", named.join("; "))
    }

    /// Commits a chunk, whoever else writes to its users meanwhile: what is no longer right is settled anew.
    fn commit(&self, ledger: &mut Ledger<'_>, mut settled: Vec<Settled>) -> Result<(), AppError> {
        let end = self.end_of(ledger.cursor());
        loop {
            // A user is looked at again only when everything before is committed, so each look gets further unless
            // somebody changes that very user in between.
            match ledger.commit(&settled)? {
                Written::Done(done, _) if done == settled.len() => {}
                Written::Done(..) => return Ok(()), // the run or the chunk ends here
                Written::Stale(numbers) => {
                    let fine = numbers.first().map_or(0, |first| first - ledger.cursor() - 1);
                    settled.truncate(usize::try_from(fine).unwrap_or(0));
                    ledger.commit(&settled)?;
                }
            }
            ledger.tell(Tally::default);
            if ledger.cursor() >= end.min(ledger.last()) || ledger.ends()? {
                return Ok(());
            }
            settled = self.settle_after(ledger.cursor())?;
            settled.truncate(usize::try_from(end - ledger.cursor()).unwrap_or(usize::MAX));
        }
    }
}
