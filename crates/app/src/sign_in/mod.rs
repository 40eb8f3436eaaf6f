//! How administrators prove who they are, for whichever door they come to: with a password and, if they have an
//! authenticator, a code; then with a session; programs with a token.

mod hasher;
pub(crate) mod random;
mod second;
mod sessions;
mod set_up;
#[cfg(test)]
mod tests;
mod tokens;
mod totp;

use std::net::IpAddr;
use std::sync::Arc;

use rollcall_domain::{
    Act, Action, Administrator, BackOff, Clock, Deed, Secret, Session, Timestamp, check_administrator_name,
    check_password,
};
use rollcall_store::{NewSession, Proofs, Store, StoreError, Tries};

use crate::{Actor, App, AppError};
use hasher::Hasher;

pub use second::Enrolment;

/// The longest description of a browser, in characters.
const MAX_AGENT: usize = 200;

/// Why somebody is not let in. It tells nothing about whether there is such an administrator, or what was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Not who they say.
    #[error("the name, the password or the code is wrong")]
    SignIn,
    /// Too many have failed.
    #[error("too many attempts have failed: try again in {0} s")]
    Wait(u64),
    /// No session.
    #[error("the session has ended: sign in again")]
    Session,
    /// No token.
    #[error("the token does not count: it is wrong, has expired or was revoked")]
    Token,
    /// No link.
    #[error("the link does not count: it was used, is too old, or a later one was made")]
    Link,
    /// An authenticator that does not work yet.
    #[error(
        "the code is wrong: type the one that the authenticator shows now, and see that its clock is right"
    )]
    Code,
}

/// What somebody shows to be let in.
#[derive(Debug, Clone, Copy)]
pub struct SignIn<'a> {
    /// Who they say they are.
    pub name: &'a str,
    /// Their password.
    pub password: &'a Secret,
    /// A code of their authenticator or a recovery code, if they have typed one.
    pub second: Option<&'a Secret>,
    /// Where they come from.
    pub address: IpAddr,
    /// What their browser calls itself.
    pub agent: &'a str,
    /// The token of a session that they had until now, which ends.
    pub instead_of: Option<&'a Secret>,
}

/// Somebody was let in.
#[derive(Debug)]
pub struct SignedIn {
    /// What they show from now on. It is nowhere else.
    pub token: Secret,
    /// Their session.
    pub session: Session,
    /// Who they are.
    pub administrator: Administrator,
}

/// Lets administrators in. A process has one of it, since that bounds how much memory passwords take.
#[derive(Clone)]
pub struct Credentials {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    hasher: Arc<Hasher>,
    /// On whose behalf credentials are changed.
    by: Actor,
}

impl App {
    /// What lets administrators in, for doors: whoever comes there has no rights yet. A door keeps it.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        let hasher = Arc::new(Hasher::for_this_machine());
        Credentials {
            store: self.vault.for_sign_in(),
            clock: Arc::clone(&self.clock),
            hasher,
            by: self.actor.clone(),
        }
    }

    /// The same, to change what the administrator `name` proves themselves with: for themselves, and for those who could
    /// grant all that this one may do. A token is not its administrator: it would make others that may do more.
    pub fn credentials_of(&self, name: &str) -> Result<(Credentials, Administrator), AppError> {
        let who = if self.actor.name() == name && self.actor.is_present() {
            self.credentials().administrator(name)?
        } else {
            let who = self.administrator(name)?;
            self.check_grants(&who.rights.grants().collect::<Vec<_>>())?;
            who
        };
        Ok((self.credentials(), who))
    }

    /// Whether there is an administrator, or the first one is still to be made.
    pub fn has_administrators(&self) -> Result<bool, AppError> {
        Ok(!self.engine().administrators()?.is_empty())
    }
}

impl Credentials {
    /// The administrator of this name.
    pub fn administrator(&self, name: &str) -> Result<Administrator, AppError> {
        let found = self.store.administrator(name)?;
        Ok(found.ok_or_else(|| StoreError::NoSuch(format!("administrator {name:?}")))?)
    }

    /// Lets an administrator in. Whatever is wrong, it is the same work and the same refusal.
    pub fn sign_in(&self, shown: &SignIn<'_>) -> Result<SignedIn, AppError> {
        let now = self.clock.now();
        let keys = [
            (BackOff::key_of_name(shown.name), BackOff::BY_NAME),
            (BackOff::key_of_address(shown.address), BackOff::BY_ADDRESS),
        ];
        let attempt = match self.store.begin_attempt(&keys, BackOff::forgotten(now), now)? {
            Tries::Allowed(attempt) => attempt,
            Tries::Blocked(until) => return Err(Denied::Wait(seconds(now, until)).into()),
        };
        // Whatever is typed where the name belongs: what cannot be one is nobody's.
        let name = check_administrator_name(shown.name).map_or("", |()| shown.name);
        let proofs = self.store.proofs(name)?.unwrap_or_default();
        let factor = second::factor(&proofs, shown.second, now);
        let known = self.hasher.verify(shown.password, proofs.password.as_ref())?;
        let (Some(factor), Some(password)) = (factor, known) else {
            self.note_failure(name, &proofs, shown)?;
            return Err(Denied::SignIn.into());
        };

        let token = Secret::new(random::letters::<32>()?);
        let agent: String = shown.agent.chars().filter(|c| !c.is_control()).take(MAX_AGENT).collect();
        let begun = self.store.begin_session(&NewSession {
            administrator: proofs.administrator,
            password,
            factor: &factor,
            hash: &random::hash(&token),
            instead_of: shown.instead_of.map(random::hash).as_ref(),
            now,
            expires_at: now.plus(Session::LONGEST),
            address: &shown.address.to_canonical().to_string(),
            agent: &agent,
        })?;
        let (session, administrator) = begun.ok_or(Denied::SignIn)?;
        self.store.take_back_attempt(&attempt)?;
        Ok(SignedIn { token, session, administrator })
    }

    /// Who has failed is nobody yet. What was typed for a name may be a password, so it is kept of an administrator only.
    fn note_failure(&self, name: &str, proofs: &Proofs, shown: &SignIn<'_>) -> Result<(), AppError> {
        let known = proofs.administrator != 0;
        let subject = if known { format!("administrator {name}") } else { "an unknown name".to_owned() };
        let address = shown.address.to_canonical().to_string();
        let act =
            Act { at: self.clock.now(), who: "nobody", administrator_id: None, address: Some(&address) };
        Ok(self.store.record(&act, &Deed::new(Action::SignInFailed, subject))?)
    }

    /// What is changed now is changed on behalf of whoever this is for.
    fn act(&self) -> Act<'_> {
        let (who, administrator_id) = (self.by.name(), self.by.id());
        Act { at: self.clock.now(), who, administrator_id, address: self.by.address() }
    }

    /// Gives an administrator another password. Their sessions end but for `keep`, and if they had to wait, no more.
    pub fn set_password(
        &self,
        who: &Administrator,
        password: &Secret,
        keep: Option<&Session>,
    ) -> Result<(), AppError> {
        check_password(&who.name, password)?;
        let hash = self.hasher.hash(password)?;
        self.store.set_password(who, &hash, keep.map(|session| session.id), &self.act())?;
        Ok(self.store.lift_block(&BackOff::key_of_name(&who.name))?)
    }
}

/// Whole seconds from `now` to `until`, so that it is over when they are.
fn seconds(now: Timestamp, until: Timestamp) -> u64 {
    let micros = until.as_micros().saturating_sub(now.as_micros());
    u64::try_from(micros).unwrap_or(0).div_ceil(1_000_000)
}
