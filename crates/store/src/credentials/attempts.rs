//! Attempts to sign in are counted as failures before they are looked at, so that many at once are no way around
//! waiting. One that succeeds is taken back to the very state before: nothing tells a stranger that somebody has signed
//! in.

use rollcall_domain::{BackOff, Timestamp};

use crate::StoreError;
use crate::areas::Credentials;
use crate::columns::at;
use crate::db::args;
use crate::sql::sql;
use crate::sqlite::BUSY;
use crate::transaction::Decision;

sql! {
    // Whether it is there or not, nobody else counts under the key until this is committed.
    LOCK = "INSERT INTO failures (key, count, last_at) VALUES (?1, 0, ?2) \
            ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING count, last_at, blocked_until";
    COUNT = "UPDATE failures SET count = ?2, last_at = ?3, blocked_until = ?4 WHERE key = ?1";
    TAKE_BACK = "UPDATE failures SET count = count - 1, last_at = CASE WHEN count = ?2 THEN ?3 ELSE last_at END, \
                 blocked_until = CASE WHEN count = ?2 THEN NULL ELSE blocked_until END WHERE key = ?1 AND count > 0";
    LIFT = "DELETE FROM failures WHERE key = ?1";
    FORGET = "DELETE FROM failures WHERE last_at <= ?1"
        => "DELETE FROM failures WHERE key IN \
            (SELECT key FROM failures WHERE last_at <= ?1 ORDER BY key FOR UPDATE SKIP LOCKED)";
}

/// An attempt that may go on, and is a failure until it is taken back.
#[derive(Debug)]
pub struct Attempt(Vec<Counted>);

#[derive(Debug)]
struct Counted {
    key: String,
    count: i64,
    last_at: Timestamp,
}

/// What becomes of an attempt.
#[derive(Debug)]
pub enum Tries {
    /// It may go on.
    Allowed(Attempt),
    /// Not before then.
    Blocked(Timestamp),
}

impl Credentials<'_> {
    /// Counts an attempt under each of these keys, unless one of them has to wait: then nothing is counted. `forgotten`
    /// is the time before which failures count no more. The keys are always given in the same order.
    pub fn begin_attempt(
        &self,
        keys: &[(String, BackOff)],
        forgotten: Timestamp,
        now: Timestamp,
    ) -> Result<Tries, StoreError> {
        self.0.write_or_roll_back(BUSY, |tx| {
            let mut counted = Vec::new();
            let mut blocked = None;
            for (key, _) in keys {
                let row = tx.first(LOCK, args![key, now], |row| {
                    Ok((
                        row.get(at!(LOCK, "count"))?,
                        row.get(at!(LOCK, "last_at"))?,
                        row.get(at!(LOCK, "blocked_until"))?,
                    ))
                })?;
                let (count, last_at, until): (i64, Timestamp, Option<Timestamp>) =
                    row.ok_or_else(|| StoreError::Corrupt("a row that was locked is gone".to_owned()))?;
                blocked = blocked.max(until.filter(|until| *until > now));
                let count = if last_at <= forgotten { 1 } else { count + 1 };
                counted.push(Counted { key: key.clone(), count, last_at });
            }
            if let Some(until) = blocked {
                return Ok(Decision::RollBack(Tries::Blocked(until)));
            }
            for ((_, back_off), Counted { key, count, .. }) in keys.iter().zip(&counted) {
                let pause = back_off.pause(u32::try_from(*count).unwrap_or(u32::MAX));
                tx.execute(COUNT, args![key, *count, now, pause.map(|pause| now.plus(pause))])?;
            }
            tx.execute(FORGET, args![forgotten])?;
            Ok(Decision::Commit(Tries::Allowed(Attempt(counted))))
        })
    }

    /// It was no failure.
    pub fn take_back_attempt(&self, attempt: &Attempt) -> Result<(), StoreError> {
        self.0.write(|tx| {
            for Counted { key, count, last_at } in &attempt.0 {
                tx.execute(TAKE_BACK, args![key, *count, *last_at])?;
            }
            Ok(())
        })
    }

    /// Whoever was to wait needs not.
    pub fn lift_block(&self, key: &str) -> Result<(), StoreError> {
        self.0.write(|tx| tx.execute(LIFT, args![key]).map(drop))
    }
}
