use rollcall_domain::{ByRun, Event, EventKey, RunId, UserId};

use crate::StoreError;
use crate::areas::History;
use crate::columns::at;
use crate::db::{args, only};
use crate::sql::sql;

sql! {
    // Newest first, before the target of a run at a moment: a run that goes on later writes later than runs after it.
    RUNS_PAGE = "SELECT o.written_at, o.journal, o.run_id, o.seq, r.script, r.script_version, r.administrator, r.applies, \
                 r.undoes FROM outcomes o JOIN runs r ON r.id = o.run_id \
                 WHERE o.user_id = ?1 AND o.written_at IS NOT NULL AND (o.written_at, o.run_id, o.seq) < (?2, ?3, ?4) \
                 ORDER BY o.written_at DESC, o.run_id DESC, o.seq DESC LIMIT ?5";
    // An edit comes after what runs have written at the same moment.
    EDITS_PAGE = "SELECT at, journal, id, administrator FROM edits WHERE user_id = ?1 AND (at, id) < (?2, ?3) \
                  ORDER BY at DESC, id DESC LIMIT ?4";
    HAS_CHANGED = "SELECT 1 FROM outcomes WHERE user_id = ?2 AND run_id = ?1 AND written_at IS NOT NULL";
    FORMER_ID = "SELECT user_id FROM outcomes WHERE run_id = ?1 AND username = ?2 ORDER BY seq LIMIT 1";
}

impl History<'_> {
    /// The next changes of a user by runs, newest first, before those of this key.
    pub fn by_runs(&self, user: UserId, before: EventKey, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.0.read(|tx| {
            tx.all(RUNS_PAGE, args![user, before.0, before.1, before.2, limit], |row| {
                let (at, run, target) = (
                    row.get(at!(RUNS_PAGE, "written_at"))?,
                    row.get(at!(RUNS_PAGE, "run_id"))?,
                    row.get(at!(RUNS_PAGE, "seq"))?,
                );
                Ok(Event {
                    at,
                    administrator: row.get(at!(RUNS_PAGE, "administrator"))?,
                    by: Some(ByRun {
                        run,
                        target,
                        script: row.get(at!(RUNS_PAGE, "script"))?,
                        script_version: row.get(at!(RUNS_PAGE, "script_version"))?,
                        applies: row.get(at!(RUNS_PAGE, "applies"))?,
                        undoes: row.get(at!(RUNS_PAGE, "undoes"))?,
                    }),
                    changes: row.json(at!(RUNS_PAGE, "journal"))?,
                    key: (at, run, target),
                })
            })
        })
    }

    /// The next edits of a user by hand, newest first, before those of this key.
    pub fn by_hand(
        &self,
        user: UserId,
        (before, run, number): EventKey,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let number = if run > 0 { i64::MAX } else { number };
        self.0.read(|tx| {
            tx.all(EDITS_PAGE, args![user, before, number, limit], |row| {
                let at = row.get(at!(EDITS_PAGE, "at"))?;
                Ok(Event {
                    at,
                    administrator: row.get(at!(EDITS_PAGE, "administrator"))?,
                    by: None,
                    changes: row.json(at!(EDITS_PAGE, "journal"))?,
                    key: (at, 0, row.get(at!(EDITS_PAGE, "id"))?),
                })
            })
        })
    }

    /// Whether a run has written changes of this user.
    pub fn has_changed(&self, run: RunId, user: UserId) -> Result<bool, StoreError> {
        self.0.read(|tx| tx.exists(HAS_CHANGED, args![run, user]))
    }

    /// The user who was called `username` before a run that had them as a target.
    pub fn former_user(&self, run: RunId, username: &str) -> Result<Option<UserId>, StoreError> {
        self.0.read(|tx| tx.first(FORMER_ID, args![run, username], only))
    }
}
