use std::net::IpAddr;
use std::sync::Arc;

use rollcall_domain::{
    Act, Action, Administrator, BackOff, Deed, Secret, Session, Timestamp, check_administrator_name,
    check_password,
};
use rollcall_store::{NewSession, Proofs, StoreError, Tries};

use super::denied::Denied;
use super::{random, second};
use crate::actor::Actor;
use crate::app::App;
use crate::error::AppError;
use crate::shared::Shared;

/// The longest description of a browser, in characters.
const MAX_AGENT: usize = 200;

/// An attempt to sign in.
#[derive(Debug, Clone, Copy)]
pub struct SignIn<'a> {
    /// The name that was typed.
    pub name: &'a str,
    /// Their password.
    pub password: &'a Secret,
    /// A code of their authenticator or a recovery code, if they have typed one.
    pub second: Option<&'a Secret>,
    /// The address of the browser.
    pub address: IpAddr,
    /// The description that the browser gives of itself.
    pub agent: &'a str,
    /// The token of a session that they had until now, which ends.
    pub instead_of: Option<&'a Secret>,
}

/// A successful sign-in.
#[derive(Debug)]
pub struct SignedIn {
    /// The token of the session, which is stored nowhere else.
    pub token: Secret,
    /// Their session.
    pub session: Session,
    /// The administrator.
    pub administrator: Administrator,
}

/// Checks and changes the credentials of administrators. It is for the authentication of requests, whose actors
/// have no rights yet; [`AdministratorOperations::open_credentials`](crate::AdministratorOperations::open_credentials)
/// checks rights.
#[derive(Clone)]
pub struct Credentials {
    pub(super) shared: Arc<Shared>,
    /// The actor on whose behalf credentials are changed.
    by: Actor,
}

impl App {
    /// The credentials of administrators, without a permission check: see [`Credentials`].
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        Credentials { shared: Arc::clone(&self.shared), by: self.actor().clone() }
    }
}

impl Credentials {
    /// The administrator of this name.
    pub fn administrator(&self, name: &str) -> Result<Administrator, AppError> {
        let found = self.shared.store_unchecked().administrators().by_name(name)?;
        Ok(found.ok_or_else(|| StoreError::NoSuch(format!("administrator {name:?}")))?)
    }

    /// Lets an administrator in. Whatever is wrong, it is the same work and the same refusal.
    pub fn sign_in(&self, shown: &SignIn<'_>) -> Result<SignedIn, AppError> {
        let now = self.shared.now();
        let keys = [
            (BackOff::key_of_name(shown.name), BackOff::BY_NAME),
            (BackOff::key_of_address(shown.address), BackOff::BY_ADDRESS),
        ];
        let attempt = match self.shared.store_unchecked().credentials().begin_attempt(
            &keys,
            BackOff::forgotten(now),
            now,
        )? {
            Tries::Allowed(attempt) => attempt,
            Tries::Blocked(until) => return Err(Denied::Wait(seconds(now, until)).into()),
        };
        // Whatever is typed where the name belongs: what cannot be one is nobody's.
        let name = check_administrator_name(shown.name).map_or("", |()| shown.name);
        let proofs = self.shared.store_unchecked().credentials().proofs(name)?.unwrap_or_default();
        let factor = second::factor(&proofs, shown.second, now);
        let known = self.shared.hasher.verify(shown.password, proofs.password.as_ref())?;
        let (Some(factor), Some(password)) = (factor, known) else {
            self.note_failure(name, &proofs, shown)?;
            return Err(Denied::SignIn.into());
        };

        let token = Secret::new(random::letters::<32>()?);
        let agent: String = shown.agent.chars().filter(|c| !c.is_control()).take(MAX_AGENT).collect();
        let begun = self.shared.store_unchecked().sessions().begin(&NewSession {
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
        self.shared.store_unchecked().credentials().take_back_attempt(&attempt)?;
        Ok(SignedIn { token, session, administrator })
    }

    /// Who has failed is nobody yet. What was typed for a name may be a password, so it is kept of an administrator
    /// only.
    fn note_failure(&self, name: &str, proofs: &Proofs, shown: &SignIn<'_>) -> Result<(), AppError> {
        let known = proofs.administrator != 0;
        let subject = if known { format!("administrator {name}") } else { "an unknown name".to_owned() };
        let address = shown.address.to_canonical().to_string();
        let act =
            Act { at: self.shared.now(), who: "nobody", administrator_id: None, address: Some(&address) };
        Ok(self.shared.store_unchecked().audit().record(&act, &Deed::new(Action::SignInFailed, subject))?)
    }

    /// The actor and the moment, for the audit log.
    pub(super) fn act(&self) -> Act<'_> {
        let (who, administrator_id) = (self.by.name(), self.by.id());
        Act { at: self.shared.now(), who, administrator_id, address: self.by.address() }
    }

    /// Gives an administrator another password. Their sessions end but for `keep`, and if they had to wait, no more.
    pub fn set_password(
        &self,
        who: &Administrator,
        password: &Secret,
        keep: Option<&Session>,
    ) -> Result<(), AppError> {
        check_password(&who.name, password)?;
        let hash = self.shared.hasher.hash(password)?;
        self.shared.store_unchecked().credentials().set_password(
            who,
            &hash,
            keep.map(|session| session.id),
            &self.act(),
        )?;
        Ok(self.shared.store_unchecked().credentials().lift_block(&BackOff::key_of_name(&who.name))?)
    }
}

/// Whole seconds from `now` to `until`, so that it is over when they are.
fn seconds(now: Timestamp, until: Timestamp) -> u64 {
    let micros = until.as_micros().saturating_sub(now.as_micros());
    u64::try_from(micros).unwrap_or(0).div_ceil(1_000_000)
}
