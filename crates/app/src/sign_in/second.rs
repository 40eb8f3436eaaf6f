//! What is asked for besides the password: a code of an authenticator, or one of the codes for when it is lost.

use rollcall_domain::{Administrator, Secret, Timestamp};
use rollcall_store::{Authenticator, Factor, Proofs, StoreError};

use super::credentials::Credentials;
use super::denied::Denied;
use super::{random, totp};
use crate::error::AppError;

/// So many recovery codes there are.
const RECOVERY_CODES: usize = 10;

/// What an authenticator has to be told.
#[derive(Debug)]
pub struct Enrolment {
    /// The secret, to be typed.
    pub secret: Secret,
    /// The same as an `otpauth` address, to be shown as a picture.
    pub uri: Secret,
}

/// Whether what was shown besides the password counts, and as what.
pub(super) fn factor(proofs: &Proofs, shown: Option<&Secret>, now: Timestamp) -> Option<Factor> {
    let Some(Authenticator { secret, last_step }) = &proofs.authenticator else { return Some(Factor::None) };
    let typed: String = shown?.reveal().chars().filter(char::is_ascii_alphanumeric).collect();
    let typed = Secret::new(typed.to_ascii_lowercase());
    if let Some(step) = totp::step_of(&typed, secret, *last_step, now) {
        return Some(Factor::Code(secret.clone(), step));
    }
    let hash = random::hash(&typed);
    proofs.recovery.contains(&hash).then_some(Factor::Recovery(hash))
}

/// `abcd-efgh-ijkl-mnop`: 80 random bits.
fn recovery_code() -> Result<(Secret, Secret), AppError> {
    let code = random::letters::<10>()?;
    let parts: Vec<_> = [0, 4, 8, 12].map(|at| &code[at..at + 4]).into();
    Ok((Secret::new(parts.join("-")), random::hash(&Secret::new(&*code))))
}

impl Credentials {
    /// Begins to ask an administrator for codes: the secret for their authenticator. [`Credentials::confirm_totp`] has
    /// to see a code of it.
    pub fn enrol_totp(&self, who: &Administrator) -> Result<Enrolment, AppError> {
        let secret = totp::secret()?;
        if !self.shared.store_unchecked().credentials().enrol_authenticator(who, &secret)? {
            let why = format!("{:?} has an authenticator already: remove that one first", who.name);
            return Err(StoreError::InUse(why).into());
        }
        Ok(Enrolment { uri: totp::uri(&who.name, &secret), secret })
    }

    /// From now on codes are asked for, if this is one. The recovery codes come back, which are nowhere else.
    pub fn confirm_totp(&self, who: &Administrator, code: &Secret) -> Result<Vec<Secret>, AppError> {
        let now = self.shared.now();
        let none = || StoreError::NoSuch("authenticator to be confirmed: enrol one first".to_owned());
        let Authenticator { secret, last_step } =
            self.shared.store_unchecked().credentials().unconfirmed_authenticator(who)?.ok_or_else(none)?;
        let last_step = totp::step_of(code, &secret, last_step, now).ok_or(Denied::Code)?;
        let codes = (0..RECOVERY_CODES).map(|_| recovery_code()).collect::<Result<Vec<_>, _>>()?;
        let (codes, hashes): (Vec<_>, Vec<_>) = codes.into_iter().unzip();
        let confirmed = Authenticator { secret, last_step };
        if !self.shared.store_unchecked().credentials().confirm_authenticator(
            who,
            &confirmed,
            &hashes,
            &self.act(),
        )? {
            return Err(StoreError::Stale(format!("the authenticator of {:?}", who.name)).into());
        }
        Ok(codes)
    }

    /// Whether an administrator is asked for codes.
    pub fn has_totp(&self, who: &Administrator) -> Result<bool, AppError> {
        Ok(self
            .shared
            .store_unchecked()
            .credentials()
            .proofs(&who.name)?
            .is_some_and(|proofs| proofs.authenticator.is_some()))
    }

    /// Asks an administrator for no codes any more; says whether they were asked for some, or about to be.
    pub fn remove_totp(&self, who: &Administrator) -> Result<bool, AppError> {
        Ok(self.shared.store_unchecked().credentials().remove_authenticator(who, &self.act())?)
    }
}
