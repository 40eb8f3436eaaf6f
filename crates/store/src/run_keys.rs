//! Requests that have made a run, for a day: the same one again is answered with the same run. A key is claimed before
//! anything else is done for its run, so of two who send it at once the second waits, and finds what the first has made.

use rollcall_domain::{AdministratorId, RequestKey, RunId, Timestamp};

use crate::StoreError;
use crate::areas::Runs;
use crate::columns::at;
use crate::db::{Tx, args};
use crate::sql::sql;

/// So many microseconds a key counts.
const LIFE: i64 = 86_400_000_000;
/// Old ones go so many at a time.
const MOST: i64 = 1_000;

sql! {
    // One that is too old is as good as none.
    CLAIM = "INSERT INTO run_keys (owner, key, request, run_id, created_at) VALUES (?1, ?2, ?3, 0, ?4) \
             ON CONFLICT (owner, key) DO UPDATE SET request = excluded.request, run_id = 0, created_at = excluded.created_at \
             WHERE run_keys.created_at <= ?5";
    FIND = "SELECT request, run_id FROM run_keys WHERE owner = ?1 AND key = ?2 AND created_at > ?3";
    SET_RUN = "UPDATE run_keys SET run_id = ?3 WHERE owner = ?1 AND key = ?2";
    // Nobody waits for somebody else who removes the same.
    FORGET = "DELETE FROM run_keys WHERE (owner, key) IN \
              (SELECT owner, key FROM run_keys WHERE created_at <= ?1 ORDER BY created_at LIMIT ?2)"
        => "DELETE FROM run_keys WHERE (owner, key) IN \
            (SELECT owner, key FROM run_keys WHERE created_at <= ?1 ORDER BY created_at LIMIT ?2 FOR UPDATE SKIP LOCKED)";
}

/// Whose key it is. No name of an account is a number.
fn owner(who: &str, id: Option<AdministratorId>) -> String {
    id.map_or_else(|| who.to_owned(), |id| id.to_string())
}

fn oldest(now: Timestamp) -> Timestamp {
    Timestamp::from_micros(now.as_micros() - LIFE).unwrap_or(Timestamp::MIN)
}

fn find(tx: &Tx<'_>, owner: &str, key: &RequestKey, now: Timestamp) -> Result<Option<RunId>, StoreError> {
    let found = tx.first(FIND, args![owner, key.key(), oldest(now)], |row| {
        Ok((row.get::<String>(at!(FIND, "request"))?, row.get::<RunId>(at!(FIND, "run_id"))?))
    })?;
    match found {
        Some((request, run)) if request != key.request() => Err(StoreError::KeyReused(run)),
        found => Ok(found.map(|(_, run)| run)),
    }
}

/// What comes of claiming a key.
pub(crate) enum Claiming {
    /// It serves the run that is being made.
    Claimed(Claim),
    /// The same request has made this run with it.
    Used(RunId),
}

/// A key that is claimed for a run that is being made.
pub(crate) struct Claim {
    owner: String,
    key: String,
}

/// Claims a key; [`StoreError::KeyReused`] if another request has made a run with it.
pub(crate) fn claim(
    tx: &Tx<'_>,
    (who, id): (&str, Option<AdministratorId>),
    key: &RequestKey,
    now: Timestamp,
) -> Result<Claiming, StoreError> {
    let claim = Claim { owner: owner(who, id), key: key.key() };
    let values = args![&claim.owner, &claim.key, key.request(), now, oldest(now)];
    if tx.execute(CLAIM, values)? > 0 {
        tx.execute(FORGET, args![oldest(now), MOST])?;
        return Ok(Claiming::Claimed(claim));
    }
    match find(tx, &claim.owner, key, now)? {
        Some(run) => Ok(Claiming::Used(run)),
        None => Err(StoreError::Corrupt("the key of a request that is there and is not".to_owned())),
    }
}

impl Claim {
    /// The run is made.
    pub(crate) fn serves(self, tx: &Tx<'_>, run: RunId) -> Result<(), StoreError> {
        tx.execute(SET_RUN, args![self.owner, self.key, run]).map(drop)
    }
}

impl Runs<'_> {
    /// The run that a request of somebody has made, if it is not long ago; [`StoreError::KeyReused`] if another request of
    /// theirs had its key.
    pub fn of_request(
        &self,
        who: &str,
        id: Option<AdministratorId>,
        key: &RequestKey,
        now: Timestamp,
    ) -> Result<Option<RunId>, StoreError> {
        self.0.read(|tx| find(tx, &owner(who, id), key, now))
    }

    /// Removes keys that count no more.
    pub fn forget_keys(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.0.write(|tx| tx.execute(FORGET, args![oldest(now), MOST]))
    }
}
