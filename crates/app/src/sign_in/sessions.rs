use rollcall_domain::{Administrator, NOTED_EVERY, Secret, Session, SessionId};
use rollcall_store::StoreError;

use super::credentials::Credentials;
use super::denied::Denied;
use super::random;
use crate::error::AppError;
use crate::pages::{first, pages};

impl Credentials {
    /// The session with this token, if it has not ended, and who is signed in with it.
    pub fn session(&self, token: &Secret) -> Result<(Session, Administrator), AppError> {
        let now = self.shared.now();
        let found = self
            .shared
            .store_unchecked()
            .sessions()
            .by_hash(&random::hash(token))?
            .filter(|(session, _)| !session.is_over(now));
        let (mut session, administrator) = found.ok_or(Denied::Session)?;
        if now >= session.seen_at.plus(NOTED_EVERY) {
            self.shared.store_unchecked().sessions().see(session.id, now)?;
            session.seen_at = now;
        }
        Ok((session, administrator))
    }

    /// The sessions of an administrator, the last used first.
    pub fn sessions(&self, who: &Administrator) -> Result<Vec<Session>, AppError> {
        let now = self.shared.now();
        let sessions = self.shared.store_unchecked().sessions().of(who)?;
        Ok(sessions.into_iter().filter(|session| !session.is_over(now)).collect())
    }

    /// The next sessions of an administrator that have not ended, newest first, after session `after`.
    pub fn sessions_after(
        &self,
        who: &Administrator,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Session>, AppError> {
        let now = self.shared.now();
        let page = |before| Ok(self.shared.store_unchecked().sessions().page(who, before, limit)?);
        let all = pages(after.unwrap_or(SessionId::MAX), page, |session: &Session| session.id);
        first(all.filter(|session| session.as_ref().map_or(true, |session| !session.is_over(now))), limit)
    }

    /// Ends the session with this token, if there is one.
    pub fn sign_out(&self, token: &Secret) -> Result<(), AppError> {
        Ok(self.shared.store_unchecked().sessions().end(&random::hash(token), self.shared.now())?)
    }

    /// Ends a session of an administrator.
    pub fn revoke_session(&self, who: &Administrator, id: SessionId) -> Result<(), AppError> {
        if self.shared.store_unchecked().sessions().revoke(who, id, &self.act())? {
            return Ok(());
        }
        Err(StoreError::NoSuch(format!("session {id} of {:?}", who.name)).into())
    }

    /// Ends all sessions of an administrator but for `keep`; how many.
    pub fn revoke_sessions(&self, who: &Administrator, keep: Option<&Session>) -> Result<u64, AppError> {
        Ok(self.shared.store_unchecked().sessions().revoke_all(
            who,
            keep.map(|session| session.id),
            &self.act(),
        )?)
    }
}
