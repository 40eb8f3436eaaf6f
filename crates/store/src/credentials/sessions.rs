use rollcall_domain::{Act, Action, Administrator, AdministratorId, Secret, Session, SessionId, Timestamp};

use super::deed;
use crate::administrators::{by_id, check_there};
use crate::areas::Sessions;
use crate::columns::{Columns, at, read};
use crate::db::{Row, Tx, args};
use crate::sql::{sql, text};
use crate::{StoreError, audit};

/// The start of a statement that gives sessions, as [`session`] reads them.
const SELECT: Columns =
    Columns("SELECT id, created_at, seen_at, expires_at, address, agent, administrator_id FROM sessions ");

sql! {
    STILL_PASSWORD = "SELECT 1 FROM passwords WHERE administrator_id = ?1 AND hash = ?2";
    NO_CODE_ASKED = "SELECT 1 FROM administrators a WHERE a.id = ?1 AND NOT EXISTS \
                     (SELECT 1 FROM authenticators t WHERE t.administrator_id = a.id AND t.confirmed_at IS NOT NULL)";
    USE_STEP = "UPDATE authenticators SET last_step = ?3 \
                WHERE administrator_id = ?1 AND secret = ?2 AND confirmed_at IS NOT NULL AND last_step < ?3";
    USE_CODE = "UPDATE recovery_codes SET used_at = ?3 WHERE administrator_id = ?1 AND hash = ?2 AND used_at IS NULL";
    INSERT = "INSERT INTO sessions (administrator_id, hash, created_at, seen_at, expires_at, address, agent) \
              VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6) RETURNING id";
    BY_HASH = text!(SELECT.0, "WHERE hash = ?1");
    LIST = text!(SELECT.0, "WHERE administrator_id = ?1 ORDER BY seen_at DESC, id DESC");
    PAGE = text!(SELECT.0, "WHERE administrator_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
    SEE = "UPDATE sessions SET seen_at = ?2 WHERE id = ?1 AND seen_at < ?2";
    END = "DELETE FROM sessions WHERE hash = ?1";
    END_ONE = "DELETE FROM sessions WHERE administrator_id = ?1 AND id = ?2";
    END_OTHERS = "DELETE FROM sessions WHERE administrator_id = ?1 AND id <> ?2";
    END_OLD = "DELETE FROM sessions WHERE administrator_id = ?1 AND expires_at <= ?2";
}

/// What was shown besides the password.
#[derive(Debug)]
pub enum Factor {
    /// Nothing, since nothing is asked for.
    None,
    /// A code of the authenticator with this secret, of this step.
    Code(Secret, i64),
    /// The recovery code of this hash.
    Recovery(Secret),
}

/// A session that is to begin, with what it is founded on.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// Whose.
    pub administrator: AdministratorId,
    /// The hash of the password that was shown.
    pub password: &'a Secret,
    /// What was shown besides.
    pub factor: &'a Factor,
    /// The hash of its token.
    pub hash: &'a Secret,
    /// The hash of the session's token that it takes the place of.
    pub instead_of: Option<&'a Secret>,
    /// When it begins.
    pub now: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// From where.
    pub address: &'a str,
    /// With which browser.
    pub agent: &'a str,
}

fn session(row: &Row<'_>) -> Result<(Session, AdministratorId), StoreError> {
    let session = read!(row, SELECT => Session { id, created_at, seen_at, expires_at, address, agent });
    Ok((session, row.get(at!(SELECT, "administrator_id"))?))
}

/// Something that an administrator does by themselves.
fn by(who: &Administrator, at: Timestamp) -> Act<'_> {
    Act { at, who: &who.name, administrator_id: Some(who.id), address: None }
}

/// Ends all sessions of an administrator but for one; how many.
pub(super) fn forget(tx: &Tx<'_>, who: AdministratorId, keep: Option<SessionId>) -> Result<u64, StoreError> {
    // No session has the number 0.
    tx.execute(END_OTHERS, args![who, keep.unwrap_or(0)])
}

/// Uses up what was shown, and says whether it still counts: it may have been changed or used since it was looked at.
fn counts(tx: &Tx<'_>, new: &NewSession<'_>) -> Result<bool, StoreError> {
    let who = new.administrator;
    if !tx.exists(STILL_PASSWORD, args![who, new.password.reveal()])? {
        return Ok(false);
    }
    match new.factor {
        Factor::None => tx.exists(NO_CODE_ASKED, args![who]),
        Factor::Code(secret, step) => Ok(tx.execute(USE_STEP, args![who, secret.reveal(), *step])? > 0),
        Factor::Recovery(hash) => Ok(tx.execute(USE_CODE, args![who, hash.reveal(), new.now])? > 0),
    }
}

impl Sessions<'_> {
    /// Begins a session, if what it is founded on still counts.
    pub fn begin(&self, new: &NewSession<'_>) -> Result<Option<(Session, Administrator)>, StoreError> {
        self.0.write(|tx| {
            let Some(administrator) = by_id(tx, new.administrator)? else { return Ok(None) };
            check_there(tx, &administrator)?;
            if !counts(tx, new)? {
                return Ok(None);
            }
            if let Some(old) = new.instead_of {
                tx.execute(END, args![old.reveal()])?;
            }
            tx.execute(END_OLD, args![administrator.id, new.now])?;
            let NewSession { hash, now, expires_at, address, agent, .. } = *new;
            let inserted = args![administrator.id, hash.reveal(), now, expires_at, address, agent];
            let id = tx.value(INSERT, inserted)?;
            let (address, agent) = (address.to_owned(), agent.to_owned());
            let act = Act { address: Some(new.address), ..by(&administrator, now) };
            audit::record(tx, &act, &deed(Action::SignIn, &administrator).with("session", id))?;
            let session = Session { id, created_at: now, seen_at: now, expires_at, address, agent };
            Ok(Some((session, administrator)))
        })
    }

    /// The session with a token of this hash, and whose it is.
    pub fn by_hash(&self, hash: &Secret) -> Result<Option<(Session, Administrator)>, StoreError> {
        self.0.read(|tx| {
            let Some((session, who)) = tx.first(BY_HASH, args![hash.reveal()], session)? else {
                return Ok(None);
            };
            Ok(by_id(tx, who)?.map(|administrator| (session, administrator)))
        })
    }

    /// Notes that a session was used.
    pub fn see(&self, id: SessionId, now: Timestamp) -> Result<(), StoreError> {
        self.0.note(|tx| tx.execute(SEE, args![id, now]))
    }

    /// The sessions of an administrator, the last used first; some of them may be over.
    pub fn of(&self, who: &Administrator) -> Result<Vec<Session>, StoreError> {
        self.0.read(|tx| tx.all(LIST, args![who.id], |row| Ok(session(row)?.0)))
    }

    /// The next sessions of an administrator before session `before`, newest first; some of them may be over.
    pub fn page(
        &self,
        who: &Administrator,
        before: SessionId,
        limit: u32,
    ) -> Result<Vec<Session>, StoreError> {
        self.0.read(|tx| tx.all(PAGE, args![who.id, before, limit], |row| Ok(session(row)?.0)))
    }

    /// Ends the session with a token of this hash, if there is one: its administrator signs out.
    pub fn end(&self, hash: &Secret, now: Timestamp) -> Result<(), StoreError> {
        self.0.write(|tx| {
            let Some((session, who)) = tx.first(BY_HASH, args![hash.reveal()], session)? else {
                return Ok(());
            };
            if tx.execute(END, args![hash.reveal()])? == 0 {
                return Ok(());
            }
            let Some(who) = by_id(tx, who)? else { return Ok(()) };
            audit::record(tx, &by(&who, now), &deed(Action::SignOut, &who).with("session", session.id))
        })
    }

    /// Ends a session of an administrator; says whether there was one of this number.
    pub fn revoke(&self, who: &Administrator, id: SessionId, act: &Act<'_>) -> Result<bool, StoreError> {
        self.0.write(|tx| {
            let ended = tx.execute(END_ONE, args![who.id, id])? > 0;
            if ended {
                audit::record(tx, act, &deed(Action::SessionRevoke, who).with("session", id))?;
            }
            Ok(ended)
        })
    }

    /// Ends all sessions of an administrator but for `keep`; how many.
    pub fn revoke_all(
        &self,
        who: &Administrator,
        keep: Option<SessionId>,
        act: &Act<'_>,
    ) -> Result<u64, StoreError> {
        self.0.write(|tx| {
            let ended = forget(tx, who.id, keep)?;
            if ended > 0 {
                audit::record(tx, act, &deed(Action::SessionRevoke, who).with("sessions", ended))?;
            }
            Ok(ended)
        })
    }
}
