//! What administrators prove themselves with. Only hashes come here, except of an authenticator's secret, and nothing
//! of it is in an error: values are bound, and no constraint quotes them.

pub(crate) mod attempts;
pub(crate) mod sessions;
pub(crate) mod set_up;
pub(crate) mod tokens;

use std::time::Duration;

use rollcall_domain::{Act, Action, Administrator, AdministratorId, Deed, Secret, SessionId};

use crate::administrators::check_there;
use crate::areas::Credentials;
use crate::columns::at;
use crate::db::{Row, Tx, args, only};
use crate::sql::sql;
use crate::transaction::Decision;
use crate::{Store, StoreError, administrators, audit};

pub use attempts::{Attempt, Tries};
pub use sessions::{Factor, NewSession};
pub use set_up::SetUp;
pub use tokens::NewToken;

sql! {
    PROOFS = "SELECT a.id, p.hash, t.secret, t.last_step FROM administrators a \
              LEFT JOIN passwords p ON p.administrator_id = a.id \
              LEFT JOIN authenticators t ON t.administrator_id = a.id AND t.confirmed_at IS NOT NULL \
              WHERE a.name = ?1 AND a.removed_at IS NULL";
    UNUSED_CODES = "SELECT r.hash FROM recovery_codes r JOIN administrators a ON a.id = r.administrator_id \
                    WHERE a.name = ?1 AND a.removed_at IS NULL AND r.used_at IS NULL";
    SET_PASSWORD = "INSERT INTO passwords (administrator_id, hash, changed_at) VALUES (?1, ?2, ?3) \
                    ON CONFLICT (administrator_id) \
                    DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at";
    // One that works stays until it is removed.
    ENROL = "INSERT INTO authenticators (administrator_id, secret, last_step) VALUES (?1, ?2, 0) \
             ON CONFLICT (administrator_id) DO UPDATE SET secret = excluded.secret \
             WHERE authenticators.confirmed_at IS NULL";
    AUTHENTICATOR = "SELECT secret, last_step FROM authenticators WHERE administrator_id = ?1 AND confirmed_at IS NULL";
    CONFIRM = "UPDATE authenticators SET confirmed_at = ?4, last_step = ?3 \
               WHERE administrator_id = ?1 AND secret = ?2 AND confirmed_at IS NULL";
    ADD_CODE = "INSERT INTO recovery_codes (administrator_id, hash) VALUES (?1, ?2)";
    REMOVE_PASSWORD = "DELETE FROM passwords WHERE administrator_id = ?1";
    REMOVE_AUTHENTICATOR = "DELETE FROM authenticators WHERE administrator_id = ?1";
    REMOVE_CODES = "DELETE FROM recovery_codes WHERE administrator_id = ?1";
}

/// What whoever signs in as an administrator has to know or have.
#[derive(Debug, Default)]
pub struct Proofs {
    /// Whose.
    pub administrator: AdministratorId,
    /// The hash of their password, if they have one.
    pub password: Option<Secret>,
    /// Their authenticator, if it is asked for.
    pub authenticator: Option<Authenticator>,
    /// Hashes of the recovery codes that they have left.
    pub recovery: Vec<Secret>,
}

/// What makes codes.
#[derive(Debug)]
pub struct Authenticator {
    /// In base32.
    pub secret: Secret,
    /// Codes of this step of time and of those before count no more.
    pub last_step: i64,
}

fn authenticator(secret: Option<String>, last_step: Option<i64>) -> Option<Authenticator> {
    Some(Authenticator { secret: Secret::new(secret?), last_step: last_step? })
}

fn proofs(row: &Row<'_>) -> Result<Proofs, StoreError> {
    Ok(Proofs {
        administrator: row.get(at!(PROOFS, "id"))?,
        password: row.get::<Option<String>>(at!(PROOFS, "hash"))?.map(Secret::new),
        authenticator: authenticator(row.get(at!(PROOFS, "secret"))?, row.get(at!(PROOFS, "last_step"))?),
        recovery: Vec::new(),
    })
}

/// Removes everything with which somebody could prove to be an administrator.
pub(crate) fn forget(tx: &Tx<'_>, who: AdministratorId) -> Result<(), StoreError> {
    for statement in [REMOVE_PASSWORD, REMOVE_AUTHENTICATOR, REMOVE_CODES] {
        tx.execute(statement, args![who])?;
    }
    sessions::forget(tx, who, None)?;
    tokens::forget(tx, who)
}

/// What is done to what an administrator proves themselves with.
pub(crate) fn deed(action: Action, who: &Administrator) -> Deed {
    administrators::deed(action, &who.name).with("id", who.id)
}

fn record(tx: &Tx<'_>, act: &Act<'_>, action: Action, who: &Administrator) -> Result<(), StoreError> {
    audit::record(tx, act, &deed(action, who))
}

impl Credentials<'_> {
    /// What proves to be the administrator of this name. It takes the same statements whether there is one or not.
    pub fn proofs(&self, name: &str) -> Result<Option<Proofs>, StoreError> {
        self.0.read(|tx| {
            let found = tx.first(PROOFS, args![name], proofs)?;
            let recovery = tx.all(UNUSED_CODES, args![name], |row| Ok(Secret::new(only::<String>(row)?)))?;
            Ok(found.map(|found| Proofs { recovery, ..found }))
        })
    }

    /// Gives an administrator another password, of which this is the hash, and ends their sessions but for `keep`.
    pub fn set_password(
        &self,
        who: &Administrator,
        hash: &Secret,
        keep: Option<SessionId>,
        act: &Act<'_>,
    ) -> Result<(), StoreError> {
        self.0.write(|tx| {
            check_there(tx, who)?;
            tx.execute(SET_PASSWORD, args![who.id, hash.reveal(), act.at])?;
            sessions::forget(tx, who.id, keep)?;
            record(tx, act, Action::PasswordSet, who)
        })
    }

    /// Keeps the secret of an authenticator that is to be confirmed; says whether there is none yet that works.
    pub fn enrol_authenticator(&self, who: &Administrator, secret: &Secret) -> Result<bool, StoreError> {
        self.0.write(|tx| {
            check_there(tx, who)?;
            Ok(tx.execute(ENROL, args![who.id, secret.reveal()])? > 0)
        })
    }

    /// The authenticator that is to be confirmed.
    pub fn unconfirmed_authenticator(
        &self,
        who: &Administrator,
    ) -> Result<Option<Authenticator>, StoreError> {
        let found = self.0.read(|tx| {
            tx.first(AUTHENTICATOR, args![who.id], |row| {
                Ok((row.get(at!(AUTHENTICATOR, "secret"))?, row.get(at!(AUTHENTICATOR, "last_step"))?))
            })
        })?;
        Ok(found.and_then(|(secret, last_step)| authenticator(secret, last_step)))
    }

    /// From now on the authenticator with this secret is asked for, and these are the hashes of the recovery codes.
    /// Says whether it was still to be confirmed.
    pub fn confirm_authenticator(
        &self,
        who: &Administrator,
        authenticator: &Authenticator,
        codes: &[Secret],
        act: &Act<'_>,
    ) -> Result<bool, StoreError> {
        self.0.write(|tx| {
            check_there(tx, who)?;
            let Authenticator { secret, last_step } = authenticator;
            if tx.execute(CONFIRM, args![who.id, secret.reveal(), *last_step, act.at])? == 0 {
                return Ok(false);
            }
            tx.execute(REMOVE_CODES, args![who.id])?;
            for code in codes {
                tx.execute(ADD_CODE, args![who.id, code.reveal()])?;
            }
            record(tx, act, Action::AuthenticatorSet, who)?;
            Ok(true)
        })
    }

    /// Asks for no code any more; says whether one was asked for, or was about to be.
    pub fn remove_authenticator(&self, who: &Administrator, act: &Act<'_>) -> Result<bool, StoreError> {
        self.0.write(|tx| {
            check_there(tx, who)?;
            tx.execute(REMOVE_CODES, args![who.id])?;
            let removed = tx.execute(REMOVE_AUTHENTICATOR, args![who.id])? > 0;
            if removed {
                record(tx, act, Action::AuthenticatorRemove, who)?;
            }
            Ok(removed)
        })
    }
}

impl Store {
    /// Notes when something was used. Nobody waits for that: where others are writing, it is noted another time.
    fn note(&self, work: impl FnOnce(&Tx<'_>) -> Result<u64, StoreError>) -> Result<(), StoreError> {
        match self.write_or_roll_back(Duration::ZERO, |tx| work(tx).map(|_| Decision::Commit(()))) {
            Err(StoreError::Busy) => Ok(()),
            done => done,
        }
    }
}
